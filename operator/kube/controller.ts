import type { Log } from '../../lib/log.ts';
import type { Tracing } from '../../lib/tracing.ts';
import type { PlannedEvent } from '../core/plan.ts';
import { refKey } from './apply.ts';
import type { KubeClient } from './client.ts';
import { hasAborted, pause, type Clock } from './clock.ts';
import type { Definition, ReadStores, Refusal } from './definition.ts';
import { FencedError, isConflict, KubeError } from './errors.ts';
import { executeObjects, executeStatus, type Failure, type Shell } from './execute.ts';
import type { ControllerMetrics, ReconcileResult } from './metrics.ts';
import { controllerOf, keyOf, refOf, type Key, type KubeObject, type ResourceKind } from './object.ts';
import { WorkQueue } from './queue.ts';
import { errorType, ReconcileTrace } from './reconcile-trace.ts';
import { Refusals } from './refusals.ts';
import { StatusPace } from './status-pace.ts';
import type { Change, Store } from './store.ts';

export interface ControllerOptions {
  client: KubeClient;
  /** The store behind one of the definition's kinds. */
  storeOf: (kind: ResourceKind) => Store;
  publish: (owner: KubeObject, event: PlannedEvent) => void;
  /** Hears of what our own writes changed, for the watch will not report it as a change any more. */
  announce?: (kind: ResourceKind, change: Change) => void;
  clock: Clock;
  log: Log;
  metrics?: ControllerMetrics;
  /** Absent: nothing is traced. */
  tracing?: Tracing | undefined;
  /** Default 16. */
  workers?: number;
}

/** Every object is looked at again about this often, whether or not anything was heard of it. */
const resyncMs = 3_600_000;

const sameKind = (a: { apiVersion: string; kind: string }, b: { apiVersion: string; kind: string }): boolean =>
  a.kind === b.kind && a.apiVersion === b.apiVersion;

/**
 * Runs one definition: events become keys, and for each key what is observed is rendered and made true.
 *
 * An event says only "look again", so events may be lost, merged or repeated. One key is with one worker at a time.
 * Failures have three fates: what the API server refuses for its content becomes a status and waits for a change; what another
 * try may cure is tried again with backoff, and told in the status when it fails twice in a row; all else is a bug, logged with its stack,
 * counted, and tried again as well. Whatever fails of the objects, the status says how things are.
 */
export class Controller<Observed, Status> {
  readonly queue: WorkQueue;
  readonly #definition: Definition<Observed, Status>;
  readonly #options: ControllerOptions;
  readonly #stores: ReadStores;
  readonly #refusals: Refusals;
  readonly #pace: StatusPace;
  #begun: Date;

  constructor(definition: Definition<Observed, Status>, options: ControllerOptions) {
    this.#definition = definition;
    this.#options = options;
    this.#stores = (kind) => options.storeOf(kind);
    this.queue = new WorkQueue(options.clock, options.metrics?.queue(definition.name));
    this.#refusals = new Refusals(options.clock);
    this.#pace = new StatusPace(options.clock);
    this.#begun = options.clock.now();
  }

  /** Takes note of a change in one of the definition's kinds. */
  changed(kind: ResourceKind, change: Change): void {
    const definition = this.#definition;
    const queue = this.queue;
    const objects = [change.old, change.new].filter((object) => object !== undefined);
    if (change.old !== undefined && change.new === undefined) definition.gone?.(change.old, this.#stores);
    if (sameKind(kind, definition.kind)) for (const object of objects) queue.add(keyOf(object));
    for (const owned of definition.owns) {
      if (!sameKind(kind, owned.kind)) continue;
      for (const object of objects) this.#ownerChanged(object, change.new === undefined, owned.settleMs ?? 0);
    }
    for (const watch of definition.watches) {
      if (!sameKind(kind, watch.kind)) continue;
      for (const key of objects.flatMap((object) => watch.keysOf(object, this.#stores)))
        queue.addAfter(key, watch.settleMs ?? 0);
    }
  }

  /**
   * Works until `signal` aborts, then finishes the keys that are with workers.
   *
   * @param hard aborts what still runs after that
   */
  async run(signal: AbortSignal, hard: AbortSignal): Promise<void> {
    const { workers = 16, metrics, clock } = this.#options;
    this.#begun = clock.now();
    const close = (): void => this.queue.close();
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    for (const object of this.#stores(this.#definition.kind).list()) this.queue.add(keyOf(object));
    metrics?.workers(this.#definition.name, workers);
    await Promise.all([
      ...Array.from({ length: workers }, () => this.#work(hard)),
      ...(this.#definition.sources ?? []).map((source) => this.#runSource(source, signal)),
    ]);
    signal.removeEventListener('abort', close);
  }

  async #work(hard: AbortSignal): Promise<void> {
    for (;;) {
      const key = await this.queue.next();
      if (key === undefined) return;
      await this.#handle(key, hard);
      this.queue.done(key);
    }
  }

  async #handle(key: Key, hard: AbortSignal): Promise<void> {
    const { client, clock, log, metrics, tracing } = this.#options;
    const { name } = this.#definition;
    const begun = clock.monotonicMs();
    const trace = tracing && new ReconcileTrace(tracing, client, clock);
    let result: ReconcileResult = 'success';
    let failure: unknown;
    try {
      const requeueMs = await this.reconcile(key, hard, trace?.client);
      this.queue.forget(key);
      if (requeueMs !== undefined) {
        this.queue.addAfter(key, requeueMs);
        if (requeueMs < resyncMs / 2) result = 'requeue_after';
      }
    } catch (error) {
      result = 'error';
      failure = error;
      if (hard.aborted || error instanceof FencedError)
        log.debug({ controller: name, key, err: error }, 'reconcile cut short');
      else if (error instanceof KubeError && error.status !== 400 && error.status !== 422) {
        log.warn({ controller: name, key, err: error }, 'reconcile failed; trying again');
      } else {
        metrics?.bug(name);
        log.error({ controller: name, key, err: error }, 'reconcile failed by a bug; trying again');
      }
      this.queue.retry(key, error instanceof KubeError ? error.retryAfterMs : undefined);
    }
    metrics?.reconciled(name, result, (clock.monotonicMs() - begun) / 1000);
    trace?.end(name, key, result, result === 'error' ? errorType(failure) : undefined);
  }

  /**
   * One look at one key.
   *
   * @param client what to read and write with, where it is not that of the options
   * @returns milliseconds until the next one; undefined where the object is gone
   * @throws KubeError for what another try may cure
   */
  async reconcile(key: Key, signal: AbortSignal, client = this.#options.client): Promise<number | undefined> {
    const definition = this.#definition;
    const { clock } = this.#options;
    const observed = definition.observe(key, this.#stores, []);
    if (observed === undefined) {
      this.#refusals.forget(key);
      this.#pace.forget(key);
      return undefined;
    }
    const owner = definition.ownerOf(observed);
    // Owner references collect the rest; whatever is written now would only race with that.
    if (owner.metadata.deletionTimestamp !== undefined) return undefined;
    const shell = this.#shell(client);
    let plan = definition.render(observed, clock.now(), this.#begun);
    const outcome = await executeObjects(plan, owner, definition.childrenOf(observed), shell, signal);
    const { failure } = outcome;
    if (failure !== undefined && hasAborted(signal)) throw failure.error;
    const told = [...outcome.refusals, ...this.#trouble(key, failure)];
    if (told.length > 0) {
      const refused = definition.observe(key, this.#stores, told);
      if (refused === undefined) return undefined;
      plan = definition.render(refused, clock.now(), this.#begun);
    }
    const heldMs = await executeStatus(plan, owner, shell, signal);
    const times = [outcome.refusals.length > 0 ? undefined : plan.requeueAfterMs, outcome.waitMs, heldMs];
    const nextMs = Math.min(resyncMs * (0.9 + 0.2 * clock.random()), ...times.filter((time) => time !== undefined));
    if (failure !== undefined) {
      // What time alone changes does not wait for the backoff.
      this.queue.addAfter(key, Math.max(nextMs, failure.error.retryAfterMs ?? 0));
      throw failure.error;
    }
    if (plan.removeOwner === true) await shell.client.remove(refOf(owner), { signal });
    return nextMs;
  }

  /** A failure that is no chance any more; a conflict tells only of somebody who was faster. */
  #trouble(key: Key, failure: Failure | undefined): Refusal[] {
    if (failure === undefined || this.queue.failures(key) === 0) return [];
    const { ref, error } = failure;
    const { message } = error;
    return isConflict(error) ? [] : [{ ref, reason: 'WriteFailed', message }];
  }

  #shell(client: KubeClient): Shell {
    const { publish, storeOf, announce } = this.#options;
    return {
      client,
      refusals: this.#refusals,
      pace: this.#pace,
      publish,
      assume: (object, seen) => {
        const kind = this.#kindOf(object);
        const change = kind === undefined ? undefined : storeOf(kind).assume(object, seen);
        if (kind === undefined || change === undefined) return;
        // Our own status is no reason to look again; a new child may be, now that it can be seen.
        if (!sameKind(kind, this.#definition.kind)) this.changed(kind, change);
        announce?.(kind, change);
      },
      assumeGone: (object) => {
        const kind = this.#kindOf(object);
        const change = kind === undefined ? undefined : storeOf(kind).delete(object);
        if (kind === undefined || change === undefined) return;
        this.changed(kind, change);
        announce?.(kind, change);
      },
    };
  }

  #kindOf(object: KubeObject): ResourceKind | undefined {
    const { kind, owns } = this.#definition;
    return [kind, ...owns.map((owned) => owned.kind)].find((one) => sameKind(one, object));
  }

  #ownerChanged(object: KubeObject, gone: boolean, settleMs: number): void {
    const owner = controllerOf(object);
    if (owner === undefined || !sameKind(owner, this.#definition.kind)) return;
    const { namespace } = object.metadata;
    const scope = this.#definition.kind.namespaced && namespace !== undefined ? { namespace } : {};
    const key = keyOf({ metadata: { name: owner.name, ...scope } });
    this.#refusals.expire(key, gone ? refKey(object) : undefined);
    this.queue.addAfter(key, settleMs);
  }

  async #runSource(
    source: NonNullable<Definition<Observed, Status>['sources']>[number],
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log, metrics } = this.#options;
    while (!signal.aborted) {
      try {
        await source.run(this.#stores, (key) => this.queue.add(key), signal);
      } catch (error) {
        metrics?.bug(this.#definition.name);
        log.error({ source: source.name, err: error }, 'a source failed by a bug; running it again');
      }
      await pause(clock, 1_000, signal);
    }
  }
}
