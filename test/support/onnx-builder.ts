import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { elementTypes, type ElementType } from '../../runtime/onnx/element-types.ts';

/** Writes small ONNX models, field by field as onnx.proto3 numbers them, so that tests need no Python. */

export interface Value {
  name: string;
  type: ElementType;
  /** A string names a dynamic dimension. */
  shape: (number | string)[];
}

type Attribute = { name: string } & (
  { int: number } | { ints: number[] } | { float: number } | { graph: Graph } | { tensor: Initializer }
);

interface Node {
  op: string;
  inputs: string[];
  outputs: string[];
  attributes?: Attribute[];
}

export interface Initializer {
  name: string;
  type: ElementType;
  shape: number[];
  /** Little-endian. */
  raw: Uint8Array;
}

export interface Graph {
  nodes: Node[];
  inputs: Value[];
  outputs: Value[];
  initializers?: Initializer[];
}

export const initializer = {
  int64: (name: string, values: readonly (number | bigint)[], shape: number[] = []): Initializer => ({
    name,
    type: 'INT64',
    shape,
    raw: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
  }),
  float: (name: string, values: readonly number[], shape: number[] = []): Initializer => ({
    name,
    type: 'FLOAT',
    shape,
    raw: new Uint8Array(Float32Array.from(values).buffer),
  }),
  bool: (name: string, value: boolean): Initializer => ({
    name,
    type: 'BOOL',
    shape: [],
    raw: Uint8Array.of(value ? 1 : 0),
  }),
};

/** The bytes of a ModelProto: IR version 8, opset 17. */
export function onnxModel(graph: Graph): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Varint).int64(8);
  message(writer, 7, () => writeGraph(writer, graph));
  message(writer, 8, () => writer.tag(2, WireType.Varint).int64(17));
  return writer.finish();
}

function message(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}

const text = (writer: BinaryWriter, field: number, value: string): BinaryWriter =>
  writer.tag(field, WireType.LengthDelimited).string(value);

function writeGraph(writer: BinaryWriter, { nodes, inputs, outputs, initializers = [] }: Graph): void {
  for (const node of nodes) message(writer, 1, () => writeNode(writer, node));
  text(writer, 2, 'graph');
  for (const tensor of initializers) message(writer, 5, () => writeTensor(writer, tensor));
  for (const value of inputs) message(writer, 11, () => writeValue(writer, value));
  for (const value of outputs) message(writer, 12, () => writeValue(writer, value));
}

function writeNode(writer: BinaryWriter, { op, inputs, outputs, attributes = [] }: Node): void {
  for (const name of inputs) text(writer, 1, name);
  for (const name of outputs) text(writer, 2, name);
  text(writer, 4, op);
  for (const attribute of attributes) message(writer, 5, () => writeAttribute(writer, attribute));
}

const attributeType = { float: 1, int: 2, tensor: 4, graph: 5, ints: 7 } as const;

function writeAttribute(writer: BinaryWriter, attribute: Attribute): void {
  text(writer, 1, attribute.name);
  const type = (kind: keyof typeof attributeType): BinaryWriter =>
    writer.tag(20, WireType.Varint).int32(attributeType[kind]);
  if ('float' in attribute) type('float').tag(2, WireType.Bit32).float(attribute.float);
  else if ('int' in attribute) type('int').tag(3, WireType.Varint).int64(attribute.int);
  else if ('ints' in attribute) for (const value of attribute.ints) writer.tag(8, WireType.Varint).int64(value);
  else if ('tensor' in attribute) message(type('tensor'), 5, () => writeTensor(writer, attribute.tensor));
  else message(type('graph'), 6, () => writeGraph(writer, attribute.graph));
  if ('ints' in attribute) type('ints');
}

function writeTensor(writer: BinaryWriter, { name, type, shape, raw }: Initializer): void {
  for (const dimension of shape) writer.tag(1, WireType.Varint).int64(dimension);
  writer.tag(2, WireType.Varint).int32(elementTypes[type]);
  text(writer, 8, name);
  writer.tag(9, WireType.LengthDelimited).bytes(raw);
}

function writeValue(writer: BinaryWriter, { name, type, shape }: Value): void {
  text(writer, 1, name);
  message(writer, 2, () =>
    message(writer, 1, () => {
      writer.tag(1, WireType.Varint).int32(elementTypes[type]);
      message(writer, 2, () => {
        for (const dimension of shape) {
          message(writer, 1, () => {
            if (typeof dimension === 'string') text(writer, 2, dimension);
            else writer.tag(1, WireType.Varint).int64(dimension);
          });
        }
      });
    }),
  );
}
