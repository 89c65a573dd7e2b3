import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../lib/backoff.ts';
import type { ModelSettings } from '../config.ts';
import type { Fault, ModelReport } from '../contract.ts';
import { RequestError } from '../errors.ts';
import { modelBytes } from '../store/model.ts';
import type { ResolvedModel } from '../store/request.ts';
import { rowsOf } from './batch.ts';
import { checkInputs } from './check-inputs.ts';
import { InferenceStatistics } from './inference-statistics.ts';
import { limits } from './limits.ts';
import { memoryKills } from './memory-kills.ts';
import type { Tenant } from './model-memory.ts';
import { ModelProcess } from './model-process.ts';
import { faultOf, goneFault, reportable, unknownFault } from './model-report.ts';
import { observeRuns } from './observed-runs.ts';
import { orGiveUp } from './patience.ts';
import { processBytes } from './process-memory.ts';
import { Scheduler, type Waiting } from './scheduler.ts';
import { loadBackoff, type ServedModelOptions } from './served-model-options.ts';
import { modelLabels } from './serving-metrics.ts';
import { findTask } from './tasks/index.ts';
import type { Task } from './tasks/task.ts';
import type { Signature, Tensor } from './tensor.ts';
import { Uses } from './uses.ts';

/**
 * One model from its URI to its answers: resolves it, keeps its process alive, queues its requests, and reports. It can be
 * unloaded, which ends its process and gives all its memory back, and loaded again. One of several in the same memory is loaded when it is asked for.
 */
export class ServedModel implements Tenant {
  readonly task: Task;
  readonly statistics = new InferenceStatistics();
  readonly uses = new Uses();
  readonly #options: ServedModelOptions;
  readonly #scheduler: Scheduler;
  /** Aborted when the model is to leave memory. */
  #leaving = new AbortController();
  #stopped = false;
  #isUnloaded = false;
  #process: ModelProcess | undefined;
  #signature: Signature | undefined;
  #isBatchable = false;
  #state: ModelReport;
  /** A fault that more time may not cure: requests are refused instead of queued. */
  #broken = true;
  /** Loads and unloads, one after the other. */
  #changes: Promise<void> = Promise.resolve();
  #onSettled: (() => void)[] = [];
  #waking: Promise<void> | undefined;
  /** Requests that wait for the first load, without which they cannot be read. */
  #waitingForLoad = 0;
  #failedLoads = 0;
  #retryAtMs = 0;
  /** What it held when it was loaded last. */
  #loadedBytes: number | undefined;

  constructor(options: ServedModelOptions) {
    const { model, config, metrics, now } = options;
    const task = findTask(model.task);
    if (!task) throw new Error(`no task ${model.task}`);
    this.task = task;
    this.#options = options;
    this.#state = { uri: model.uri, phase: options.memory ? 'Standby' : 'Resolving' };
    const runner = {
      isReady: () => this.#process?.ready ?? false,
      run: (...run: Parameters<ModelProcess['run']>) => {
        if (!this.#process) throw new RequestError('NotReady', this.whyNotReady() ?? 'not ready', 1);
        return this.#process.run(...run);
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
      observe: observeRuns(model.name, metrics, this.statistics, () => options.memory?.ran(this)),
    });
  }

  get name(): string {
    return this.#options.model.name;
  }

  /** What `GET /report` says of the model. */
  get report(): ModelReport {
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

  get settings(): ModelSettings {
    return this.#options.config;
  }

  get queueLength(): number {
    return this.#scheduler.length;
  }

  /** Somebody unloaded it, and nobody loaded it since. */
  get isUnloaded(): boolean {
    return this.#isUnloaded;
  }

  /** It is one of several in the same memory. */
  get isShared(): boolean {
    return this.#options.memory !== undefined;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Undefined when the model can run, or will be loaded when it is asked for. */
  whyNotReady(): string | undefined {
    const { phase, fault } = this.#state;
    if (this.#isUnloaded) return `the model is unloaded; POST /v2/repository/models/${this.name}/load loads it`;
    if (this.#process?.ready) return undefined;
    if (fault) return `${fault.reason}: ${fault.message}`;
    return this.#options.memory ? undefined : `the model is not ready (${phase})`;
  }

  /** Resolves when the model process was started or a terminal fault was reported; at once where it waits to be asked for. */
  async start(): Promise<void> {
    if (!this.#options.memory) await this.#bring();
  }

  /**
   * Sees to it that a model which is loaded when it is asked for is, or soon will be. Resolves when its signature is known, which is at
   * once but for the first time. Rejects with RequestError.
   */
  async awake({ timeoutMs, signal }: Waiting): Promise<void> {
    const { memory, config, now } = this.#options;
    if (!memory) return;
    memory.touch(this);
    if (this.#process || this.#isUnloaded || now() < this.#retryAtMs) return;
    const woken = this.wake();
    if (this.#signature) return;
    if (this.#waitingForLoad >= config.queueMaxLength)
      throw new RequestError('QueueFull', `${config.queueMaxLength} requests wait for the model to be loaded`, 1);
    this.#waitingForLoad += 1;
    try {
      await orGiveUp(woken, Math.min(timeoutMs ?? Infinity, config.timeoutMs), signal);
    } finally {
      this.#waitingForLoad -= 1;
    }
  }

  async #bring(): Promise<void> {
    const { memory, log } = this.#options;
    const { signal } = this.#leaving;
    const isLeaving = (): boolean => signal.aborted;
    for (let failures = 1; !isLeaving(); failures++) {
      try {
        const resolved = await this.#resolve(signal);
        if (memory) {
          const bytes = this.#loadedBytes ?? memory.estimate(await modelBytes(resolved.modelPath));
          // Whoever leaves has given its place back, and would never give back another.
          if (isLeaving()) return;
          await memory.admit(this, bytes);
        }
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
        if (!fault.retrying || memory) return;
        const pauseMs = backoffMs(failures, loadBackoff, this.#options.random);
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
      if (!this.#process) this.#scheduler.refuseAll(new RequestError('NotReady', 'the model was unloaded'));
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
      await this.#bringAnew();
      const reason = this.#stopped ? undefined : this.whyNotReady();
      if (reason !== undefined)
        throw new RequestError('LoadFailed', `failed to load ${JSON.stringify(this.name)}, ${reason}`);
    });
  }

  async #bringAnew(): Promise<void> {
    await this.#scheduler.pause(() => this.#leave());
    if (this.#stopped) return;
    this.#isUnloaded = false;
    await this.#settled();
    if (this.#options.memory && this.whyNotReady() !== undefined) await this.#leave();
  }

  /** Gives the memory back and loads the model again when it is asked for. Resolves when the memory is free. */
  evict(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#options.memory?.isLeaving(this) !== true) return;
      await this.#scheduler.pause(() => this.#leave());
      const { digest } = this.#state;
      this.#change({ phase: 'Standby', ...(digest !== undefined && { digest }) });
      if (this.isBusy()) void this.wake();
    });
  }

  isBusy(): boolean {
    return this.#scheduler.isBusy;
  }

  async measure(): Promise<number | undefined> {
    return this.pid === undefined ? undefined : processBytes(this.pid);
  }

  /** Checks and queues a request. Rejects with RequestError. */
  async infer(inputs: Tensor[], outputs: string[] | undefined, waiting: Waiting): Promise<Tensor[]> {
    const { now } = this.#options;
    const begin = now();
    try {
      await this.awake(waiting);
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

  /** Resolves when nothing of it is asked any more; unlike `idle`, not between two requests of the same work. */
  async unused(): Promise<void> {
    await this.uses.none();
    await this.idle();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#broken = true;
    this.#scheduler.refuseAll(new RequestError('NotReady', 'the server is stopping'));
    this.#settle();
    await this.#leave();
  }

  async #leave(): Promise<void> {
    this.#leaving.abort();
    await this.#process?.stop();
    this.#process = undefined;
    this.#options.memory?.release(this);
    this.#options.metrics.ready.set(modelLabels(this.name), 0);
  }

  /** Loads the model where it is not in memory. Resolves when it can run, or the report says why it cannot. */
  wake(): Promise<void> {
    this.#broken = this.#stopped || !this.#signature;
    this.#waking ??= this.#inTurn(async () => {
      if (this.#process || this.#isUnloaded || this.#stopped) return;
      await this.#settled();
      if (this.whyNotReady() === undefined) this.#failedLoads = 0;
      else await this.#giveUp();
    }).finally(() => (this.#waking = undefined));
    return this.#waking;
  }

  /** Leaves memory until somebody asks after a while. */
  async #giveUp(): Promise<void> {
    const { now, random } = this.#options;
    this.#failedLoads += 1;
    this.#retryAtMs = now() + backoffMs(this.#failedLoads, loadBackoff, random);
    await this.#leave();
  }

  /** Brings the model in. Resolves when it can run or a fault was reported. */
  async #settled(): Promise<void> {
    this.#leaving = new AbortController();
    const settled = new Promise<void>((resolve) => this.#onSettled.push(resolve));
    this.#change({ phase: 'Resolving', ...this.#lastingFault() });
    void this.#bring();
    await settled;
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
        this.#change({
          ...progress,
          ...(progress.phase === 'Resolving' && fault && { fault }),
          ...this.#lastingFault(),
        });
      },
      signal,
      log: this.#options.log,
    });
  }

  /** What is the matter with one of several models stays said while it is tried again now and then. */
  #lastingFault(): { fault?: Fault } {
    const { fault } = this.#state;
    return this.isShared && fault ? { fault } : {};
  }

  #keepAlive({ modelPath, directory, digest }: ResolvedModel): void {
    const { model, config, spawn, memory, metrics, now, random, log } = this.#options;
    const labels = modelLabels(model.name);
    this.#change({ phase: 'Loading', digest, ...this.#lastingFault() });
    this.#process = new ModelProcess({
      spawn,
      load: {
        modelPath,
        directory,
        task: model.task,
        executionProvider: config.executionProvider,
        threads: config.threads,
        warmup: config.warmup,
        batching: config.batchMaxSize > 1,
      },
      loadTimeoutMs: limits.loadTimeoutMs,
      memoryKills,
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
          metrics.loads.inc(labels);
          metrics.loadTime.set(labels, loadMs / 1000);
          metrics.ready.set(labels, 1);
          log.info({ digest, batchable, loadMs: Math.round(loadMs) }, 'the model is ready');
          this.#scheduler.resume(batchable);
          memory?.settle(this).then(
            (bytes) => (this.#loadedBytes = bytes),
            (error: unknown) => log.error({ err: error }, 'the memory of a model was not measured'),
          );
        },
        down: (fault) => {
          metrics.restarts.inc(labels);
          metrics.ready.set(labels, 0);
          this.#fail(digest, fault);
        },
        failed: (fault) => {
          const isLoading = this.#onSettled.length > 0;
          this.#fail(digest, fault);
          if (memory && !isLoading) void this.#inTurn(() => this.#giveUp());
        },
        gone: () => {
          const isLoading = this.#onSettled.length > 0;
          // Whoever has the model loaded holds the turn until something is reported.
          if (isLoading) this.#fail(digest, goneFault);
          if (!memory || !isLoading) void this.#inTurn(async () => (this.#isUnloaded ? undefined : this.#bringAnew()));
        },
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
    this.#options.metrics.faults.inc({ ...modelLabels(this.name), reason });
    this.#scheduler.refuseAll(new RequestError('NotReady', `${reason}: ${message}`, 30));
  }

  /** While draining the phase stays. */
  #change(state: Omit<ModelReport, 'uri'>): void {
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
