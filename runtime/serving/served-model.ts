import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../lib/backoff.ts';
import type { Log } from '../../lib/log.ts';
import type { ServingConfig } from '../config.ts';
import { tensorListLimits, type Fault, type ServingReport } from '../contract.ts';
import { RequestError } from '../errors.ts';
import type { ResolvedModel, StoreHooks } from '../store/request.ts';
import { rowsOf } from './batch.ts';
import { checkInputs } from './check-inputs.ts';
import { InferenceStatistics } from './inference-statistics.ts';
import { limits } from './limits.ts';
import { memoryKills } from './memory-kills.ts';
import { ModelProcess } from './model-process.ts';
import { Scheduler, type Waiting } from './scheduler.ts';
import type { ServingMetrics } from './serving-metrics.ts';
import { findTask } from './tasks/index.ts';
import type { Task } from './tasks/task.ts';
import type { Signature, Tensor } from './tensor.ts';

/** Gets the model's content. Rejects with an error that carries a `fault`. */
export type Resolve = (hooks: StoreHooks) => Promise<ResolvedModel>;

export interface ServedModelOptions {
  config: ServingConfig;
  environment: NodeJS.ProcessEnv;
  resolve: Resolve;
  metrics: ServingMetrics;
  now: () => number;
  random: () => number;
  log: Log;
}

const resolveBackoff = { baseMs: 1_000, maxMs: 60_000, jitter: 0.2 };

/**
 * One model from its URI to its answers: resolves it, keeps its process alive, queues its requests, and reports. It can be
 * unloaded, which ends its process and gives all its memory back, and loaded again.
 */
export class ServedModel {
  readonly task: Task;
  readonly statistics = new InferenceStatistics();
  readonly #options: ServedModelOptions;
  readonly #scheduler: Scheduler;
  /** Aborted when the model is to leave memory. */
  #leaving = new AbortController();
  #stopped = false;
  #isUnloaded = false;
  #process: ModelProcess | undefined;
  #signature: Signature | undefined;
  #isBatchable = false;
  #state: ServingReport['model'];
  /** A fault that more time may not cure: requests are refused instead of queued. */
  #broken = true;
  /** Loads and unloads, one after the other. */
  #changes: Promise<void> = Promise.resolve();
  #onSettled: (() => void)[] = [];

  constructor(options: ServedModelOptions) {
    const { config, metrics, now } = options;
    const task = findTask(config.task);
    if (!task) throw new Error(`no task ${config.task}`);
    this.task = task;
    this.#options = options;
    this.#state = { uri: config.modelUri, phase: 'Resolving' };
    const labels = { model: config.modelName };
    const runner = {
      isReady: () => this.#process?.ready ?? false,
      run: (requests: Parameters<ModelProcess['run']>[0]) => {
        if (!this.#process) throw new RequestError('NotReady', this.whyNotReady() ?? 'not ready', 1);
        return this.#process.run(requests);
      },
      kill: () => this.#process?.kill(),
    };
    this.#scheduler = new Scheduler({
      batchMaxSize: config.batchMaxSize,
      batchMaxDelayMs: config.batchMaxDelayMs,
      queueMaxLength: config.queueMaxLength,
      queueMaxBytes: limits.queueBytes,
      timeoutMs: config.timeoutMs,
      now,
      runner,
      observe: {
        queued: (length) => metrics.queueLength.set(labels, length),
        ran: (waitedMs, outcome) => {
          metrics.batchSize.observe(labels, waitedMs.length);
          metrics.runTime.observe(labels, outcome.runMs / 1000);
          for (const ms of waitedMs) {
            metrics.queueTime.observe(labels, ms / 1000);
            this.statistics.queued(ms);
          }
          this.statistics.executed(waitedMs.length, outcome);
        },
      },
    });
  }

  get name(): string {
    return this.#options.config.modelName;
  }

  /** What `GET /report` says of the model. */
  get report(): ServingReport['model'] {
    return this.#state;
  }

  /** Known from the first time the model was loaded. */
  get signature(): Signature | undefined {
    return this.#signature;
  }

  /** Whether requests run together; known from the first time the model was loaded. */
  get isBatchable(): boolean {
    return this.#isBatchable;
  }

  get settings(): Pick<ServingConfig, 'batchMaxSize' | 'batchMaxDelayMs' | 'executionProvider'> {
    return this.#options.config;
  }

  /** Somebody unloaded it, and nobody loaded it since. */
  get isUnloaded(): boolean {
    return this.#isUnloaded;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Undefined when the model can run. */
  whyNotReady(): string | undefined {
    const { phase, fault } = this.#state;
    if (this.#isUnloaded) return `the model is unloaded; POST /v2/repository/models/${this.name}/load loads it`;
    if (this.#process?.ready) return undefined;
    return fault ? `${fault.reason}: ${fault.message}` : `the model is not ready (${phase})`;
  }

  /** Resolves when the model process was started or a terminal fault was reported. */
  async start(): Promise<void> {
    const { log } = this.#options;
    const { signal } = this.#leaving;
    const isLeaving = (): boolean => signal.aborted;
    for (let failures = 1; !isLeaving(); failures++) {
      try {
        const resolved = await this.#resolve(signal);
        if (!isLeaving()) this.#keepAlive(resolved);
        return;
      } catch (error) {
        if (isLeaving()) return;
        const known = faultOf(error);
        if (!known) log.error({ err: error }, 'a bug: an error of the model store that names no fault');
        const fault = known ?? unknownFault;
        this.#refuse(fault);
        this.#change({ phase: 'Failed', fault });
        log.error({ fault }, 'the model cannot be had');
        if (!fault.retrying) return;
        const pauseMs = backoffMs(failures, resolveBackoff, this.#options.random);
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /**
   * Ends the model's process once the requests that came so far are answered; later ones are refused. Resolves when its
   * memory is free.
   */
  unload(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.isUnloaded) return;
      this.#broken = true;
      this.#isUnloaded = true;
      this.#change({ phase: 'Unloaded' });
      await this.#scheduler.idle();
      await this.#leave();
    });
  }

  /**
   * Loads the model, or loads it again from its URI; requests that come meanwhile wait. Resolves when it can run. Rejects with
   * RequestError where it cannot.
   */
  load(): Promise<void> {
    return this.#inTurn(async () => {
      await this.#scheduler.pause(() => this.#leave());
      this.#leaving = new AbortController();
      if (this.#stopped) return;
      this.#isUnloaded = false;
      const settled = new Promise<void>((resolve) => this.#onSettled.push(resolve));
      this.#change({ phase: 'Resolving' });
      void this.start();
      await settled;
      const reason = this.whyNotReady();
      if (reason !== undefined)
        throw new RequestError('LoadFailed', `failed to load ${JSON.stringify(this.name)}, ${reason}`);
    });
  }

  /** Checks and queues a request. Rejects with RequestError. */
  async infer(inputs: Tensor[], outputs: string[] | undefined, waiting: Waiting): Promise<Tensor[]> {
    const { now } = this.#options;
    const begin = now();
    try {
      checkInputs(inputs, this.requireSignature().inputs, this.task.optionalInputs);
      const answer = await this.#scheduler.infer({ inputs, ...(outputs && { outputs }) }, waiting);
      this.statistics.succeeded(this.#isBatchable ? rowsOf({ inputs }) : 1, now(), now() - begin);
      return answer;
    } catch (error) {
      this.statistics.failed(now(), now() - begin);
      throw error;
    }
  }

  /** Throws RequestError where requests cannot be taken now. */
  requireSignature(): Signature {
    if (this.#broken || !this.#signature)
      throw new RequestError('NotReady', this.whyNotReady() ?? 'the model is not ready', 1);
    return this.#signature;
  }

  /** From now on the report says that the pod goes away. */
  drain(): void {
    this.#change({ phase: 'Draining' });
  }

  /** Resolves when all requests are answered. */
  idle(): Promise<void> {
    return this.#scheduler.idle();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#scheduler.refuseAll(new RequestError('NotReady', 'the server is stopping'));
    this.#settle();
    await this.#leave();
  }

  async #leave(): Promise<void> {
    this.#leaving.abort();
    await this.#process?.stop();
    this.#process = undefined;
    this.#options.metrics.ready.set({ model: this.name }, 0);
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(change);
    this.#changes = done.catch(() => undefined);
    return done;
  }

  async #resolve(signal: AbortSignal): Promise<ResolvedModel> {
    this.#change({ phase: 'Resolving', ...(this.#state.fault && { fault: this.#state.fault }) });
    return this.#options.resolve({
      onProgress: (progress) => {
        const { fault } = this.#state;
        this.#change({ ...progress, ...(progress.phase === 'Resolving' && fault && { fault }) });
      },
      signal,
      log: this.#options.log,
    });
  }

  #keepAlive({ modelPath, directory, digest }: ResolvedModel): void {
    const { config, environment, metrics, now, random, log } = this.#options;
    const labels = { model: config.modelName };
    this.#change({ phase: 'Loading', digest });
    this.#process = new ModelProcess({
      load: {
        modelPath,
        directory,
        task: config.task,
        executionProvider: config.executionProvider,
        threads: config.threads,
        warmup: config.warmup,
        batching: config.batchMaxSize > 1,
      },
      loadTimeoutMs: limits.loadTimeoutMs,
      memoryKills,
      environment,
      now,
      random,
      log,
      events: {
        phase: (phase) => this.#change({ phase, digest, ...(this.#state.fault && { fault: this.#state.fault }) }),
        ready: ({ signature, batchable }, loadMs) => {
          this.#signature = signature;
          this.#isBatchable = batchable;
          // A process that came back while the model is unloaded answers who waited, and nobody else.
          this.#broken = this.#isUnloaded;
          this.#change({ phase: 'Ready', digest, ...reportable(signature) });
          metrics.loadTime.set(labels, loadMs / 1000);
          metrics.ready.set(labels, 1);
          log.info({ digest, batchable, loadMs: Math.round(loadMs) }, 'the model is ready');
          this.#scheduler.resume(batchable);
        },
        down: (fault) => {
          metrics.restarts.inc(labels);
          metrics.ready.set(labels, 0);
          this.#fail(digest, fault);
        },
        failed: (fault) => this.#fail(digest, fault),
      },
    });
    this.#process.start();
  }

  #fail(digest: string, fault: Fault | undefined): void {
    if (!fault) {
      this.#change({ phase: 'Loading', digest });
      return;
    }
    this.#options.log.error({ fault }, 'the model does not serve');
    this.#refuse(fault);
    this.#change({ phase: 'Failed', digest, fault });
  }

  #refuse({ reason, message }: Fault): void {
    this.#broken = true;
    this.#scheduler.refuseAll(new RequestError('NotReady', `${reason}: ${message}`, 30));
  }

  /** While draining the phase stays. */
  #change(state: Omit<ServingReport['model'], 'uri'>): void {
    const { uri, phase } = this.#state;
    if (this.#isUnloaded && state.phase !== 'Unloaded' && state.phase !== 'Draining') return;
    if (phase === 'Draining') this.#state = { ...this.#state, ...state, uri, phase };
    else if (state.phase === 'Draining') this.#state = { ...this.#state, phase: 'Draining' };
    else this.#state = { uri, ...state };
    if (state.phase === 'Ready' || state.phase === 'Failed') this.#settle();
  }

  /** Whoever waits for the end of a load goes on. */
  #settle(): void {
    for (const settled of this.#onSettled.splice(0)) settled();
  }
}

/** Nothing of the error is shown: its message was written for us, not for who deploys models. */
const unknownFault: Fault = {
  reason: 'StorageUnavailable',
  message:
    'The model could not be read, for a reason that the runtime does not know. It goes on trying; the log of the pod ' +
    'holds the error, which is a bug to report.',
  retrying: true,
};

/** The lists of tensors that fit into a report. */
function reportable({ inputs, outputs }: Signature): Pick<ServingReport['model'], 'inputs' | 'outputs'> {
  return { ...(fits(inputs) && { inputs }), ...(fits(outputs) && { outputs }) };
}

function fits(tensors: Signature['inputs']): boolean {
  const { tensors: count, nameLength, rank, jsonBytes } = tensorListLimits;
  return (
    tensors.length <= count &&
    tensors.every(({ name, shape }) => name.length <= nameLength && shape.length <= rank) &&
    Buffer.byteLength(JSON.stringify(tensors)) <= jsonBytes
  );
}

/** The fault of an error that carries one, as the store's and the model's do. */
function faultOf(error: unknown): Fault | undefined {
  return error instanceof Error && 'fault' in error ? (error.fault as Fault) : undefined;
}
