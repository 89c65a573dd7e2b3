import { parse } from 'valibot';
import { bytesOf, TransportError, type Connection, type Payload, type Receiver } from './connection.ts';

/**
 * Two ends of a connection within one process, for a role that talks to itself. Messages arrive later, as those of a socket do; payloads are
 * copied. As with a socket, what breaks the protocol ends the connection, and any other error that a receiver throws ends the process.
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
          try {
            deliver(receiver, sent, payload);
            resolve(true);
          } catch (error) {
            resolve(false);
            if (!(error instanceof TransportError)) throw error;
            close(error);
          }
        });
      });
    },
    end: () => void setImmediate(() => close(undefined)),
    destroy: (error) => close(error ?? new TransportError('Closed', 'the connection was closed by this end')),
  });
  receivers.push(openOne(end(1)), openOther(end(0)));
}

function deliver(receiver: Receiver<unknown>, message: unknown, payload: Payload | undefined): void {
  const bytes = payload ? bytesOf(payload) : new Uint8Array(0);
  const reception = receiver.message(parse(receiver.schema, message), bytes.byteLength);
  if (reception && reception.into.byteLength !== bytes.byteLength) {
    reception.lost();
    throw new TransportError(
      'Protocol',
      `a payload of ${bytes.byteLength} bytes came, not ${reception.into.byteLength}`,
    );
  }
  reception?.into.set(bytes);
  reception?.done();
}
