import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { invalid } from '../../errors.ts';
import { limits } from '../limits.ts';
import type { Tensor } from '../tensor.ts';

/**
 * The messages of inference in runtime/proto/open_inference.proto on the wire, by hand: raw tensors are views of the
 * received message, and nothing of a message becomes a key of an object. Field numbers are the proto file's; a test
 * compares this with a general protobuf library.
 */

export interface GrpcInferRequest {
  modelName: string;
  modelVersion: string;
  id: string;
  parameters: Map<string, Parameter>;
  inputs: GrpcInput[];
  /** Empty: all. */
  outputs: GrpcOutput[];
  rawInputs: Uint8Array[];
}

interface GrpcOutput {
  name: string;
  parameters: Map<string, Parameter>;
}

export interface GrpcInput {
  name: string;
  dataType: string;
  shape: bigint[];
  contents: GrpcContents | undefined;
}

type Parameter = boolean | bigint | string | number;

const contentFields = [
  'bool_contents',
  'int_contents',
  'int64_contents',
  'uint_contents',
  'uint64_contents',
  'fp32_contents',
  'fp64_contents',
  'bytes_contents',
] as const;
export type ContentField = (typeof contentFields)[number];
/** The elements of each field that has any. */
export type GrpcContents = Map<ContentField, unknown[]>;

/** Throws RequestError where the bytes are no such message. */
export function readInferRequest(message: Uint8Array): GrpcInferRequest {
  const request: GrpcInferRequest = {
    modelName: '',
    modelVersion: '',
    id: '',
    parameters: new Map(),
    inputs: [],
    outputs: [],
    rawInputs: [],
  };
  const left: Left = { fields: limits.messageFields, elements: limits.typedElements };
  const push = <T>(items: T[], item: T, name: string): void => {
    if (items.push(item) > limits.messageItems) throw invalid(`${name}: at most ${limits.messageItems} are allowed`);
  };
  eachField(message, left, (field, reader) => {
    if (field === 1) request.modelName = reader.string();
    else if (field === 2) request.modelVersion = reader.string();
    else if (field === 3) request.id = reader.string();
    else if (field === 4) readParameter(reader.bytes(), left, request.parameters);
    else if (field === 5) push(request.inputs, readInput(reader.bytes(), left), 'inputs');
    else if (field === 6) push(request.outputs, readOutput(reader.bytes(), left), 'outputs');
    else if (field === 7) push(request.rawInputs, reader.bytes(), 'raw_input_contents');
    else return false;
    return true;
  });
  return request;
}

/** How much more of one message is read; what goes beyond is refused at once. */
interface Left {
  fields: number;
  elements: number;
}

function nextField(reader: BinaryReader, left: Left): [field: number, type: WireType] {
  if (--left.fields < 0) throw invalid(`the message has more than ${limits.messageFields} fields`);
  return reader.tag();
}

/** Every field of those messages is length-delimited: whatever else comes is skipped. */
function eachField(message: Uint8Array, left: Left, read: (field: number, reader: BinaryReader) => boolean): void {
  try {
    const reader = new BinaryReader(message, decodeStrictly);
    while (reader.pos < reader.len) {
      const [field, type] = nextField(reader, left);
      if (type !== WireType.LengthDelimited || !read(field, reader)) reader.skip(type, field);
    }
  } catch (error) {
    if (error instanceof Error && error.name === 'RequestError') throw error;
    throw invalid('the message is not valid protobuf');
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function decodeStrictly(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

function readInput(message: Uint8Array, left: Left): GrpcInput {
  const input: GrpcInput = { name: '', dataType: '', shape: [], contents: undefined };
  const reader = new BinaryReader(message, decodeStrictly);
  while (reader.pos < reader.len) {
    const [field, type] = nextField(reader, left);
    if (field === 1 && type === WireType.LengthDelimited) input.name = reader.string();
    else if (field === 2 && type === WireType.LengthDelimited) input.dataType = reader.string();
    else if (field === 3)
      repeated(reader, type, WireType.Varint, () => {
        if (input.shape.push(BigInt(reader.int64())) > limits.rank)
          throw invalid(`inputs: a shape has more than ${limits.rank} dimensions`);
      });
    else if (field === 5 && type === WireType.LengthDelimited) input.contents = readContents(reader.bytes(), left);
    else reader.skip(type, field);
  }
  return input;
}

function readOutput(message: Uint8Array, left: Left): GrpcOutput {
  const output: GrpcOutput = { name: '', parameters: new Map() };
  eachField(message, left, (field, reader) => {
    if (field === 1) output.name = reader.string();
    else if (field === 2) readParameter(reader.bytes(), left, output.parameters);
    else return false;
    return true;
  });
  return output;
}

const readers: Readonly<Record<ContentField, [WireType, (reader: BinaryReader) => unknown]>> = {
  bool_contents: [WireType.Varint, (reader) => reader.bool()],
  int_contents: [WireType.Varint, (reader) => reader.int32()],
  int64_contents: [WireType.Varint, (reader) => reader.int64()],
  uint_contents: [WireType.Varint, (reader) => reader.uint32()],
  uint64_contents: [WireType.Varint, (reader) => reader.uint64()],
  fp32_contents: [WireType.Bit32, (reader) => reader.float()],
  fp64_contents: [WireType.Bit64, (reader) => reader.double()],
  bytes_contents: [WireType.LengthDelimited, (reader) => reader.bytes()],
};

function readContents(message: Uint8Array, left: Left): GrpcContents {
  const contents: GrpcContents = new Map();
  const reader = new BinaryReader(message, decodeStrictly);
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    const name = contentFields[field - 1];
    if (name === undefined) {
      countElement(left);
      reader.skip(type, field);
      continue;
    }
    if (type === WireType.LengthDelimited && name !== 'bytes_contents') countElement(left);
    const elements = contents.get(name) ?? [];
    contents.set(name, elements);
    const [elementType, read] = readers[name];
    repeated(reader, type, elementType, () => {
      countElement(left);
      elements.push(read(reader));
    });
  }
  return contents;
}

function countElement(left: Left): void {
  if (--left.elements < 0)
    throw invalid(
      `inputs: the contents have more than ${limits.typedElements} elements; send them as raw_input_contents`,
    );
}

/** A repeated field comes packed or one element at a time. */
function repeated(reader: BinaryReader, type: WireType, elementType: WireType, read: () => void): void {
  if (type === elementType) {
    read();
    return;
  }
  if (type !== WireType.LengthDelimited) throw invalid('the message is not valid protobuf');
  const end = reader.uint32() + reader.pos;
  if (end > reader.len) throw invalid('the message is not valid protobuf');
  while (reader.pos < end) read();
  if (reader.pos !== end) throw invalid('the message is not valid protobuf');
}

function readParameter(message: Uint8Array, left: Left, parameters: Map<string, Parameter>): void {
  let key = '';
  let value: Parameter | undefined;
  eachField(message, left, (field, reader) => {
    if (field === 1) key = reader.string();
    else if (field === 2) value = readParameterValue(reader.bytes(), left);
    else return false;
    return true;
  });
  if (value !== undefined) parameters.set(key, value);
  if (parameters.size > limits.messageItems) throw invalid(`parameters: at most ${limits.messageItems} are allowed`);
}

function readParameterValue(message: Uint8Array, left: Left): Parameter | undefined {
  let value: Parameter | undefined;
  const reader = new BinaryReader(message, decodeStrictly);
  while (reader.pos < reader.len) {
    const [field, type] = nextField(reader, left);
    if (field === 1 && type === WireType.Varint) value = reader.bool();
    else if (field === 2 && type === WireType.Varint) value = BigInt(reader.int64());
    else if (field === 3 && type === WireType.LengthDelimited) value = reader.string();
    else if (field === 4 && type === WireType.Bit64) value = reader.double();
    else if (field === 5 && type === WireType.Varint) value = BigInt(reader.uint64());
    else reader.skip(type, field);
  }
  return value;
}

const text = (writer: BinaryWriter, field: number, value: string): void => {
  if (value !== '') writer.tag(field, WireType.LengthDelimited).string(value);
};

function shapeField(writer: BinaryWriter, shape: readonly number[]): void {
  if (shape.length === 0) return;
  writer.tag(3, WireType.LengthDelimited).fork();
  for (const dimension of shape) writer.int64(dimension);
  writer.join();
}

/** A ModelInferResponse with raw outputs, in parts: the outputs' data is not copied. */
export function inferResponse(
  modelName: string,
  modelVersion: string,
  id: string,
  outputs: readonly Tensor[],
): Uint8Array[] {
  const writer = new BinaryWriter();
  text(writer, 1, modelName);
  text(writer, 2, modelVersion);
  text(writer, 3, id);
  for (const { name, dataType, shape } of outputs) {
    writer.tag(5, WireType.LengthDelimited).fork();
    text(writer, 1, name);
    text(writer, 2, dataType);
    shapeField(writer, shape);
    writer.join();
  }
  return [writer.finish(), ...outputs.flatMap(({ data }) => [lengthDelimited(6, data.byteLength), data])];
}

/** What comes before the bytes of a field. */
function lengthDelimited(field: number, length: number): Uint8Array {
  const bytes = [(field << 3) | WireType.LengthDelimited];
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

/** A ModelStreamInferResponse with an answer. */
export function streamedResponse(response: readonly Uint8Array[]): Uint8Array[] {
  const bytes = response.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return [lengthDelimited(2, bytes), ...response];
}

/** A ModelStreamInferResponse that says why the request with this id has no answer. */
export function streamedFailure(message: string, id: string): Uint8Array[] {
  const writer = new BinaryWriter();
  text(writer, 1, message);
  return [writer.finish(), ...streamedResponse(inferResponse('', '', id, []))];
}
