import type { Registry } from 'prom-client';
import { metrics, probe, startHealthServer, type HealthServer } from '../../lib/health.ts';
import type { Log } from '../../lib/log.ts';
import type { Tracing } from '../../lib/tracing.ts';
import { Caches } from './caches.ts';
import type { KubeClient } from './client.ts';
import { hasAborted, pause, type Clock } from './clock.ts';
import { Controller } from './controller.ts';
import type { Definition } from './definition.ts';
import { fenced, Leader } from './leader.ts';
import { controllerMetrics, type ControllerMetrics } from './metrics.ts';
import type { ResourceKind } from './object.ts';
import { Recorder } from './recorder.ts';
import type { Change } from './store.ts';

export interface ManagerOptions {
  client: KubeClient;
  clock: Clock;
  log: Log;
  registry: Registry;
  /** Absent: nothing is traced. */
  tracing?: Tracing | undefined;
  /** What to watch; empty: all namespaces. */
  namespaces: readonly string[];
  /** For events: who reports, and from which pod. */
  reporter: { controller: string; instance: string };
  /** Absent: this process is the only one. */
  election?: { client: KubeClient; namespace: string; name: string; identity: string };
  /** Absent: no HTTP server. */
  health?: { host?: string; port: number; paths: { live: string; ready: string; metrics: string } };
}

/** Something with a type of its own that the manager only starts and stops. */
interface Running {
  name: string;
  run(signal: AbortSignal, hard: AbortSignal): Promise<void>;
  changed(kind: ResourceKind, change: Change): void;
}

/** How long workers may take to finish their keys. */
const graceMs = 20_000;
const flushMs = 5_000;

/**
 * Starts and stops all parts in order.
 *
 * Start: health and metrics → reflectors → all synced → leadership → all listed anew → workers. Ready is synced, not leading: a standby is
 * ready. Whatever the leader before this one wrote is in the second lists, however late its watches are.
 * Stop: not ready → workers finish their keys → reflectors → events are flushed → the lease is released → health and metrics.
 */
export class Manager {
  readonly #options: ManagerOptions;
  readonly #caches: Caches;
  readonly #controllers: Running[] = [];
  readonly #leader: Leader | undefined;
  readonly #recorder: Recorder;
  readonly #writer: KubeClient;
  readonly #metrics: ControllerMetrics;
  #notReady: string | undefined = 'the first lists are not complete';

  constructor(options: ManagerOptions) {
    const { client, clock, log, namespaces, election, reporter, registry } = options;
    this.#options = options;
    this.#caches = new Caches({ client, namespaces, clock, log });
    this.#metrics = controllerMetrics(registry);
    const leader = election === undefined ? undefined : new Leader({ ...election, clock, log });
    this.#leader = leader;
    this.#writer = leader === undefined ? client : fenced(client, () => leader.check());
    this.#recorder = new Recorder({ client: this.#writer, ...reporter, clock, log });
  }

  add<Observed, Status>(definition: Definition<Observed, Status>): void {
    const { clock, log } = this.#options;
    const controller = new Controller<Observed, Status>(definition, {
      client: this.#writer,
      storeOf: this.#caches.join(definition, (kind, change) => controller.changed(kind, change)),
      publish: (owner, event) => this.#recorder.publish(owner, event),
      announce: (kind, change) => {
        for (const other of this.#controllers) if (other.name !== definition.name) other.changed(kind, change);
      },
      clock,
      log,
      metrics: this.#metrics,
      tracing: this.#options.tracing,
    });
    this.#controllers.push({
      name: definition.name,
      run: (signal, hard) => controller.run(signal, hard),
      changed: (kind, change) => controller.changed(kind, change),
    });
  }

  /**
   * Runs until `signal` aborts, then stops in order.
   * @throws LeadershipLostError when another process may lead: the caller must end this one
   */
  async run(signal: AbortSignal): Promise<void> {
    const server = await this.#serve();
    const reflecting = new AbortController();
    const reflectors = this.#caches.run(reflecting.signal);
    try {
      await this.#lead(signal);
    } finally {
      this.#notReady = 'stopping';
      reflecting.abort();
      await reflectors;
      await this.#flush();
      await this.#leader?.release();
      await server?.close();
    }
  }

  async #serve(): Promise<HealthServer | undefined> {
    const { health, log, registry } = this.#options;
    if (health === undefined) return undefined;
    const server = await startHealthServer({
      ...(health.host === undefined ? {} : { host: health.host }),
      port: health.port,
      routes: {
        [health.paths.live]: () => probe(undefined),
        [health.paths.ready]: () => probe(this.#notReady),
        [health.paths.metrics]: () => metrics(registry),
      },
    });
    log.info({ port: server.port }, 'health and metrics are served');
    return server;
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { log } = this.#options;
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([this.#caches.synced(), aborted]);
    if (hasAborted(signal)) return;
    this.#notReady = undefined;
    log.info('the first lists are complete');
    await this.#leader?.acquire(signal);
    if (!hasAborted(signal)) await this.#work(signal);
  }

  /** Workers, events and renewals, which all end together. */
  async #work(signal: AbortSignal): Promise<void> {
    const { clock, reporter } = this.#options;
    const [workers, hard, rest] = [new AbortController(), new AbortController(), new AbortController()];
    const stop = (): void => {
      this.#notReady = 'stopping';
      workers.abort();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    this.#metrics.leader(reporter.controller, true);
    let lost: unknown;
    const renewals = this.#leader?.hold(rest.signal).catch((error: unknown) => {
      lost = error;
      // Nothing may be written any more, so there is nothing to finish.
      workers.abort();
      hard.abort();
    });
    const events = this.#recorder.run(rest.signal);
    const stopping = new Promise<void>((resolve) => {
      if (workers.signal.aborted) resolve();
      workers.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    const listed = this.#leader === undefined ? Promise.resolve() : this.#caches.listed();
    const working = Promise.race([listed, stopping]).then(() =>
      Promise.all(this.#controllers.map((controller) => controller.run(workers.signal, hard.signal))),
    );
    const finished = working.then(
      () => rest.abort(),
      () => rest.abort(),
    );
    await Promise.race([stopping, finished]);
    // The lease is renewed until the last worker is done.
    await Promise.race([finished, pause(clock, graceMs, rest.signal)]);
    hard.abort();
    await finished;
    await Promise.all([renewals, events]);
    signal.removeEventListener('abort', stop);
    this.#metrics.leader(reporter.controller, false);
    if (lost !== undefined) throw lost as Error;
    await working;
  }

  async #flush(): Promise<void> {
    const limit = new AbortController();
    const cancel = this.#options.clock.after(flushMs, () => limit.abort());
    await this.#recorder.flush(limit.signal);
    cancel();
  }
}
