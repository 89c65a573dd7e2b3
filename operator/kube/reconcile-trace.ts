import type { Tracing } from '../../lib/tracing.ts';
import type { KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import { isNotFound, KubeError } from './errors.ts';
import type { ReconcileResult } from './metrics.ts';
import type { Key } from './object.ts';

interface Call {
  verb: string;
  kind: string;
  name: string;
  beganAt: number;
  endedAt: number;
  error: string | undefined;
}

/** Calls that become spans of their own; a job of a thousand pods makes no trace of a thousand spans. */
const maxCalls = 128;

/** One look at one key, as it goes on. */
export class ReconcileTrace {
  /** What the reconcile reads and writes with. */
  readonly client: KubeClient;
  readonly #tracing: Tracing;
  readonly #now: () => number;
  readonly #beganAt: number;
  readonly #calls: Call[] = [];
  #count = 0;

  constructor(tracing: Tracing, client: KubeClient, clock: Pick<Clock, 'now' | 'monotonicMs'>) {
    const epochMs = clock.now().getTime() - clock.monotonicMs();
    this.#tracing = tracing;
    this.#now = () => epochMs + clock.monotonicMs();
    this.#beganAt = this.#now();
    this.client = this.#noted(client);
  }

  /** Records the reconcile as a span, with a child for each call. */
  end(controller: string, key: Key, result: ReconcileResult, error: string | undefined): void {
    const span = this.#tracing.record(
      {
        name: `reconcile ${controller}`,
        kind: 'internal',
        beganAt: this.#beganAt,
        endedAt: this.#now(),
        attributes: {
          'modelyard.controller': controller,
          'modelyard.key': key,
          'modelyard.result': result,
          'modelyard.calls': this.#count,
        },
        error,
      },
      this.#tracing.root,
    );
    if (!span) return;
    for (const { verb, kind, name, ...times } of this.#calls) {
      const attributes = { 'modelyard.object.kind': kind, 'modelyard.object.name': name };
      this.#tracing.record({ name: `${verb} ${kind}`, kind: 'client', attributes, ...times }, span);
    }
  }

  #noted(client: KubeClient): KubeClient {
    return {
      get: (ref, options) => this.#note('get', ref, () => client.get(ref, options)),
      list: (kind, options) => client.list(kind, options),
      watch: (kind, options) => client.watch(kind, options),
      apply: (object, options) => this.#note('apply', nameOf(object), () => client.apply(object, options)),
      create: (object, options) => this.#note('create', nameOf(object), () => client.create(object, options)),
      replace: (object, options) => this.#note('replace', nameOf(object), () => client.replace(object, options)),
      applyStatus: (object, options) =>
        this.#note('applyStatus', nameOf(object), () => client.applyStatus(object, options)),
      remove: (ref, options) => this.#note('remove', ref, () => client.remove(ref, options)),
    };
  }

  async #note<T>(verb: string, { kind, name }: { kind: string; name: string }, work: () => Promise<T>): Promise<T> {
    const beganAt = this.#now();
    let error: string | undefined;
    try {
      return await work();
    } catch (cause) {
      // Not to find what is to be made is no failure.
      error = verb === 'get' && isNotFound(cause) ? undefined : errorType(cause);
      throw cause;
    } finally {
      this.#count += 1;
      if (this.#calls.length < maxCalls) this.#calls.push({ verb, kind, name, beganAt, endedAt: this.#now(), error });
    }
  }
}

const nameOf = ({ kind, metadata: { name } }: { kind: string; metadata: { name: string } }) => ({ kind, name });

/** As `error.type` has it: few different values, no message. */
export const errorType = (error: unknown): string => (error instanceof KubeError ? error.reason : 'Bug');
