import { create } from '@bufbuild/protobuf';
import { type AttributeProto, AttributeProtoSchema, type NodeProto, type TensorProto } from './onnx.gen.ts';

/** An attribute's value; the key says which of ONNX's types it has. */
export type AttributeValue =
  | { float: number }
  | { int: number }
  | { text: string }
  | { tensor: TensorProto }
  | { floats: readonly number[] }
  | { ints: readonly number[] };

export type Attributes = Readonly<Record<string, AttributeValue>>;

/** ONNX's numbers for the types of attributes. */
const types = { float: 1, int: 2, text: 3, tensor: 4, floats: 6, ints: 7 } as const;

export function attributeProto(name: string, value: AttributeValue): AttributeProto {
  if ('float' in value) return create(AttributeProtoSchema, { name, type: types.float, f: value.float });
  if ('int' in value) return create(AttributeProtoSchema, { name, type: types.int, i: BigInt(value.int) });
  if ('text' in value) return create(AttributeProtoSchema, { name, type: types.text, s: Buffer.from(value.text) });
  if ('tensor' in value) return create(AttributeProtoSchema, { name, type: types.tensor, t: value.tensor });
  if ('floats' in value) return create(AttributeProtoSchema, { name, type: types.floats, floats: [...value.floats] });
  return create(AttributeProtoSchema, { name, type: types.ints, ints: value.ints.map(BigInt) });
}

const find = (node: NodeProto, name: string): AttributeProto | undefined =>
  node.attribute.find((attribute) => attribute.name === name);

/** These give undefined where the node does not carry the attribute: the operator's default is for the caller to know. */
export const floatAttribute = (node: NodeProto, name: string): number | undefined => find(node, name)?.f;

export function intAttribute(node: NodeProto, name: string): number | undefined {
  const attribute = find(node, name);
  return attribute && Number(attribute.i);
}

export function textAttribute(node: NodeProto, name: string): string | undefined {
  const attribute = find(node, name);
  return attribute && Buffer.from(attribute.s).toString();
}

export const intsAttribute = (node: NodeProto, name: string): number[] | undefined =>
  find(node, name)?.ints.map(Number);
