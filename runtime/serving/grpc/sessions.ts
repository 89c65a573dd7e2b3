import { constants, type ServerHttp2Session } from 'node:http2';

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

/** The connections of a gRPC server. */
export class GrpcSessions {
  readonly #options: GrpcSessionsOptions;
  readonly #open = new Set<ServerHttp2Session>();

  constructor(options: GrpcSessionsOptions) {
    this.#options = options;
  }

  add(session: ServerHttp2Session): void {
    const { maxConnectionAgeMs, random } = this.#options;
    this.#open.add(session);
    const age = setTimeout(() => this.#retire(session), maxConnectionAgeMs * (0.9 + 0.2 * random()));
    session.once('close', () => {
      clearTimeout(age);
      this.#open.delete(session);
    });
  }

  /** Asks the clients of all present connections to open another one. Requests on these are still answered. */
  sayGoAway(): void {
    this.#open.forEach(goAway);
  }

  /** Resolves when all are closed: at the end of their requests, after `graceMs` at the latest. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((session) => this.#finish(session)));
  }

  #retire(session: ServerHttp2Session): void {
    goAway(session);
    const timer = setTimeout(() => void this.#finish(session), moveOnMs);
    session.once('close', () => clearTimeout(timer));
  }

  #finish(session: ServerHttp2Session): Promise<void> {
    return new Promise((resolve) => {
      if (session.destroyed) {
        resolve();
        return;
      }
      const timer = setTimeout(() => session.destroy(), this.#options.graceMs);
      session.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
      session.close();
    });
  }
}

/** One that refuses nothing yet. */
function goAway(session: ServerHttp2Session): void {
  if (!session.closed && !session.destroyed) session.goaway(constants.NGHTTP2_NO_ERROR, highestStreamId);
}
