import { fromServer, type FromServer, type ToServer } from '../messages.ts';
import { bytesOf, TransportError, type Connection, type Receiver } from '../transport/connection.ts';
import type { SliceClient } from './options.ts';

/** Connects to the data port of one incarnation of a server, once. */
export type ConnectData = (
  server: number,
  incarnation: number,
  open: (connection: Connection<ToServer>) => Receiver<FromServer>,
) => Promise<Connection<ToServer>>;

/** Slices over the transport, each over a connection of its own. All rejects with TransportError. */
export function sliceClient(connect: ConnectData): SliceClient {
  const ask = async (
    server: number,
    incarnation: number,
    say: (connection: Connection<ToServer>) => void,
    into: Float32Array | undefined,
  ): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>();
    const lost = (error?: TransportError): void => reject(error ?? new TransportError('Closed', 'no answer came'));
    const connection = await connect(server, incarnation, () => ({
      schema: fromServer,
      message: (message) => {
        if (message.type === 'filled') resolve(undefined);
        else if (message.type === 'parameters' && into) {
          return { into: bytesOf(into), done: () => resolve(undefined), lost: () => undefined };
        } else reject(new TransportError('Protocol', `the server said ${message.type}`));
        return undefined;
      },
      closed: lost,
    }));
    say(connection);
    await promise.finally(() => connection.destroy());
  };
  return {
    fill: (server, incarnation, generation, version, weights) =>
      ask(
        server,
        incarnation,
        (connection) => void connection.send({ type: 'fill', generation, version, vector: 0, last: true }, weights),
        undefined,
      ),
    pull: (server, incarnation, generation, version, into) =>
      ask(
        server,
        incarnation,
        (connection) => void connection.send({ type: 'pull', generation, version, slots: false }),
        into,
      ),
  };
}
