import { RequestError } from '../errors.ts';
import { batchKey } from './batch.ts';
import type { RunRequest, RunResult, RunTimes } from './messages.ts';
import type { RunOutcome } from './model-child-handle.ts';
import type { Tensor } from './tensor.ts';

export interface SchedulerOptions {
  /** How many requests one run may hold. */
  batchMaxSize: number;
  /** How long a request may wait for others while the model is idle. */
  batchMaxDelayMs: number;
  queueMaxLength: number;
  /** Of all waiting requests together. */
  queueMaxBytes: number;
  /** The longest a request may take from its arrival, and the longest a run may take. */
  timeoutMs: number;
  now: () => number;
  runner: Runner;
  observe: {
    holds(waiting: number, running: number): void;
    ran(waitedMs: readonly number[], outcome: RunOutcome): void;
  };
}

/** What runs batches: the model process. */
interface Runner {
  isReady(): boolean;
  /** `onSent`: it has no more use for the memory of their inputs. */
  run(requests: readonly RunRequest[], onSent: () => void): Promise<RunOutcome>;
  kill(): void;
}

export interface Waiting {
  /** The client's own patience; it never prolongs the deployment's. */
  timeoutMs?: number | undefined;
  /** Aborted when the client went away. */
  signal?: AbortSignal;
  /** Requests with a lower number go first; `priorities.standard` unless told otherwise. */
  priority?: number | undefined;
  /** It shares its run with no other request. */
  isAlone?: boolean;
  /** Filled in on the request's way. */
  timeline?: Timeline | undefined;
  /** Its inputs have left for the model process, and nobody here will read them again. Not called for one that never ran. */
  onSent?: () => void;
}

/** When what happened to a request, in milliseconds since the epoch. */
export interface Timeline {
  queuedAt: number | undefined;
  /** Undefined until it begins. */
  run: Run | undefined;
}

/** A run, the same for all requests that ran together. */
export interface Run {
  beganAt: number;
  /** Undefined while it goes on. */
  endedAt: number | undefined;
  /** How many run together. */
  requests: number;
  /** As the model process measured; undefined until it answers. */
  times: RunTimes | undefined;
}

/** As the schedule policy extension has them: 1 is the most urgent. */
export const priorities = {
  standard: 2,
  /** What nobody waits for as long as anybody waits for something else. */
  background: Number.MAX_SAFE_INTEGER,
} as const;

interface Entry {
  request: RunRequest;
  key: string | undefined;
  bytes: number;
  priority: number;
  timeline: Timeline | undefined;
  onSent: Waiting['onSent'];
  arrivedAt: number;
  settle: (outcome: Tensor[] | Error) => void;
}

/**
 * The bounded queue before one model process. While a run goes on requests wait; then as many compatible ones as a
 * batch holds go together, the most urgent and among those the oldest first. A request whose deadline passed or whose client left is answered or dropped
 * at that moment, and costs no run if it was still waiting.
 */
export class Scheduler {
  readonly #options: SchedulerOptions;
  #waiting: Entry[] = [];
  #waitingBytes = 0;
  #busy = false;
  #batchable = false;
  #paused = false;
  #running = 0;
  /** Of recent runs, for predictions of waiting time. */
  #meanRunMs = 0;
  #meanBatch = 1;
  #delay: NodeJS.Timeout | undefined;
  #idle: (() => void)[] = [];
  #onRunEnd: (() => void)[] = [];

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  get length(): number {
    return this.#waiting.length;
  }

  /** Whether requests wait or run. */
  get isBusy(): boolean {
    return this.#waiting.length > 0 || this.#running > 0;
  }

  /** The runner became ready. */
  resume(batchable: boolean): void {
    this.#batchable = batchable;
    this.#pump();
  }

  /** No run begins before `work` is done, and `work` begins when no run goes on. */
  async pause(work: () => Promise<void>): Promise<void> {
    this.#paused = true;
    try {
      if (this.#busy) await new Promise<void>((resolve) => this.#onRunEnd.push(resolve));
      await work();
    } finally {
      this.#paused = false;
      this.#pump();
    }
  }

  /** Answers everyone who waits, such as when the model cannot come back soon. */
  refuseAll(error: RequestError): void {
    for (const entry of [...this.#waiting]) entry.settle(error);
  }

  /** Resolves when nothing waits and nothing runs. */
  async idle(): Promise<void> {
    if (!this.isBusy) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Rejects with RequestError. */
  infer(request: RunRequest, waiting: Waiting): Promise<Tensor[]> {
    const { timeoutMs, signal, priority, isAlone, timeline, onSent } = waiting;
    const { queueMaxLength, queueMaxBytes, now } = this.#options;
    const bytes = request.inputs.reduce((sum, { data }) => sum + data.byteLength, 0);
    const limitMs = Math.min(timeoutMs ?? Infinity, this.#options.timeoutMs);
    if (this.#waiting.length >= queueMaxLength || this.#waitingBytes + bytes > queueMaxBytes) {
      throw new RequestError(
        'QueueFull',
        `the queue of ${queueMaxLength} requests is full`,
        this.#predictedWaitSeconds(),
      );
    }
    const arrivedAt = now();
    if (timeline) timeline.queuedAt = arrivedAt;
    return new Promise((resolve, reject) => {
      let settled = false;
      const entry: Entry = {
        request,
        key: isAlone === true ? undefined : batchKey(request),
        bytes,
        priority: priority ?? priorities.standard,
        timeline,
        onSent,
        arrivedAt,
        settle: (outcome) => {
          if (settled) return;
          settled = true;
          clearTimeout(timer);
          signal?.removeEventListener('abort', leave);
          this.#remove(entry);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        },
      };
      const timer = setTimeout(
        () => entry.settle(new RequestError('DeadlineExceeded', `no answer within ${limitMs} ms`)),
        limitMs,
      );
      const leave = (): void => entry.settle(new RequestError('Cancelled', 'the client went away'));
      if (signal?.aborted) {
        leave();
        return;
      }
      signal?.addEventListener('abort', leave, { once: true });
      this.#waiting.push(entry);
      this.#waitingBytes += bytes;
      this.#options.observe.holds(this.#waiting.length, this.#running);
      this.#pump();
    });
  }

  #remove(entry: Entry): void {
    const index = this.#waiting.indexOf(entry);
    if (index === -1) return;
    this.#waiting.splice(index, 1);
    this.#waitingBytes -= entry.bytes;
    this.#options.observe.holds(this.#waiting.length, this.#running);
    this.#announceIdle();
  }

  #predictedWaitSeconds(): number {
    const runs = (this.#waiting.length + this.#running) / Math.max(1, this.#meanBatch);
    return Math.max(1, Math.ceil((runs * this.#meanRunMs) / 1000));
  }

  #pump(): void {
    const { runner, batchMaxDelayMs, batchMaxSize, now } = this.#options;
    const first = this.#first();
    if (this.#busy || this.#paused || !runner.isReady() || !first) return;
    const remainingMs = first.arrivedAt + batchMaxDelayMs - now();
    const mayGrow = this.#batchable && first.key !== undefined && this.#batchFor(first).length < batchMaxSize;
    if (batchMaxDelayMs > 0 && remainingMs > 0 && mayGrow) {
      this.#delay ??= setTimeout(() => {
        this.#delay = undefined;
        this.#pump();
      }, remainingMs);
      return;
    }
    clearTimeout(this.#delay);
    this.#delay = undefined;
    void this.#run(this.#batchFor(first));
  }

  #first(): Entry | undefined {
    let first = this.#waiting[0];
    for (const entry of this.#waiting) if (first && entry.priority < first.priority) first = entry;
    return first;
  }

  #batchFor(first: Entry): Entry[] {
    if (!this.#batchable || first.key === undefined) return [first];
    const compatible = this.#waiting.filter(({ key }) => key === first.key);
    return compatible.sort((a, b) => a.priority - b.priority).slice(0, this.#options.batchMaxSize);
  }

  async #run(batch: Entry[]): Promise<void> {
    const { runner, timeoutMs, now, observe } = this.#options;
    this.#busy = true;
    this.#running = batch.length;
    const begin = now();
    const run: Run = { beganAt: begin, endedAt: undefined, requests: batch.length, times: undefined };
    for (const entry of batch) {
      if (entry.timeline) entry.timeline.run = run;
      this.#waiting.splice(this.#waiting.indexOf(entry), 1);
      this.#waitingBytes -= entry.bytes;
    }
    observe.holds(this.#waiting.length, this.#running);
    const timer = setTimeout(() => runner.kill(), timeoutMs);
    try {
      const outcome = await runner.run(
        batch.map(({ request }) => request),
        () => batch.forEach(({ onSent }) => onSent?.()),
      );
      this.#learn(batch.length, now() - begin);
      run.endedAt = now();
      run.times = outcome;
      observe.ran(
        batch.map(({ arrivedAt }) => begin - arrivedAt),
        outcome,
      );
      batch.forEach((entry, index) => entry.settle(answerOf(outcome.results[index])));
    } catch (error) {
      run.endedAt = now();
      for (const entry of batch) entry.settle(error instanceof Error ? error : new Error(String(error)));
    } finally {
      clearTimeout(timer);
      this.#busy = false;
      this.#running = 0;
      observe.holds(this.#waiting.length, 0);
      for (const ended of this.#onRunEnd.splice(0)) ended();
      this.#announceIdle();
      this.#pump();
    }
  }

  #learn(size: number, runMs: number): void {
    const weight = this.#meanRunMs === 0 ? 1 : 0.2;
    this.#meanRunMs += weight * (runMs - this.#meanRunMs);
    this.#meanBatch += weight * (size - this.#meanBatch);
  }

  #announceIdle(): void {
    if (this.isBusy) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}

function answerOf(result: RunResult | undefined): Tensor[] | RequestError {
  if (!result) return new RequestError('ModelFailed', 'the model process gave no result');
  if (result.ok) return result.outputs;
  return new RequestError(result.reason === 'Refused' ? 'InvalidArgument' : 'ModelFailed', result.message);
}
