import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { elementTypes, type ElementType } from './element-types.ts';
import {
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  type TensorShapeProto_Dimension,
  TensorShapeProto_DimensionSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx.gen.ts';
import { OnnxError } from './onnx-error.ts';

/** A model whose graph is there. */
export type OnnxModel = ModelProto & { graph: GraphProto };

/** The model in these bytes; bytes of large tensors are shared with it, not copied. Throws OnnxError. */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  const model = parse(bytes);
  if (!model.graph) throw new OnnxError('This is no ONNX model: it has no graph.');
  return Object.assign(model, { graph: model.graph });
}

function parse(bytes: Uint8Array): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, bytes);
  } catch (error) {
    throw new OnnxError('This is no ONNX model: its bytes are not the protocol buffer that ONNX uses.', {
      cause: error,
    });
  }
}

/** The same model gives the same bytes. */
export const encodeModel = (model: ModelProto): Uint8Array => toBinary(ModelProtoSchema, model);

/** The version of the standard's operators that the model is written for. Throws OnnxError where it names none. */
export function opsetOf(model: ModelProto): number {
  const standard = model.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  if (!standard) throw new OnnxError("The model imports no version of ONNX's own operators.");
  return Number(standard.version);
}

/** What a new model is made of. */
export interface ModelParts {
  opset: number;
  nodes: NodeProto[];
  initializers: TensorProto[];
  inputs: ValueInfoProto[];
  outputs: ValueInfoProto[];
  /** Versions of operators outside the standard, by their domain. */
  domains?: Readonly<Record<string, number>>;
}

/** The first version of the format that knows all that `ModelParts` can hold, and that every runtime of today reads. */
const irVersion = 8n;

export function newModel({ opset, nodes, initializers, inputs, outputs, domains = {} }: ModelParts): OnnxModel {
  const graph = create(GraphProtoSchema, {
    name: 'modelyard',
    node: nodes,
    initializer: initializers,
    input: inputs,
    output: outputs,
  });
  const imports = Object.entries({ '': opset, ...domains });
  const model = create(ModelProtoSchema, {
    irVersion,
    producerName: 'modelyard',
    opsetImport: imports.map(([domain, version]) => ({ domain, version: BigInt(version) })),
  });
  return Object.assign(model, { graph });
}

/** A size, the name of a size that is only known when the model runs, or undefined where not even a name is known. */
export type Dimension = number | string | undefined;

/** The declaration of an input or output. */
export function tensorInfo(name: string, type: ElementType, shape: readonly Dimension[]): ValueInfoProto {
  const tensorType = { elemType: elementTypes[type], shape: { dim: shape.map(dimensionProto) } };
  return create(ValueInfoProtoSchema, { name, type: { tensorType } });
}

function dimensionProto(dimension: Dimension): TensorShapeProto_Dimension {
  const value =
    typeof dimension === 'number'
      ? { case: 'dimValue' as const, value: BigInt(dimension) }
      : { case: 'dimParam' as const, value: dimension ?? '' };
  return create(TensorShapeProto_DimensionSchema, dimension === undefined ? {} : { value });
}

/** The declared dimensions; undefined where the model leaves the rank open or the value is no tensor. */
export function shapeOf(info: ValueInfoProto): Dimension[] | undefined {
  return info.type?.tensorType?.shape?.dim.map(({ value }) =>
    value.case === 'dimValue' ? Number(value.value) : value.value === '' ? undefined : value.value,
  );
}
