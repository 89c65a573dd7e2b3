import type { Socket } from 'node:net';
import { safeParse } from 'valibot';
import { bytesOf, TransportError, type Connection, type Payload, type Receiver, type Reception } from './connection.ts';
import { FrameReader, heartbeat, maxHeadBytes, maxHelloBytes, prefixOf, type OnHead } from './frame-reader.ts';
import { SendQueue } from './send-queue.ts';

export interface Timing {
  /** Monotonic, in milliseconds. */
  now: () => number;
  /** How long an end is silent before it says that it is alive. */
  heartbeatMs: number;
  /** How long the other end may be silent. */
  silenceMs: number;
  /** How long the other end may take until it said hello, with all that comes before. */
  helloMs: number;
}

/** What pods allow each other; a machine may be busy for seconds. */
export const usualTiming: Omit<Timing, 'now'> = { heartbeatMs: 2_000, silenceMs: 10_000, helloMs: 10_000 };

/**
 * A connection over a socket that is connected, and for TLS secured. The first frame goes to `onHello`, which names the receiver of all others;
 * what comes before it is bound to `maxHelloBytes` and `helloMs`.
 */
export class SocketConnection implements Connection {
  readonly #socket: Socket;
  readonly #timing: Timing;
  readonly #reader: FrameReader;
  readonly #queue: SendQueue;
  readonly #pulse: NodeJS.Timeout;
  #helloTimer: NodeJS.Timeout | undefined;
  #receiver: Receiver<unknown> | undefined;
  #onFailure: ((error: TransportError) => void) | undefined;
  #error: TransportError | undefined;
  #open = true;
  #lastHeard: number;
  #lastPulse: number;

  /** @param onFailure called where the connection ends before there is a receiver */
  constructor(
    socket: Socket,
    timing: Timing,
    onHello: (head: unknown) => Receiver<unknown> | undefined,
    onFailure: (error: TransportError) => void,
  ) {
    this.#socket = socket;
    this.#timing = timing;
    this.#onFailure = onFailure;
    this.#lastHeard = this.#lastPulse = timing.now();
    this.#reader = new FrameReader((head, payloadBytes) => {
      if (payloadBytes > 0) throw new TransportError('Protocol', 'a hello has no payload');
      const receiver = onHello(head);
      if (receiver) this.#start(receiver);
      return undefined;
    }, maxHelloBytes);
    this.#queue = new SendQueue(socket);
    this.#helloTimer = setTimeout(
      () => this.destroy(new TransportError('Silent', 'the other end did not say hello in time')),
      timing.helloMs,
    );
    this.#pulse = setInterval(() => this.#beat(), timing.heartbeatMs);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.take(chunk));
    socket.on('error', (error) => this.#fail(new TransportError('Closed', error.message, { cause: error })));
    socket.on('end', () => this.#fail(new TransportError('Closed', 'the other end closed the connection')));
    socket.on('close', () => this.#fail(new TransportError('Closed', 'the connection was closed')));
  }

  get open(): boolean {
    return this.#open;
  }

  /**
   * Bytes that arrived, where the socket gives them to a buffer of its own and not to 'data'. Throws what a receiver throws that is not the other end's
   * fault.
   */
  take(chunk: Uint8Array): void {
    if (!this.#open) return;
    this.#lastHeard = this.#timing.now();
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (error instanceof TransportError) {
        this.destroy(error);
        return;
      }
      this.destroy();
      throw error;
    }
  }

  send(message: { type: string }, payload?: Payload): Promise<boolean> {
    if (!this.#open) return Promise.resolve(false);
    const head = Buffer.from(JSON.stringify(message));
    if (head.byteLength > maxHeadBytes) throw new Error(`a message of type ${message.type} is too long`);
    const prefix = prefixOf(head.byteLength, payload?.byteLength ?? 0);
    return this.#queue.add(Buffer.concat([prefix, head]), payload && bytesOf(payload));
  }

  end(): void {
    if (!this.#open) return;
    void this.#queue.add(Buffer.alloc(0)).then(() => this.#close(undefined));
  }

  destroy(error = new TransportError('Closed', 'the connection was closed by this end')): void {
    this.#fail(error);
  }

  #start(receiver: Receiver<unknown>): void {
    clearTimeout(this.#helloTimer);
    this.#helloTimer = undefined;
    this.#receiver = receiver;
    this.#onFailure = undefined;
    const onHead: OnHead = (head, payloadBytes): Reception | undefined => {
      const result = safeParse(receiver.schema, head);
      if (!result.success) {
        throw new TransportError('Protocol', `a message makes no sense: ${result.issues[0].message}`);
      }
      return receiver.message(result.output, payloadBytes);
    };
    this.#reader.become(onHead, maxHeadBytes);
  }

  #beat(): void {
    const now = this.#timing.now();
    // Where this process itself stood still, nobody could be heard.
    if (now - this.#lastPulse > 2 * this.#timing.heartbeatMs) this.#lastHeard = now;
    this.#lastPulse = now;
    if (now - this.#lastHeard > this.#timing.silenceMs) {
      this.destroy(new TransportError('Silent', `nothing was heard for ${this.#timing.silenceMs} ms`));
    } else if (this.#queue.idle) {
      void this.#queue.add(heartbeat);
    }
  }

  #fail(error: TransportError): void {
    if (!this.#open) return;
    this.#error = error;
    this.#close(error);
  }

  #close(error: TransportError | undefined): void {
    if (!this.#open) return;
    this.#open = false;
    clearTimeout(this.#helloTimer);
    clearInterval(this.#pulse);
    if (error) this.#socket.destroy();
    else this.#socket.destroySoon();
    this.#queue.end();
    this.#reader.end();
    this.#onFailure?.(error ?? new TransportError('Closed', 'the connection was closed by this end'));
    this.#receiver?.closed(this.#error);
  }
}
