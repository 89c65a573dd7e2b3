import type { Predict } from '../../../runtime/explain/model.ts';

/** Layers of tanh, the last of which is linear or softmax, in float64: as bench/explain/reference.py has them. */
export interface Network {
  /** Of each layer, [inputs][outputs]. */
  weights: number[][][];
  biases: number[][];
  softmax: boolean;
}

export function applyNetwork({ weights, biases, softmax }: Network, row: ArrayLike<number>): number[] {
  let values = Array.from(row);
  weights.forEach((weight, layer) => {
    const sums = (biases[layer] ?? []).map((bias, output) =>
      values.reduce((sum, value, input) => sum + value * (weight[input]?.[output] ?? 0), bias),
    );
    values = layer < weights.length - 1 ? sums.map(Math.tanh) : sums;
  });
  if (!softmax) return values;
  const most = Math.max(...values);
  const exponentials = values.map((value) => Math.exp(value - most));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  return exponentials.map((value) => value / total);
}

/** A model of rows of numbers that is a function of one row, in float64. */
export const rowByRow =
  (of: (row: Float32Array) => readonly number[]): Predict<Float32Array> =>
  (batch, count) => {
    const width = batch.length / count;
    const rows = Array.from({ length: count }, (_, row) => batch.subarray(row * width, (row + 1) * width));
    return Promise.resolve(Float64Array.from(rows.flatMap((row) => [...of(row)])));
  };
