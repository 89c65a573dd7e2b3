import type { InferenceSession, Tensor as OrtTensorType } from 'onnxruntime-node';
import type { DataType, TensorSignature } from '../contract.ts';
import { elementSize, joinBytes, splitBytes } from '../../lib/tensor-codec.ts';
import type { Tensor } from './tensor.ts';

type OrtTensorConstructor = typeof OrtTensorType;
type TypedArray = Exclude<OrtTensorType['data'], string[]>;
type TypedArrayConstructor = new (buffer: ArrayBuffer, offset: number, length: number) => TypedArray;

interface Mapping {
  dataType: DataType;
  array: TypedArrayConstructor;
}

/** ONNX Runtime's element types and ours. float16 travels as its 16 bits: the binding knows no Float16Array. */
const mappings: Readonly<Record<string, Mapping>> = {
  bool: { dataType: 'BOOL', array: Uint8Array },
  uint8: { dataType: 'UINT8', array: Uint8Array },
  uint16: { dataType: 'UINT16', array: Uint16Array },
  uint32: { dataType: 'UINT32', array: Uint32Array },
  uint64: { dataType: 'UINT64', array: BigUint64Array },
  int8: { dataType: 'INT8', array: Int8Array },
  int16: { dataType: 'INT16', array: Int16Array },
  int32: { dataType: 'INT32', array: Int32Array },
  int64: { dataType: 'INT64', array: BigInt64Array },
  float16: { dataType: 'FP16', array: Uint16Array },
  float32: { dataType: 'FP32', array: Float32Array },
  float64: { dataType: 'FP64', array: Float64Array },
};

const typeNames = new Map(Object.entries(mappings).map(([type, { dataType }]) => [dataType, type]));

/** The signature of a session's value; undefined where the protocol has no word for it. */
export function signatureOf(metadata: InferenceSession.ValueMetadata): TensorSignature | undefined {
  if (!metadata.isTensor) return undefined;
  const dataType = metadata.type === 'string' ? 'BYTES' : mappings[metadata.type]?.dataType;
  if (!dataType) return undefined;
  const shape = metadata.shape.map((dimension) => (typeof dimension === 'number' ? dimension : -1));
  return { name: metadata.name, dataType, shape };
}

/** A tensor for ONNX Runtime over the same memory where that is aligned. Throws where BYTES are not UTF-8. */
export function toOrt(OrtTensor: OrtTensorConstructor, tensor: Tensor): OrtTensorType {
  if (tensor.dataType === 'BYTES') {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const elements = splitBytes(tensor.data) ?? [];
    return new OrtTensor(
      'string',
      elements.map((element) => decoder.decode(element)),
      tensor.shape,
    );
  }
  const type = typeNames.get(tensor.dataType) ?? 'float32';
  const mapping = mappings[type];
  if (!mapping) throw new Error(`no element type for ${tensor.dataType}`);
  const size = elementSize[tensor.dataType];
  const bytes = tensor.data.byteOffset % size === 0 ? tensor.data : Uint8Array.from(tensor.data);
  const array = new mapping.array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength / size);
  return new OrtTensor(type as 'float32', array as Float32Array, tensor.shape);
}

/** An output over the memory that ONNX Runtime returned. */
export function fromOrt(name: string, tensor: OrtTensorType): Tensor {
  const shape = [...tensor.dims];
  if (tensor.type === 'string') {
    const encoder = new TextEncoder();
    const elements = (tensor.data as string[]).map((element) => encoder.encode(element));
    return { name, dataType: 'BYTES', shape, data: joinBytes(elements) };
  }
  const mapping = mappings[tensor.type];
  if (!mapping) throw new Error(`output ${name} has the element type ${tensor.type}, which the protocol cannot carry`);
  const { buffer, byteOffset, byteLength } = tensor.data as TypedArray;
  return { name, dataType: mapping.dataType, shape, data: new Uint8Array(buffer, byteOffset, byteLength) };
}
