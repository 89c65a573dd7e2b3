import type { TensorSignature } from '../contract.ts';
import { invalid } from '../errors.ts';
import { elementSize } from '../../lib/tensor-codec.ts';
import { checkElementCount, checkShape } from './check-inputs.ts';
import { encodeElements } from './elements.ts';
import type { Tensor } from './tensor.ts';

/**
 * An input given as nested arrays, whose shape is how they nest. Throws RequestError.
 *
 * @param value bytes that are no text are Uint8Arrays
 * @param path names the value in errors
 * @param bodyBytes of the request, which bound what is allocated
 */
export function naturalTensor(
  name: string,
  value: unknown,
  signature: readonly TensorSignature[],
  path: string,
  bodyBytes: number,
): Tensor {
  const input = signature.find((candidate) => candidate.name === name);
  if (!input) throw invalid(`${path}: the model has no input ${JSON.stringify(name.slice(0, 200))}`);
  const { dataType } = input;
  const shape = checkShape(nestedShape(value), name);
  const count = checkElementCount(shape, Math.max(1, elementSize[dataType]), bodyBytes * 8, name);
  const elements = shape.length === 0 ? [value] : value;
  return { name, dataType, shape, data: encodeElements(elements, dataType, shape, count, name) };
}

/** The shape that the first elements have; that all others have it too is seen when they are encoded. */
function nestedShape(value: unknown): number[] {
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0] as unknown) shape.push(inner.length);
  return shape;
}
