import { pino } from 'pino';
import * as v from 'valibot';
import type { Hello } from '../../../../runtime/training/messages.ts';
import type { TransportError } from '../../../../runtime/training/transport/connection.ts';
import { type Connection, type Receiver } from '../../../../runtime/training/transport/connection.ts';
import type { DialOptions } from '../../../../runtime/training/transport/dial.ts';
import { listen, type Listener, type ListenOptions } from '../../../../runtime/training/transport/listener.ts';
import type { Timing } from '../../../../runtime/training/transport/socket-connection.ts';

export const specHash = `sha256:${'a'.repeat(64)}`;
export const silent = pino({ level: 'silent' });
export const timing: Timing = { now: () => performance.now(), heartbeatMs: 2_000, silenceMs: 10_000, helloMs: 5_000 };

export const hello: Omit<Hello, 'type' | 'protocol'> = {
  specHash,
  role: 'Worker',
  channel: 'Data',
  index: 0,
  incarnation: 1,
};

const note = v.object({ type: v.literal('note'), value: v.unknown() });

/** Keeps all that arrives; payloads go into new buffers. */
export class Recorder implements Receiver<{ value: unknown }> {
  readonly schema = note;
  readonly messages: { value: unknown; payload: Uint8Array | undefined }[] = [];
  lost = 0;
  readonly ended: Promise<TransportError | undefined>;
  readonly #end: (error: TransportError | undefined) => void;
  readonly #expectBytes: number | undefined;
  #waiting: { count: number; resolve: () => void }[] = [];

  /** @param expectBytes the length of every payload, where it is not taken as it comes */
  constructor(expectBytes?: number) {
    this.#expectBytes = expectBytes;
    const { promise, resolve } = Promise.withResolvers<TransportError | undefined>();
    this.ended = promise;
    this.#end = resolve;
  }

  message({ value }: { value: unknown }, payloadBytes: number) {
    if (payloadBytes === 0) {
      this.#add(value, undefined);
      return undefined;
    }
    const into = new Uint8Array(this.#expectBytes ?? payloadBytes);
    return { into, done: () => this.#add(value, into), lost: () => (this.lost += 1) };
  }

  closed(error: TransportError | undefined): void {
    this.#end(error);
  }

  async arrived(count: number): Promise<void> {
    if (this.messages.length >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }

  #add(value: unknown, payload: Uint8Array | undefined): void {
    this.messages.push({ value, payload });
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (this.messages.length < count) return true;
      resolve();
      return false;
    });
  }
}

export interface Accepted {
  hello: Hello;
  connection: Connection;
  recorder: Recorder;
}

/** A listener on a free port, and each connection that it accepted. */
export async function listening(
  options: Partial<ListenOptions> = {},
  newRecorder = () => new Recorder(),
): Promise<{ listener: Listener; accepted: Accepted[] }> {
  const accepted: Accepted[] = [];
  const listener = await listen({
    host: '127.0.0.1',
    port: 0,
    specHash,
    tls: undefined,
    timing,
    log: silent,
    admit: (said) => ({
      open: (connection) => {
        const recorder = newRecorder();
        accepted.push({ hello: said, connection, recorder });
        return recorder;
      },
    }),
    ...options,
  });
  return { listener, accepted };
}

export function dialing(port: number, recorder: Recorder, options: Partial<DialOptions> = {}): DialOptions {
  return { peer: { host: '127.0.0.1', port }, hello, tls: undefined, timing, open: () => recorder, ...options };
}
