import { addSums, noSums, type MetricSums } from '../metrics.ts';
import type { TrainingGraph } from '../training-graph.ts';
import type { Slice } from '../layout.ts';
import { float64Of, TransportError } from '../transport/connection.ts';
import type { WorkerMember } from './members.ts';
import type { StageContext } from './training-stage.ts';
import { until } from './until.ts';

export interface EvaluationStageOptions extends StageContext {
  /** Tells evaluations apart. */
  evaluation: number;
  version: number;
  split: 'validation' | 'test';
  rows: number;
  chunkRows: number;
  label: TrainingGraph['label'];
}

/** Chunks that a worker has in hand for each run that it does at a time: one to work on, one to go on with. */
const chunksForEachRun = 2;

/** The fewest rows of a chunk, so that a chunk is worth its message. */
const minChunkRows = 64;

/** Chunks depend on the job alone, since sums are added chunk by chunk: as many rows as a shard has, or a few more. */
export const chunkRowsOf = ({ batchSize, gradientShards }: { batchSize: number; gradientShards: number }): number =>
  Math.max(minChunkRows, Math.ceil(batchSize / gradientShards));

/** Has the workers evaluate a version on a split. */
export class EvaluationStage {
  readonly #options: EvaluationStageOptions;
  readonly #chunks: Slice[];
  readonly #sums: (MetricSums | undefined)[];
  readonly #free: number[];
  readonly #inHand = new Map<number, Set<number>>();

  constructor(options: EvaluationStageOptions) {
    const { rows, chunkRows } = options;
    this.#options = options;
    this.#chunks = Array.from({ length: Math.ceil(rows / chunkRows) }, (_, chunk) => ({
      from: chunk * chunkRows,
      to: Math.min(rows, (chunk + 1) * chunkRows),
    }));
    this.#sums = this.#chunks.map(() => undefined);
    this.#free = [...this.#chunks.keys()];
  }

  /** The sums over the split. Rejects where the generation ends before. */
  run(): Promise<MetricSums> {
    const { members, signal, label } = this.#options;
    const total = (): MetricSums => {
      const sums = noSums(label);
      for (const chunk of this.#sums) if (chunk) addSums(sums, chunk);
      return sums;
    };
    if (this.#chunks.length === 0) return Promise.resolve(total());
    return until(signal, (resolve) => {
      const stop = members.listen({
        workerJoined: (worker) => this.#handOut(worker),
        workerLeft: ({ index }) => {
          this.#free.unshift(...(this.#inHand.get(index) ?? []));
          this.#inHand.delete(index);
          for (const worker of members.workers) this.#handOut(worker);
        },
        workerSaid: (worker, message, payload) => {
          const { generation, evaluation } = this.#options;
          if (message.type !== 'evaluated') return;
          if (message.generation !== generation || message.evaluation !== evaluation) return;
          this.#take(worker, message.chunk, payload);
          if (this.#sums.every(Boolean)) resolve(total());
        },
      });
      for (const worker of members.workers) this.#handOut(worker);
      return stop;
    });
  }

  #take(worker: WorkerMember, chunk: number, payload: Uint8Array): void {
    const sums = float64Of(payload);
    if (sums.length !== noSums(this.#options.label).length) {
      throw new TransportError('Protocol', 'sums of another length came');
    }
    if (!this.#inHand.get(worker.index)?.delete(chunk)) return;
    this.#sums[chunk] = sums;
    this.#handOut(worker);
  }

  #handOut(worker: WorkerMember): void {
    const inHand = this.#inHand.get(worker.index) ?? new Set();
    this.#inHand.set(worker.index, inHand);
    const most = chunksForEachRun * (worker.ready?.runs ?? 1);
    const chunks = this.#free.splice(0, Math.max(0, most - inHand.size));
    if (chunks.length === 0) return;
    for (const chunk of chunks) inHand.add(chunk);
    const { generation, evaluation, version, split } = this.#options;
    void worker.connection.send({
      type: 'evaluate',
      generation,
      evaluation,
      version,
      split,
      chunks: chunks.map((chunk) => ({ chunk, ...(this.#chunks[chunk] ?? { from: 0, to: 0 }) })),
    });
  }
}
