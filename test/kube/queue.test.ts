import { describe, expect, test } from '@jest/globals';
import { WorkQueue } from '../../operator/kube/queue.ts';
import { ManualClock } from './manual-clock.ts';

describe('WorkQueue', () => {
  test('a key is in at most once', async () => {
    const queue = new WorkQueue(new ManualClock());
    queue.add('a');
    queue.add('a');
    queue.add('b');
    expect([await queue.next(), await queue.next()]).toEqual(['a', 'b']);
    expect(queue.size).toBe(2);
  });

  test('a key added while with a worker comes once more afterwards', async () => {
    const queue = new WorkQueue(new ManualClock());
    queue.add('a');
    await queue.next();
    queue.add('a');
    queue.add('a');
    let second: string | undefined;
    const next = queue.next().then((key) => (second = key));
    await Promise.resolve();
    expect(second).toBeUndefined();
    queue.done('a');
    expect(await next).toBe('a');
    queue.done('a');
    expect(queue.size).toBe(0);
  });

  test('of two delays the earlier wins', async () => {
    const clock = new ManualClock();
    const queue = new WorkQueue(clock);
    queue.addAfter('a', 5_000);
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 9_000);
    clock.advance(1_000);
    expect(await queue.next()).toBe('a');
    queue.done('a');
    expect(queue.size).toBe(0);
  });

  test('an immediate look replaces a later one', async () => {
    const clock = new ManualClock();
    const queue = new WorkQueue(clock);
    queue.addAfter('a', 5_000);
    queue.add('a');
    expect(await queue.next()).toBe('a');
    queue.done('a');
    clock.advance(5_000);
    expect(queue.size).toBe(0);
  });

  test('a delay asked for while the key is with a worker stands', async () => {
    const clock = new ManualClock();
    const queue = new WorkQueue(clock);
    queue.add('a');
    await queue.next();
    queue.addAfter('a', 5_000);
    queue.done('a');
    clock.advance(5_000);
    expect(await queue.next()).toBe('a');
  });

  test('failures of a key back off from 1 s to 5 min, until it goes well', () => {
    const clock = new ManualClock();
    const queue = new WorkQueue(clock);
    const wait = (): number => {
      queue.retry('a');
      return waitOf(queue, clock);
    };
    const waits = Array.from({ length: 11 }, wait);
    expect(waits.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(waits.slice(9)).toEqual([300_000, 300_000]);
    queue.forget('a');
    expect(wait()).toBe(1_000);
  });

  test('a failed key is not tried before the time the server asked for, and not before its backoff', () => {
    const clock = new ManualClock();
    const queue = new WorkQueue(clock);
    queue.retry('a', 30_000);
    expect(waitOf(queue, clock)).toBe(30_000);
    queue.retry('a', 10);
    expect(waitOf(queue, clock)).toBe(2_000);
  });

  test('jitter keeps many failed keys apart, by a fifth', () => {
    const waits = [0, 0.999].map((random) => {
      const clock = new ManualClock(() => random);
      const queue = new WorkQueue(clock);
      queue.retry('a');
      return clock.nextMs;
    });
    expect(waits).toEqual([800, 1_200]);
  });

  test('closing wakes who waits and drops what is due later', async () => {
    const queue = new WorkQueue(new ManualClock());
    const next = queue.next();
    queue.addAfter('a', 1_000);
    queue.close();
    expect(await next).toBeUndefined();
    expect(await queue.next()).toBeUndefined();
    queue.add('a');
    expect(queue.size).toBe(0);
  });
});

/** How long the next key is kept back; takes that key. */
function waitOf(queue: WorkQueue, clock: ManualClock): number {
  const ms = clock.nextMs ?? 0;
  clock.advance(ms);
  void queue.next();
  queue.done('a');
  return ms;
}
