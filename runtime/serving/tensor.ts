import { fromHalfBits, splitBytes } from '../../lib/tensor-codec.ts';
import type { DataType, TensorSignature } from '../contract.ts';

/**
 * A tensor as it travels from the fronts to the model process and back: the raw encoding of the Open Inference
 * Protocol. Numbers are little-endian, row-major; BOOL is one byte of 0 or 1; BYTES is each element's length as
 * 4 bytes little-endian, then its content.
 */
export interface Tensor {
  name: string;
  dataType: DataType;
  /** Non-negative safe integers. */
  shape: number[];
  data: Uint8Array;
}

/** What a model or a task takes and gives. */
export interface Signature {
  inputs: TensorSignature[];
  outputs: TensorSignature[];
}

/** The product of the dimensions, exact for any dimensions. */
export function elementCount(shape: readonly number[]): bigint {
  return shape.reduce((product, dimension) => product * BigInt(dimension), 1n);
}

/** The numbers of an FP32 or FP16 tensor, over its own memory where that is aligned. */
export function floatsOf({ name, dataType, data }: Tensor): Float32Array {
  if (dataType !== 'FP32' && dataType !== 'FP16') throw new Error(`${name} is ${dataType}, which holds no floats`);
  const size = dataType === 'FP32' ? 4 : 2;
  const { buffer, byteOffset } = data.byteOffset % size === 0 ? data : Uint8Array.from(data);
  const count = data.byteLength / size;
  if (dataType === 'FP32') return new Float32Array(buffer, byteOffset, count);
  return Float32Array.from(new Uint16Array(buffer, byteOffset, count), fromHalfBits);
}

/** The elements of a BYTES tensor as UTF-8. */
export const textsOf = ({ data }: Pick<Tensor, 'data'>): string[] =>
  (splitBytes(data) ?? []).map((text) => Buffer.from(text).toString());
