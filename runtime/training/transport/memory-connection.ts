import { parse } from 'valibot';
import { bytesOf, TransportError, type Connection, type Receiver } from './connection.ts';

/**
 * Two ends of a connection within one process, for a role that talks to itself. Messages arrive later, as those of a socket do; payloads are
 * copied.
 */
export function connectInMemory(
  openOne: (connection: Connection) => Receiver<unknown>,
  openOther: (connection: Connection) => Receiver<unknown>,
): void {
  const state = { open: true };
  const receivers: Receiver<unknown>[] = [];
  const close = (error: TransportError | undefined): void => {
    if (!state.open) return;
    state.open = false;
    for (const receiver of receivers) receiver.closed(error);
  };
  const end = (other: number): Connection => ({
    get open() {
      return state.open;
    },
    send: (message, payload) => {
      const sent = structuredClone(message);
      return new Promise((resolve) => {
        setImmediate(() => {
          const receiver = receivers[other];
          if (!state.open || !receiver) {
            resolve(false);
            return;
          }
          const reception = receiver.message(parse(receiver.schema, sent), payload?.byteLength ?? 0);
          if (payload) reception?.into.set(bytesOf(payload));
          reception?.done();
          resolve(true);
        });
      });
    },
    end: () => void setImmediate(() => close(undefined)),
    destroy: (error) => close(error ?? new TransportError('Closed', 'the connection was closed by this end')),
  });
  receivers.push(openOne(end(1)), openOther(end(0)));
}
