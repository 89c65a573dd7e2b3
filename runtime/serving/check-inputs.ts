import type { DataType, TensorSignature } from '../contract.ts';
import { invalid } from '../errors.ts';
import { elementSize, isDataType, splitBytes } from '../../lib/tensor-codec.ts';
import { limits } from './limits.ts';
import { elementCount, type Tensor } from './tensor.ts';

/** The shape of a request's tensor, checked before anything is allocated for it. `path` names it in errors. */
export function checkShape(value: unknown, path: string): number[] {
  if (!Array.isArray(value)) throw invalid(`${path}: must be an array of whole numbers`);
  if (value.length > limits.rank)
    throw invalid(`${path}: has ${value.length} dimensions; at most ${limits.rank} are allowed`);
  return value.map((dimension: unknown, index) => {
    if (typeof dimension !== 'number' || !Number.isSafeInteger(dimension) || dimension < 0) {
      throw invalid(`${path}[${index}]: must be a whole number of at least 0`);
    }
    return dimension;
  });
}

export function checkDataType(value: unknown, path: string): DataType {
  if (isDataType(value)) return value;
  if (value === 'BF16')
    throw invalid(`${path}: BF16 is not supported by ONNX Runtime's Node binding; use FP32 or FP16`);
  throw invalid(`${path}: must be one of ${Object.keys(elementSize).join(', ')}`);
}

/** The number of elements of a checked shape; refuses what no request of `maxBytes` can carry. */
export function checkElementCount(
  shape: readonly number[],
  bytesPerElement: number,
  maxBytes: number,
  path: string,
): number {
  const count = elementCount(shape);
  if (count * BigInt(bytesPerElement) > BigInt(maxBytes)) {
    throw invalid(`${path}: ${count} elements are more than a request can hold`);
  }
  return Number(count);
}

/**
 * Everything that ONNX Runtime would accept in silence or refuse with words of its own: unknown, missing or repeated
 * inputs, another type, another shape, data that does not fill the shape.
 *
 * @param optional inputs that may be missing
 */
export function checkInputs(
  inputs: readonly Tensor[],
  signature: readonly TensorSignature[],
  optional: readonly TensorSignature[] = [],
): void {
  const seen = new Set<string>();
  const all = [...signature, ...optional];
  inputs.forEach((input, index) => {
    const path = `inputs[${index}]`;
    const expected = all.find(({ name }) => name === input.name);
    if (!expected) {
      const known = all
        .slice(0, 20)
        .map(({ name }) => JSON.stringify(name.slice(0, 200)))
        .join(', ');
      throw invalid(
        `${path}.name: the model has no input ${JSON.stringify(input.name.slice(0, 200))}; its inputs are ${known}${all.length > 20 ? ' …' : ''}`,
      );
    }
    if (seen.has(input.name)) throw invalid(`${path}.name: ${JSON.stringify(input.name)} is given twice`);
    seen.add(input.name);
    if (input.dataType !== expected.dataType) {
      throw invalid(`${path}.datatype: ${JSON.stringify(input.name)} is ${expected.dataType}, not ${input.dataType}`);
    }
    checkAgainst(input, expected, path);
    checkData(input, path);
  });
  const missing = signature.find(({ name }) => !seen.has(name));
  if (missing) throw invalid(`inputs: ${JSON.stringify(missing.name)} is missing`);
}

/** ONNX Runtime reports a scalar and an unknown rank alike as an empty shape, so an empty one admits every shape. */
function checkAgainst(input: Tensor, expected: TensorSignature, path: string): void {
  if (expected.shape.length === 0) return;
  const fits =
    input.shape.length === expected.shape.length &&
    expected.shape.every((dimension, axis) => dimension === -1 || dimension === input.shape[axis]);
  if (!fits) {
    const shown = JSON.stringify(expected.shape);
    throw invalid(
      `${path}.shape: ${JSON.stringify(input.name)} takes ${shown} (-1 is any), not ${JSON.stringify(input.shape)}`,
    );
  }
}

function checkData(input: Tensor, path: string): void {
  const count = elementCount(input.shape);
  if (input.dataType === 'BYTES') {
    const elements = splitBytes(input.data);
    if (!elements) throw invalid(`${path}.data: a BYTES element's length reaches beyond the data`);
    if (BigInt(elements.length) !== count) {
      throw invalid(
        `${path}.data: has ${elements.length} elements where the shape ${JSON.stringify(input.shape)} needs ${count}`,
      );
    }
    return;
  }
  const size = elementSize[input.dataType];
  if (count * BigInt(size) !== BigInt(input.data.byteLength)) {
    throw invalid(
      `${path}.data: has ${input.data.byteLength} bytes where ${input.dataType} of the shape ${JSON.stringify(input.shape)} needs ${count * BigInt(size)}`,
    );
  }
  if (input.dataType === 'BOOL' && input.data.some((byte) => byte > 1)) {
    throw invalid(`${path}.data: a BOOL is 0 or 1`);
  }
}
