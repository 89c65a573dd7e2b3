import type { Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { SendQueue } from '../../../../runtime/training/transport/send-queue.ts';

/** A socket that writes when the test says so. */
class SlowSocket {
  readonly written: number[] = [];
  readonly pending: ((error?: Error) => void)[] = [];

  cork(): void {
    this.written.push(0);
  }

  uncork(): void {
    this.written.push(0);
  }

  write(bytes: Uint8Array, done: (error?: Error) => void): void {
    this.written.push(bytes.byteLength);
    this.pending.push(done);
  }

  get total(): number {
    return this.written.reduce((sum, bytes) => sum + bytes, 0);
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
const mebibyte = 1024 * 1024;

describe('a queue of frames', () => {
  it('hands a large payload on as fast as the socket takes it, and no faster', async () => {
    const socket = new SlowSocket();
    const queue = new SendQueue(socket as unknown as Socket);
    const sent = queue.add(new Uint8Array(16), new Uint8Array(10 * mebibyte));
    await turn();
    expect(socket.total).toBeLessThanOrEqual(2 * mebibyte + 16);
    while (socket.pending.length > 0) {
      socket.pending.shift()?.();
      await turn();
    }
    expect(socket.total).toBe(10 * mebibyte + 16);
    expect(await sent).toBe(true);
    expect(queue.idle).toBe(true);
  });

  it('hands short frames on at once, in order, up to a long one that the socket is to take first', async () => {
    const socket = new SlowSocket();
    const queue = new SendQueue(socket as unknown as Socket);
    const sent = [1, 2, mebibyte, 3].map((length) => queue.add(new Uint8Array(length)));
    expect(socket.written.filter((bytes) => bytes > 0)).toEqual([1, 2, mebibyte]);
    for (const done of socket.pending.splice(0)) done();
    await turn();
    expect(socket.written.filter((bytes) => bytes > 0)).toEqual([1, 2, mebibyte, 3]);
    socket.pending.shift()?.();
    expect(await Promise.all(sent)).toEqual([true, true, true, true]);
  });

  it('says of each frame whether the system got it', async () => {
    const socket = new SlowSocket();
    const queue = new SendQueue(socket as unknown as Socket);
    const sent = [1, mebibyte, 3].map((length) => queue.add(new Uint8Array(length)));
    socket.pending.shift()?.();
    await turn();
    queue.end();
    socket.pending.shift()?.(new Error('the connection was reset'));
    expect(await Promise.all(sent)).toEqual([true, false, false]);
    expect(await queue.add(new Uint8Array(1))).toBe(false);
  });
});
