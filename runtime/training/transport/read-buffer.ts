import { Socket, type OnReadOpts } from 'node:net';

/** Reading into one buffer of this size again and again measured twice as fast as a new buffer for each 64 KiB. */
const readBytes = 1024 * 1024;

/** For sockets that connect: hands on what arrives from one buffer, which is used again after `take` returned. */
export function readInto(take: (bytes: Uint8Array) => void): OnReadOpts {
  const buffer = Buffer.allocUnsafeSlow(readBytes);
  return {
    buffer,
    callback: (length) => {
      take(buffer.subarray(0, length));
      return true;
    },
  };
}

/**
 * The same for a socket that a server accepted and paused. Node has no option for that: the connection moves to a socket that has. Where it cannot be
 * moved, the accepted socket is returned, which emits 'data'.
 */
export function readAcceptedInto(accepted: Socket, take: (bytes: Uint8Array) => void): Socket {
  const handle: unknown = Reflect.get(accepted, '_handle');
  if (typeof handle !== 'object' || handle === null) return accepted;
  Reflect.set(accepted, '_handle', null);
  const options = { handle, onread: readInto(take) };
  const socket = new Socket(options as ConstructorParameters<typeof Socket>[0]);
  // The server counts its connections by the sockets that it made.
  socket.once('close', () => accepted.destroy());
  return socket;
}
