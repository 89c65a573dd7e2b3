import { Worker } from 'node:worker_threads';
import { TrainingFailure } from '../../errors.ts';
import type { OptimizerSpec } from '../../training-contract.ts';
import type { Rows } from '../data/dataset.ts';
import { trainableIn } from '../layout.ts';
import type { MetricSums } from '../metrics.ts';
import type { TrainingGraph } from '../training-graph.ts';
import type {
  Contribution,
  EvaluationTask,
  ExecutionProvider,
  GradientTask,
  SharedVector,
  ThreadAnswer,
  ThreadNotice,
  ThreadRequest,
  UpdateTask,
} from './engine-messages.ts';
import { EngineMemory } from './engine-memory.ts';
import { scratchLength } from './vector-math.ts';

interface Job {
  request: ThreadRequest;
  leaving: ArrayBuffer[];
  resolve: (answer: ThreadAnswer) => void;
  reject: (error: unknown) => void;
}

/** A thread and what it does now. */
interface Thread {
  worker: Worker;
  job: Job | undefined;
}

/**
 * Runs the graphs of a job on threads, so that the calling one stays free for the network and probes. A run has one thread,
 * and a task says what is summed in which order, so no result depends on the number of threads. Every method rejects with
 * TrainingFailure, or with the error of a bug.
 */
export class Engine {
  readonly #memory = new EngineMemory();
  readonly #threads: Thread[];
  readonly #queue: Job[] = [];
  readonly #spares: SharedVector[] = [];
  readonly #executionProvider: ExecutionProvider;
  #length = 0;
  #closed = false;

  /** @param threads how many runs go on at a time */
  constructor(threads: number, executionProvider: ExecutionProvider) {
    this.#executionProvider = executionProvider;
    this.#threads = Array.from({ length: threads }, () => this.#start());
  }

  get threads(): number {
    return this.#threads.length;
  }

  /** Whether a graph runs now. A process that exits while one does is aborted. */
  get isRunning(): boolean {
    return this.#threads.some(({ job }) => job !== undefined);
  }

  /** To be called once, before any task. */
  async load(graph: TrainingGraph, optimizer: OptimizerSpec): Promise<void> {
    this.#length = graph.layout.total;
    const program = { graph, optimizer, executionProvider: this.#executionProvider };
    const scratches = this.#threads.map(() => this.allocate(scratchLength).id);
    await Promise.all(scratches.map((scratch) => this.#ask({ type: 'load', program, scratch })));
  }

  /** Zeros, in memory that all threads see. It is kept until it is given to `forget`. */
  allocate(length: number): SharedVector {
    const { vector, place } = this.#memory.allocate(length);
    this.#tell({ type: 'allocated', id: vector.id, place });
    return vector;
  }

  /** Nobody uses that vector any more. */
  forget(vector: SharedVector): void {
    this.#tell({ type: 'forgotten', id: vector.id });
    this.#memory.free(vector);
  }

  /** The sum over the leaves of one node of the sum tree. */
  async gradient(task: GradientTask): Promise<Contribution> {
    const vector = this.#spares.pop() ?? this.allocate(this.#length);
    const request = { ...task, parameters: task.parameters.id };
    try {
      const answer = await this.#ask({ type: 'gradient', task: request, into: vector.id }, buffersOf(task.leaves));
      if (answer.type !== 'loss') throw new Error(`the engine answered ${answer.type} to a gradient`);
      return { loss: answer.loss, vector };
    } catch (error) {
      this.#spares.push(vector);
      throw error;
    }
  }

  /** The value of a node whose children these are. Both are used up. */
  async add(left: Contribution, right: Contribution): Promise<Contribution> {
    try {
      await this.#ask({ type: 'add', target: left.vector.id, source: right.vector.id });
    } catch (error) {
      this.recycle(left);
      throw error;
    } finally {
      this.recycle(right);
    }
    return { loss: left.loss + right.loss, vector: left.vector };
  }

  /** Makes the next version of a slice, with the bits that its parameter server makes. */
  async update(task: UpdateTask): Promise<void> {
    const { length, trainable } = task;
    const share = Math.ceil(length / this.threads / alignment) * alignment;
    const begins = Array.from({ length: this.threads }, (_, index) => index * share).filter((from) => from < length);
    const pieces = begins.map((from) => {
      const pieceLength = Math.min(share, length - from);
      const stateOf = ({ weights, slots }: UpdateTask['to']) => ({
        weights: partOf(weights, from),
        slots: slots.map((slot) => partOf(slot, from)),
      });
      return {
        from: stateOf(task.from),
        gradient: partOf(task.gradient, from),
        to: stateOf(task.to),
        length: pieceLength,
        trainable: trainableIn({ from, to: from + pieceLength }, trainable),
        at: task.at,
      };
    });
    // All of them have ended before anybody uses that memory for something else.
    const answers = await Promise.allSettled(pieces.map((piece) => this.#ask({ type: 'update', task: piece })));
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason;
  }

  /** What the rows add to the sums that metrics are made of. */
  async evaluate({ parameters, rows }: EvaluationTask): Promise<MetricSums> {
    const task = { parameters: parameters.id, rows };
    const answer = await this.#ask({ type: 'evaluate', task }, buffersOf([{ rows }]));
    if (answer.type !== 'sums') throw new Error(`the engine answered ${answer.type} to an evaluation`);
    return answer.sums;
  }

  /** Takes back the memory of a contribution that is of no more use. */
  recycle({ vector }: Contribution): void {
    this.#spares.push(vector);
  }

  /** Rejects all tasks that have not begun. */
  drop(): void {
    for (const job of this.#queue.splice(0)) job.reject(new Error('the task was dropped'));
  }

  /** Drops what has not begun, waits for the runs under way, and ends the threads. */
  async close(): Promise<void> {
    this.#closed = true;
    this.drop();
    await Promise.all(
      this.#threads.map(async ({ worker, job }) => {
        if (job) await new Promise<void>((resolve) => worker.once('message', () => resolve()));
        await worker.terminate();
      }),
    );
  }

  /** @param leaving memory that goes to the thread instead of being copied: nobody here can read it any more */
  #ask(request: ThreadRequest, leaving: ArrayBuffer[] = []): Promise<ThreadAnswer> {
    if (this.#closed) return Promise.reject(new Error('the engine was closed'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, leaving, resolve, reject });
      this.#assign();
    });
  }

  #tell(notice: ThreadNotice): void {
    for (const { worker } of this.#threads) worker.postMessage(notice);
  }

  #assign(): void {
    for (const thread of this.#threads) {
      if (thread.job) continue;
      const job = this.#queue.shift();
      if (!job) return;
      thread.job = job;
      thread.worker.postMessage(job.request, job.leaving);
    }
  }

  #start(): Thread {
    const worker = new Worker(new URL('engine-thread.ts', import.meta.url), { workerData: this.#memory.kernels });
    const thread: Thread = { worker, job: undefined };
    worker.on('message', (answer: ThreadAnswer) => {
      const { job } = thread;
      thread.job = undefined;
      this.#assign();
      if (answer.type === 'fault') job?.reject(new TrainingFailure(answer.fault));
      else job?.resolve(answer);
    });
    worker.on('error', (error) => {
      const jobs = [thread.job, ...this.#queue.splice(0)];
      thread.job = undefined;
      this.#closed = true;
      for (const job of jobs) job?.reject(error);
    });
    return thread;
  }
}

/** Pieces of an update begin at multiples of this many elements: no two threads write to one line of the processor's cache. */
const alignment = 1_024;

const partOf = ({ vector, from }: UpdateTask['gradient'], offset: number) => ({
  vector: vector.id,
  from: from + offset,
});

const buffersOf = (leaves: readonly { rows: Rows }[]): ArrayBuffer[] =>
  leaves.flatMap(({ rows: { inputs, labels } }) => [...inputs.values(), labels].map(({ data }) => data.buffer));
