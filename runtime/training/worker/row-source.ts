import { batchOf, shardOf, type Batch, type BatchPlan } from '../batches.ts';
import type { Dataset, Rows } from '../data/dataset.ts';

/** Reads the rows of shards, some before they are needed. */
export class RowSource {
  readonly #dataset: Pick<Dataset, 'read'>;
  readonly #plan: BatchPlan;
  readonly #inputName: string;
  /** By step, then by shard. */
  readonly #ahead = new Map<number, Map<number, Promise<Rows>>>();

  /** @param inputName of the model's data input */
  constructor(dataset: Pick<Dataset, 'read'>, plan: BatchPlan, inputName: string) {
    this.#dataset = dataset;
    this.#plan = plan;
    this.#inputName = inputName;
  }

  /** 1 / rows of the step's batch. */
  rowWeightOf(step: number): number {
    const { from, to } = this.#batch(step).positions;
    return 1 / (to - from);
  }

  /** Begins to read what is not being read already. Rows of all other steps are dropped. */
  expect(step: number, shards: Iterable<number>): void {
    const reads = this.#ahead.get(step) ?? new Map<number, Promise<Rows>>();
    this.#ahead.clear();
    this.#ahead.set(step, reads);
    for (const shard of shards) {
      if (reads.has(shard)) continue;
      const read = this.#read(step, shard);
      // Whoever asks for the rows is told.
      read.catch(() => undefined);
      reads.set(shard, read);
    }
  }

  /** @throws TrainingFailure */
  rowsOf(step: number, shard: number): Promise<Rows> {
    const reads = this.#ahead.get(step);
    const read = reads?.get(shard);
    reads?.delete(shard);
    return read ?? this.#read(step, shard);
  }

  #batch(step: number): Batch {
    return batchOf(this.#plan, step);
  }

  #read(step: number, shard: number): Promise<Rows> {
    const batch = this.#batch(step);
    const { from, to } = shardOf(batch, shard, this.#plan.gradientShards);
    return this.#dataset.read('train', batch.epoch, from, to, this.#inputName);
  }
}
