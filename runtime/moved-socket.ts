import { Socket, type OnReadOpts } from 'node:net';

/**
 * Moves a connection that Node made, such as one that a server accepted, to a socket that reads into memory of the caller's: Node offers
 * that only for sockets that one makes oneself. Undefined where it cannot be moved: then it goes on emitting 'data'.
 */
export function movedSocket(made: Socket, onread: OnReadOpts): Socket | undefined {
  const handle: unknown = Reflect.get(made, '_handle');
  if (typeof handle !== 'object' || handle === null) return undefined;
  Reflect.set(made, '_handle', null);
  const options = { handle, onread };
  const socket = new Socket(options as ConstructorParameters<typeof Socket>[0]);
  // Who made it, a server or a child process, still counts it.
  socket.once('close', () => made.destroy());
  return socket;
}
