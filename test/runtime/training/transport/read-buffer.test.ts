import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { readAcceptedInto } from '../../../../runtime/training/transport/read-buffer.ts';
import { eventually } from '../../../support/eventually.ts';

async function listening(onSocket: (socket: Socket) => void): Promise<{ server: Server; client: Socket }> {
  const server = createServer({ pauseOnConnect: true }, onSocket);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  return { server, client };
}

describe('an accepted connection', () => {
  it('is read in pieces larger than Node reads by itself, and can be written to', async () => {
    const sent = Uint8Array.from({ length: 20_000_000 }, (_, index) => index % 251);
    const received = new Uint8Array(sent.byteLength);
    const state = { filled: 0, largest: 0 };
    const { server, client } = await listening((accepted) => {
      const socket = readAcceptedInto(accepted, (bytes) => {
        received.set(bytes, state.filled);
        state.filled += bytes.byteLength;
        state.largest = Math.max(state.largest, bytes.byteLength);
        if (state.filled === sent.byteLength) socket.end('thanks');
      });
    });
    client.write(sent);
    const answer = await new Promise((resolve) => client.once('data', resolve));
    expect(String(answer)).toBe('thanks');
    expect(Buffer.from(received).equals(sent)).toBe(true);
    expect(state.largest).toBeGreaterThan(65_536);
    client.destroy();
    server.close();
  });

  it('counts among those of its server until it is closed', async () => {
    const { server, client } = await listening((accepted) => {
      readAcceptedInto(accepted, () => undefined).on('error', () => undefined);
    });
    const count = () => new Promise((resolve) => server.getConnections((_, connections) => resolve(connections)));
    await eventually(async () => expect(await count()).toBe(1), 5_000, 5);
    client.destroy();
    await eventually(async () => expect(await count()).toBe(0), 5_000, 5);
    await new Promise((resolve) => server.close(resolve));
  });

  it('is read all the same where it cannot be moved', async () => {
    const accepted = Promise.withResolvers<Socket>();
    const { server, client } = await listening((socket) => accepted.resolve(socket));
    const socket = await accepted.promise;
    const handle: unknown = Reflect.get(socket, '_handle');
    Reflect.set(socket, '_handle', undefined);
    expect(readAcceptedInto(socket, () => undefined)).toBe(socket);
    Reflect.set(socket, '_handle', handle);
    socket.destroy();
    client.destroy();
    server.close();
  });
});
