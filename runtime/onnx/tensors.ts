import { create } from '@bufbuild/protobuf';
import { elementTypeName, elementTypes } from './element-types.ts';
import { type TensorProto, TensorProtoSchema } from './onnx.gen.ts';
import { OnnxError } from './onnx-error.ts';

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | BigInt64Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

const dimsOf = (shape: readonly number[]): bigint[] => shape.map(BigInt);

/** A float32 tensor over the same memory. */
export function floatTensor(name: string, shape: readonly number[], data: Float32Array): TensorProto {
  return create(TensorProtoSchema, { name, dims: dimsOf(shape), dataType: elementTypes.FLOAT, rawData: bytesOf(data) });
}

export function int64Tensor(name: string, shape: readonly number[], values: readonly (number | bigint)[]): TensorProto {
  const data = BigInt64Array.from(values, BigInt);
  return create(TensorProtoSchema, { name, dims: dimsOf(shape), dataType: elementTypes.INT64, rawData: bytesOf(data) });
}

export const tensorShape = (tensor: TensorProto): number[] => tensor.dims.map(Number);

/** Elements in a file beside the model: what reads the tensor must find them there first. */
export const isExternal = (tensor: TensorProto): boolean => tensor.dataLocation === 1;

/** A copy of the elements of a FLOAT tensor. Throws OnnxError for another type, or where elements are missing. */
export function readFloats(tensor: TensorProto): Float32Array {
  expectType(tensor, elementTypes.FLOAT);
  const values = isRaw(tensor) ? new Float32Array(rawCopy(tensor, 4)) : Float32Array.from(tensor.floatData);
  return complete(tensor, values);
}

/** The elements of an INT64 or INT32 tensor, which must be safe integers. Throws OnnxError for another type, or where elements are missing. */
export function readInts(tensor: TensorProto): number[] {
  if (tensor.dataType === elementTypes.INT32) {
    return complete(tensor, isRaw(tensor) ? [...new Int32Array(rawCopy(tensor, 4))] : tensor.int32Data);
  }
  expectType(tensor, elementTypes.INT64);
  const values = isRaw(tensor) ? [...new BigInt64Array(rawCopy(tensor, 8))] : tensor.int64Data;
  return complete(tensor, values.map(Number));
}

const isRaw = (tensor: TensorProto): boolean => tensor.rawData.length > 0;

/** Raw data lies anywhere in the model's bytes: a typed array needs it aligned. */
function rawCopy(tensor: TensorProto, elementSize: number): ArrayBuffer {
  if (tensor.rawData.length % elementSize !== 0) throw incomplete(tensor);
  return Uint8Array.from(tensor.rawData).buffer;
}

function expectType(tensor: TensorProto, type: number): void {
  if (tensor.dataType === type) return;
  const [is, not] = [elementTypeName(tensor.dataType), elementTypeName(type)];
  throw new OnnxError(`The tensor ${JSON.stringify(tensor.name)} has the element type ${is}, not ${not}.`);
}

function complete<Values extends { length: number }>(tensor: TensorProto, values: Values): Values {
  const count = tensorShape(tensor).reduce((product, size) => product * size, 1);
  if (values.length !== count) throw incomplete(tensor);
  return values;
}

const incomplete = ({ name, dims }: TensorProto): OnnxError =>
  new OnnxError(
    `The tensor ${JSON.stringify(name)} does not have as many elements as its shape [${dims.join()}] says.`,
  );
