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

/** Bytes of one element; 0 for BYTES, whose elements vary. */
export const elementSize: Readonly<Record<DataType, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
};

export const isDataType = (value: unknown): value is DataType =>
  typeof value === 'string' && Object.hasOwn(elementSize, value);

/** The product of the dimensions, exact for any dimensions. */
export function elementCount(shape: readonly number[]): bigint {
  return shape.reduce((product, dimension) => product * BigInt(dimension), 1n);
}

/** Splits raw BYTES into its elements without copying; undefined where the lengths do not fit the data. */
export function splitBytes(data: Uint8Array): Uint8Array[] | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const elements: Uint8Array[] = [];
  let offset = 0;
  while (offset < data.byteLength) {
    if (offset + 4 > data.byteLength) return undefined;
    const length = view.getUint32(offset, true);
    offset += 4;
    if (offset + length > data.byteLength) return undefined;
    elements.push(data.subarray(offset, offset + length));
    offset += length;
  }
  return elements;
}

/** The inverse of `splitBytes`. */
export function joinBytes(elements: readonly Uint8Array[]): Uint8Array {
  const data = new Uint8Array(elements.reduce((sum, element) => sum + 4 + element.byteLength, 0));
  const view = new DataView(data.buffer);
  let offset = 0;
  for (const element of elements) {
    view.setUint32(offset, element.byteLength, true);
    data.set(element, offset + 4);
    offset += 4 + element.byteLength;
  }
  return data;
}
