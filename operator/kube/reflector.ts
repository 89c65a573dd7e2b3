import { backoffMs, type BackoffOptions } from '../../lib/backoff.ts';
import type { Log } from '../../lib/log.ts';
import type { KubeClient, ListPage } from './client.ts';
import { hasAborted, pause, type Clock } from './clock.ts';
import { isGone, KubeError } from './errors.ts';
import type { KubeObject, ResourceKind } from './object.ts';
import type { Change, Store } from './store.ts';

export interface ReflectorOptions {
  client: KubeClient;
  kind: ResourceKind;
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  store: Store;
  onChange: (change: Change) => void;
  clock: Clock;
  log: Log;
}

const retry: BackoffOptions = { baseMs: 800, maxMs: 30_000, jitter: 0.5 };
const pageSize = 500;
/** A watch that ended sooner without a word is taken for a failure, or two broken ends would spin. */
const shortWatchMs = 1_000;
/** Failures are forgotten after a watch has held this long, or has brought anything. */
const healthyMs = 10_000;

/**
 * Keeps a store equal to the API server: lists, then watches from there, for ever.
 *
 * - Asks for bookmarks, so that a quiet kind's place does not grow too old.
 * - Lists anew only when it is asked to or its place is too old (410, as a status or as an ERROR event); any other end goes on where it was.
 * - Never gives up: failures back off from 0.8 s to 30 s with jitter, and not before Retry-After.
 */
export class Reflector {
  /** Resolves once the first list is in the store. */
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions;
  #resourceVersion: string | undefined;
  #failures = 0;
  /** Who waits for a list that begins after they asked. */
  #waiting: (() => void)[] = [];
  /** Ends what is under way, so that a list can begin. */
  #turn = new AbortController();

  constructor(options: ReflectorOptions) {
    this.#options = options;
    this.synced = this.listed();
  }

  /** Lists anew; resolves once a list that began after this call is in the store. */
  listed(): Promise<void> {
    const listed = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#turn.abort();
    return listed;
  }

  /** Runs until `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#turn.abort();
    signal.addEventListener('abort', stop);
    while (!signal.aborted) {
      this.#turn = new AbortController();
      const turn = this.#turn.signal;
      try {
        if (this.#resourceVersion === undefined || this.#waiting.length > 0) await this.#listFor(turn);
        else await this.#watch(this.#resourceVersion, turn);
      } catch (error) {
        if (!hasAborted(turn)) await this.#recover(error, turn);
      }
    }
    signal.removeEventListener('abort', stop);
  }

  /** Lists for all who wait by now. */
  async #listFor(signal: AbortSignal): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      this.#resourceVersion = await this.#list(signal);
      for (const tell of waiting) tell();
    } catch (error) {
      this.#waiting.push(...waiting);
      throw error;
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { client, kind, namespace, labelSelector, store, onChange } = this.#options;
    const items: KubeObject[] = [];
    for (let continueToken: string | undefined; ;) {
      const page: ListPage = await client.list(kind, {
        limit: pageSize,
        signal,
        ...(namespace === undefined ? {} : { namespace }),
        ...(labelSelector === undefined ? {} : { labelSelector }),
        ...(continueToken === undefined ? {} : { continueToken }),
      });
      items.push(...page.items);
      continueToken = page.continueToken;
      if (continueToken !== undefined) continue;
      for (const change of store.replace(items, namespace)) onChange(change);
      return page.resourceVersion;
    }
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, kind, namespace, labelSelector, clock } = this.#options;
    const begun = clock.monotonicMs();
    let events = 0;
    const watch = client.watch(kind, {
      resourceVersion,
      // Spread, so that the watches of all reflectors do not end together.
      timeoutSeconds: Math.round(290 + 300 * clock.random()),
      signal,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labelSelector === undefined ? {} : { labelSelector }),
    });
    try {
      for await (const { type, object } of watch) {
        events += 1;
        this.#failures = 0;
        this.#take(type, object);
        this.#resourceVersion = object.metadata.resourceVersion ?? this.#resourceVersion;
      }
    } finally {
      if (clock.monotonicMs() - begun > healthyMs) this.#failures = 0;
    }
    if (events === 0 && clock.monotonicMs() - begun < shortWatchMs) {
      throw new KubeError(0, 'ShortWatch', 'the server ended a watch at once and said nothing');
    }
  }

  #take(type: string, object: KubeObject): void {
    const { store, onChange } = this.#options;
    if (type === 'BOOKMARK') return;
    const change = type === 'DELETED' ? store.delete(object) : store.put(object);
    if (change !== undefined) onChange(change);
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, kind, log } = this.#options;
    const first = isGone(error) && this.#resourceVersion !== undefined;
    if (isGone(error)) this.#resourceVersion = undefined;
    // A place too old is what a list cures, so the first one waits for nothing.
    if (first && this.#failures === 0) {
      this.#failures = 1;
      log.debug({ kind: kind.kind }, 'listing anew: the place in the watch is too old');
      return;
    }
    this.#failures += 1;
    const retryAfterMs = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
    const waitMs = Math.max(
      retryAfterMs,
      backoffMs(this.#failures, retry, () => clock.random()),
    );
    log.warn({ kind: kind.kind, err: error, failures: this.#failures, waitMs }, 'cannot list or watch; trying again');
    await pause(clock, waitMs, signal);
  }
}
