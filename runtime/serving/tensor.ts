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
