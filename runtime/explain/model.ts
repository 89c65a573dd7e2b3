import { RequestError } from '../errors.ts';

/**
 * A model: so many rows in, [count, outputs] out, row by row. The batch is written over once the answer is there.
 *
 * @param signal aborted where nobody waits for the answer any more
 */
export type Predict<Batch> = (
  batch: Batch,
  count: number,
  signal?: AbortSignal,
) => Promise<Float32Array | Float64Array>;

/** Rows for a model, made when they are needed. */
export interface RowSource<Batch> {
  readonly count: number;
  /** What one row takes in memory. */
  readonly rowBytes: number;
  /** The rows from one number to below another. */
  batch(from: number, to: number): Batch;
}

/** The rows of [count, width]. */
export const matrixRows = (values: Float32Array, width: number): RowSource<Float32Array> => ({
  count: values.length / width,
  rowBytes: width * Float32Array.BYTES_PER_ELEMENT,
  batch: (from, to) => values.subarray(from * width, to * width),
});

/** Gives room for batches, each in the same memory as the one before. */
export function batchMemory(): (length: number) => Float32Array {
  let memory = new Float32Array();
  return (length) => {
    if (memory.length < length) memory = new Float32Array(length);
    return memory.subarray(0, length);
  };
}

export interface RunOptions {
  /** The most rows of one run of the model. */
  chunkRows: number;
  signal: AbortSignal | undefined;
}

/** However many rows a run may have, the batch takes no more memory than this. */
const chunkBytes = 16 * 2 ** 20;

/** Runs a model over rows in chunks, one after the other, and counts them. */
export class Evaluator<Batch> {
  readonly #predict: Predict<Batch>;
  readonly #options: RunOptions;
  #outputs: number | undefined;
  #evaluations = 0;

  constructor(predict: Predict<Batch>, options: RunOptions) {
    this.#predict = predict;
    this.#options = options;
  }

  /** Rows that the model has seen. */
  get evaluations(): number {
    return this.#evaluations;
  }

  /**
   * What the model makes of each `group` rows that follow each other, in the mean: [count / group, columns]. Sums are taken
   * in the order of the rows, so that the size of the chunks does not show.
   *
   * @param columns the outputs wanted; undefined: all
   */
  async means(source: RowSource<Batch>, group: number, columns?: readonly number[]): Promise<Float64Array> {
    const { chunkRows, signal } = this.#options;
    const step = Math.max(1, Math.min(chunkRows, Math.floor(chunkBytes / source.rowBytes)));
    let sums: Float64Array | undefined;
    for (let from = 0; from < source.count; from += step) {
      const to = Math.min(source.count, from + step);
      signal?.throwIfAborted();
      const answer = await this.#predict(source.batch(from, to), to - from, signal);
      this.#evaluations += to - from;
      const outputs = this.#outputsOf(answer, to - from);
      const wanted = columns ?? Array.from({ length: outputs }, (_, output) => output);
      sums ??= new Float64Array((source.count / group) * wanted.length);
      addRows(sums, answer, { from, to, outputs, wanted, group });
    }
    signal?.throwIfAborted();
    const means = (sums ?? new Float64Array()).map((sum) => sum / group);
    if (!means.every(Number.isFinite)) {
      throw new RequestError(
        'ModelFailed',
        'the model gives NaN or infinity for some of the rows that an explanation needs',
      );
    }
    return means;
  }

  #outputsOf(answer: Float32Array | Float64Array, rows: number): number {
    const outputs = answer.length / rows;
    this.#outputs ??= outputs;
    if (!Number.isInteger(outputs) || outputs === 0 || outputs !== this.#outputs) {
      throw new RequestError('ModelFailed', `the model gives ${answer.length} numbers for ${rows} rows`);
    }
    return outputs;
  }
}

interface Rows {
  from: number;
  to: number;
  outputs: number;
  wanted: readonly number[];
  group: number;
}

/** Adds what the model gives for the rows from one number to below another to the sums of the groups that they are in. */
function addRows(
  sums: Float64Array,
  answer: Float32Array | Float64Array,
  { from, to, outputs, wanted, group }: Rows,
): void {
  for (let row = from; row < to;) {
    const end = Math.min(to, (Math.floor(row / group) + 1) * group);
    for (let column = 0; column < wanted.length; column++) {
      const place = Math.floor(row / group) * wanted.length + column;
      let sum = sums[place] ?? 0;
      const [first, last] = [(row - from) * outputs + (wanted[column] ?? 0), (end - from) * outputs];
      for (let at = first; at < last; at += outputs) sum += answer[at] ?? NaN;
      sums[place] = sum;
    }
    row = end;
  }
}
