import type { OnReadOpts, Socket } from 'node:net';
import { movedSocket } from '../../moved-socket.ts';

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

/** The same for a socket that a server accepted and paused. Where it cannot be moved, the accepted socket is returned, which emits 'data'. */
export const readAcceptedInto = (accepted: Socket, take: (bytes: Uint8Array) => void): Socket =>
  movedSocket(accepted, readInto(take)) ?? accepted;
