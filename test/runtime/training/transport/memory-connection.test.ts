import { any } from 'valibot';
import { describe, expect, it } from '@jest/globals';
import type { Connection, Reception, TransportError } from '../../../../runtime/training/transport/connection.ts';
import { connectInMemory } from '../../../../runtime/training/transport/memory-connection.ts';

/** One end that sends, and how the other one, which takes as it is told, ended. */
function connect(receive: () => Reception | undefined) {
  const ended = Promise.withResolvers<TransportError | undefined>();
  let sender: Connection | undefined;
  connectInMemory(
    (connection) => {
      sender = connection;
      return { schema: any(), message: () => undefined, closed: () => undefined };
    },
    () => ({ schema: any(), message: receive, closed: (error) => ended.resolve(error) }),
  );
  if (!sender) throw new Error('there is no connection');
  return { sender, ended: ended.promise };
}

describe('a connection within a process', () => {
  it.each([2, 4])('ends at a payload of 3 numbers for which there is room for %i', async (room) => {
    const into = new Uint8Array(room * Float32Array.BYTES_PER_ELEMENT);
    const events: string[] = [];
    const { sender, ended } = connect(() => ({
      into,
      done: () => events.push('done'),
      lost: () => events.push('lost'),
    }));
    expect(await sender.send({ type: 'weights' }, Float32Array.of(1, 2, 3))).toBe(false);
    expect(await ended).toMatchObject({ code: 'Protocol' });
    expect(events).toEqual(['lost']);
    expect(into.every((byte) => byte === 0)).toBe(true);
    expect(sender.open).toBe(false);
  });
});
