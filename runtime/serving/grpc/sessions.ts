import { setMaxListeners } from 'node:events';
import { constants, type Http2Session, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

export interface GrpcSessionsOptions {
  /** A connection older than this, varied by a tenth, is asked to move on. */
  maxConnectionAgeMs: number;
  /** How long a connection that must go may finish its requests. */
  graceMs: number;
  /** In [0, 1). */
  random: () => number;
}

const highestStreamId = 2 ** 31 - 1;

/** For a GOAWAY to reach its client and the client's last streams to arrive. */
const moveOnMs = 300;

interface Connection {
  /** Who is at its other end; a session does not give its socket away. */
  peer: string;
  closing: AbortController;
}

const peerOf = ({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string =>
  `${remoteAddress ?? ''} ${remotePort ?? ''}`;

/** The connections of a gRPC server. */
export class GrpcSessions {
  readonly #options: GrpcSessionsOptions;
  readonly #open = new Map<ServerHttp2Session, Connection>();
  readonly #sockets = new Map<string, Socket>();

  constructor(options: GrpcSessionsOptions) {
    this.#options = options;
  }

  add(session: ServerHttp2Session): void {
    const { maxConnectionAgeMs, random } = this.#options;
    const connection = { peer: peerOf(session.socket), closing: new AbortController() };
    // One listener for each open stream.
    setMaxListeners(0, connection.closing.signal);
    this.#open.set(session, connection);
    const age = setTimeout(() => this.#retire(session), maxConnectionAgeMs * (0.9 + 0.2 * random()));
    session.once('close', () => {
      clearTimeout(age);
      connection.closing.abort();
      this.#open.delete(session);
    });
  }

  addSocket(socket: Socket): void {
    const peer = peerOf(socket);
    this.#sockets.set(peer, socket);
    socket.once('close', () => {
      if (this.#sockets.get(peer) === socket) this.#sockets.delete(peer);
    });
  }

  /** Aborted when the session is to close. */
  closing(session: Http2Session | undefined): AbortSignal {
    return this.#open.get(session as ServerHttp2Session)?.closing.signal ?? AbortSignal.abort();
  }

  /** Asks the clients of all present connections to open another one. Requests on these are still answered. */
  sayGoAway(): void {
    for (const session of this.#open.keys()) goAway(session);
  }

  /** Resolves when all are closed: at the end of their requests, after `graceMs` at the latest. */
  async close(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((session) => this.#finish(session)));
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  #retire(session: ServerHttp2Session): void {
    goAway(session);
    const timer = setTimeout(() => void this.#finish(session), moveOnMs);
    session.once('close', () => clearTimeout(timer));
  }

  #finish(session: ServerHttp2Session): Promise<void> {
    const connection = this.#open.get(session);
    if (!connection) return Promise.resolve();
    return new Promise((resolve) => {
      // A session that was closed waits for its peer to close too, and to destroy it changes nothing then.
      const timer = setTimeout(() => {
        this.#sockets.get(connection.peer)?.destroy();
        resolve();
      }, this.#options.graceMs);
      session.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      connection.closing.abort();
      session.close();
    });
  }
}

/** One that refuses nothing yet. */
function goAway(session: ServerHttp2Session): void {
  if (!session.closed && !session.destroyed) session.goaway(constants.NGHTTP2_NO_ERROR, highestStreamId);
}
