import { Worker } from 'node:worker_threads';
import { TrainingFailure } from '../../errors.ts';
import type { Rows } from '../data/dataset.ts';
import type { MetricSums } from '../metrics.ts';
import type { TrainingGraph } from '../training-graph.ts';
import type {
  Contribution,
  EvaluationTask,
  ExecutionProvider,
  GradientTask,
  ThreadAnswer,
  ThreadRequest,
} from './engine-messages.ts';

interface Job {
  request: ThreadRequest;
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
  readonly #threads: Thread[];
  readonly #queue: Job[] = [];
  readonly #spares: Float32Array<ArrayBuffer>[] = [];
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
  async load(graph: TrainingGraph): Promise<void> {
    this.#length = graph.layout.total;
    const request: ThreadRequest = { type: 'load', graph, executionProvider: this.#executionProvider };
    await Promise.all(this.#threads.map(() => this.#ask(request)));
  }

  /** The sum over the leaves of one node of the sum tree. */
  async gradient(task: GradientTask): Promise<Contribution> {
    const into = this.#spares.pop() ?? new Float32Array(this.#length);
    return contributionOf(await this.#ask({ type: 'gradient', task, into }));
  }

  /** The value of a node whose children these are. Both are used up. */
  async add(left: Contribution, right: Contribution): Promise<Contribution> {
    const answer = await this.#ask({ type: 'add', left, right });
    if (answer.type === 'contribution' && answer.spare) this.#spares.push(answer.spare);
    return contributionOf(answer);
  }

  /** What the rows add to the sums that metrics are made of. */
  async evaluate(task: EvaluationTask): Promise<MetricSums> {
    const answer = await this.#ask({ type: 'evaluate', task });
    if (answer.type !== 'sums') throw new Error(`the engine answered ${answer.type} to an evaluation`);
    return answer.sums;
  }

  /** Takes back the memory of a contribution that is of no more use. */
  recycle({ values }: Contribution): void {
    this.#spares.push(values);
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

  #ask(request: ThreadRequest): Promise<ThreadAnswer> {
    if (this.#closed) return Promise.reject(new Error('the engine was closed'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ request, resolve, reject });
      this.#assign();
    });
  }

  #assign(): void {
    for (const thread of this.#threads) {
      if (thread.job) continue;
      const job = this.#queue.shift();
      if (!job) return;
      thread.job = job;
      thread.worker.postMessage(job.request, leaving(job.request));
    }
  }

  #start(): Thread {
    const worker = new Worker(new URL('engine-thread.ts', import.meta.url));
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

/** Memory that goes to the thread instead of being copied: nobody here can read it any more. */
function leaving(request: ThreadRequest): ArrayBuffer[] {
  switch (request.type) {
    case 'load':
      return [];
    case 'gradient':
      return [request.into.buffer, ...request.task.leaves.flatMap(({ rows }) => buffersOf(rows))];
    case 'evaluate':
      return buffersOf(request.task.rows);
    case 'add':
      return [request.left.values.buffer, request.right.values.buffer];
  }
}

const buffersOf = ({ inputs, labels }: Rows): ArrayBuffer[] =>
  [...inputs.values(), labels].map(({ data }) => data.buffer);

function contributionOf(answer: ThreadAnswer): Contribution {
  if (answer.type !== 'contribution') throw new Error(`the engine answered ${answer.type} to a gradient`);
  return answer.contribution;
}
