import { backoffMs } from '../../../lib/backoff.ts';
import type { Log } from '../../../lib/log.ts';
import { TrainingFailure } from '../../errors.ts';
import { TransportError, watched, type Connection, type Receiver } from './connection.ts';
import { dial, type DialOptions } from './dial.ts';

export interface LinkOptions extends Omit<DialOptions, 'open' | 'signal'> {
  random: () => number;
  log: Log;
  /** Each time that a connection was made. `connection` is of no use after the receiver's `closed`. */
  open(connection: Connection): Receiver<unknown>;
  /** After each attempt that failed; true: give up. The link is closed then. */
  failed?(error: TransportError): boolean;
}

/** Quick at first, since most peers that are lost are back in a moment. */
const backoff = { baseMs: 50, maxMs: 2_000, jitter: 0.2 };

/** Keeps one connection to a peer: makes another one whenever it is lost, until it is closed. */
export class Link {
  readonly #options: LinkOptions;
  readonly #stop = new AbortController();
  #connection: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** In a row. A connection that is lost at once is one too. */
  #failures = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
    void this.#dial();
  }

  /** Undefined while there is none. */
  get connection(): Connection | undefined {
    return this.#connection?.open ? this.#connection : undefined;
  }

  /** @param gently after what was sent before is out */
  close(gently = false): void {
    clearTimeout(this.#timer);
    this.#stop.abort();
    if (gently) this.#connection?.end();
    else this.#connection?.destroy();
  }

  async #dial(): Promise<void> {
    const options = this.#options;
    try {
      await dial({
        ...options,
        signal: this.#stop.signal,
        open: (connection) => {
          this.#connection = connection;
          const openedAtMs = options.timing.now();
          const receiver = watched(options.open(connection), ({ message }) =>
            options.log.warn({ peer: options.peer, reason: message }, 'a peer was cut off for what it said'),
          );
          return {
            schema: receiver.schema,
            message: (message, payloadBytes) => receiver.message(message, payloadBytes),
            closed: (error) => {
              this.#connection = undefined;
              if (options.timing.now() - openedAtMs >= backoff.maxMs) this.#failures = 0;
              receiver.closed(error);
              this.#retry();
            },
          };
        },
      });
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const known = asTransportError(error);
      options.log.debug(
        { peer: options.peer, code: known.code, refusal: known.refusal, reason: known.message },
        'no connection',
      );
      if (options.failed?.(known)) this.#stop.abort();
      else this.#retry();
    }
  }

  #retry(): void {
    if (this.#stop.signal.aborted) return;
    this.#failures++;
    this.#timer = setTimeout(() => void this.#dial(), backoffMs(this.#failures, backoff, this.#options.random));
  }
}

/** What is wrong with this end's own certificate is found only when it is used. */
function asTransportError(error: unknown): TransportError {
  if (error instanceof TransportError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new TransportError(error instanceof TrainingFailure ? 'Untrusted' : 'Unreachable', message, { cause: error });
}
