import { invalid } from '../errors.ts';
import { decodeTensor, joinBytes, type TensorValues } from '../../lib/tensor-codec.ts';
import { limits } from './limits.ts';
import type { Tensor } from './tensor.ts';

/**
 * The classification extension of the Open Inference Protocol: an output as its `count` highest elements, each as the
 * text "VALUE:INDEX", highest first and equal ones by index. Of a model that batches, for each row: BYTES [rows, count];
 * else over all elements: BYTES [count]. Fewer where there are not as many elements. Throws RequestError for elements
 * that have no order.
 */
export function classified(output: Tensor, count: number, isBatchable: boolean): Tensor {
  const { name, dataType } = output;
  if (dataType === 'BYTES' || dataType === 'BOOL')
    throw invalid(`outputs: ${JSON.stringify(name)} is ${dataType}, which cannot be classified`);
  const elements = decodeTensor(dataType, output.data) as Numbers;
  if (elements.length > limits.classifiedElements)
    throw invalid(
      `outputs: ${JSON.stringify(name)} has ${elements.length} elements; at most ${limits.classifiedElements} can be classified`,
    );
  const rows = isBatchable ? (output.shape[0] ?? 1) : 1;
  const classes = rows === 0 ? 0 : elements.length / rows;
  const shown = Math.min(count, classes);
  const texts = Array.from({ length: rows }, (_, row) => {
    const values = elements.subarray(row * classes, (row + 1) * classes);
    return highest(values, shown).map((index) => Buffer.from(`${text(values[index], dataType)}:${index}`));
  }).flat();
  return { name, dataType: 'BYTES', shape: isBatchable ? [rows, shown] : [shown], data: joinBytes(texts) };
}

type Numbers = Exclude<TensorValues, boolean[] | Uint8Array[]>;

/** NaN is below everything. */
function highest(values: Numbers, count: number): number[] {
  const rank = (index: number): number | bigint => {
    const value = values[index] ?? NaN;
    return Number.isNaN(value) ? -Infinity : value;
  };
  const order = (a: number, b: number): number => (rank(a) < rank(b) ? 1 : rank(a) > rank(b) ? -1 : a - b);
  if (count * 8 > values.length) return [...values.keys()].sort(order).slice(0, count);
  // One pass: of most elements it is seen at once that they are not among the highest.
  const best: number[] = [];
  for (const index of values.keys()) {
    const last = best[count - 1];
    if (last !== undefined && order(last, index) < 0) continue;
    const place = best.findIndex((other) => order(index, other) < 0);
    best.splice(place === -1 ? best.length : place, 0, index);
    best.length = Math.min(best.length, count);
  }
  return best;
}

/** Nine digits tell a 32-bit float from its neighbours. */
const text = (value: number | bigint | undefined, dataType: Tensor['dataType']): string =>
  typeof value === 'number' && (dataType === 'FP16' || dataType === 'FP32')
    ? String(Number(value.toPrecision(9)))
    : String(value);
