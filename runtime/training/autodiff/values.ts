import { create } from '@bufbuild/protobuf';
import type * as Ort from 'onnxruntime-node';
import { type ElementType, elementTypes } from '../../onnx/element-types.ts';
import { type Dimension, encodeModel, newModel, tensorInfo } from '../../onnx/model.ts';
import {
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../../onnx/onnx.gen.ts';
import { runtimeErrorText } from '../../onnx/runtime-error-text.ts';
import { readFloats, readInts, tensorShape } from '../../onnx/tensors.ts';
import type { DataInput } from '../training-graph.ts';
import { invalidModel, notTrainable } from './refusal.ts';
import type { SourceModel } from './source-model.ts';

/** What is known of a tensor of the model before it runs. */
interface Value {
  /** ONNX's number. */
  elementType: number;
  /** `rows` and its multiples, such as `4*rows`, grow with the batch. Undefined: the size follows no such rule. */
  shape: Dimension[];
  /** The elements, where they are the same for every batch and are not many. */
  constant: number[] | undefined;
}

export type Values = ReadonlyMap<string, Value>;

/** Weights of more elements are no constants that an operator reads axes, bounds or shapes from. */
const constantElements = 1_024;

/** Two sizes of batch tell the dimensions that grow with it from the others. */
const probedRows = [2, 3] as const;

/**
 * Asks ONNX Runtime itself what the model's tensors look like: it runs the model on two batches of zeros. Shapes
 * that a model computes, as exporters write reshapes, are known only so.
 *
 * @throws TrainingFailure where ONNX Runtime does not run the model, or not with any number of rows
 */
export async function probeValues(source: SourceModel): Promise<Values> {
  const ort = await import('onnxruntime-node');
  const types = await elementTypesOf(ort, source);
  const values = new Map<string, Value>();
  for (const { name, dataType, shape } of source.inputs) {
    const elementType = elementTypes[inputTypes[dataType]];
    values.set(name, { elementType, shape: ['rows', ...shape.slice(1)], constant: undefined });
  }
  for (const tensor of source.initializers.values()) {
    values.set(tensor.name, { elementType: tensor.dataType, shape: tensorShape(tensor), constant: elementsOf(tensor) });
  }
  const names = [...types.keys()];
  const [some, more] = await runTwice(ort, source, names, staticNames(source));
  for (const [index, name] of names.entries()) {
    const shape = dimensionsOf(some.shapes[index] ?? [], more.shapes[index] ?? []);
    const [one, other] = [some.constants.get(name), more.constants.get(name)];
    const constant = one !== undefined && one.join() === other?.join() ? one : undefined;
    values.set(name, { elementType: types.get(name) ?? 0, shape, constant });
  }
  return values;
}

export const inputTypes = { FP32: 'FLOAT', INT64: 'INT64', INT32: 'INT32' } as const satisfies Record<
  DataInput['dataType'],
  ElementType
>;

const elementsIn = (tensor: TensorProto): number => tensorShape(tensor).reduce((product, size) => product * size, 1);

function elementsOf(tensor: TensorProto): number[] | undefined {
  if (elementsIn(tensor) > constantElements) return undefined;
  if (tensor.dataType === elementTypes.FLOAT) return [...readFloats(tensor)];
  if (tensor.dataType === elementTypes.INT64 || tensor.dataType === elementTypes.INT32) return readInts(tensor);
  return undefined;
}

/** [2, 8] and [3, 8] are [`rows`, 8]. */
function dimensionsOf(some: readonly number[], more: readonly number[]): Dimension[] {
  return some.map((size, axis) => {
    if (size === more[axis]) return size;
    const times = size / probedRows[0];
    if (more[axis] !== times * probedRows[1]) return undefined;
    return times === 1 ? 'rows' : `${times}*rows`;
  });
}

/** Names of values that come from small constants and from shapes alone, so that two batches can tell what they are. */
function staticNames({ nodes, initializers }: SourceModel): Set<string> {
  const known = new Set<string>();
  for (const tensor of initializers.values()) if (elementsIn(tensor) <= constantElements) known.add(tensor.name);
  for (const node of nodes) {
    const isShape = node.opType === 'Shape' || node.opType === 'Size';
    if (isShape || node.input.every((name) => name === '' || known.has(name))) {
      for (const name of node.output) known.add(name);
    }
  }
  return known;
}

interface Probe {
  /** In the order of the names that were asked for. */
  shapes: number[][];
  constants: Map<string, number[]>;
}

const ortTypes: Readonly<Record<string, ElementType>> = {
  float32: 'FLOAT',
  uint8: 'UINT8',
  int8: 'INT8',
  uint16: 'UINT16',
  int16: 'INT16',
  int32: 'INT32',
  int64: 'INT64',
  string: 'STRING',
  bool: 'BOOL',
  float16: 'FLOAT16',
  float64: 'DOUBLE',
  uint32: 'UINT32',
  uint64: 'UINT64',
};

const untyped = (name: string): ValueInfoProto => create(ValueInfoProtoSchema, { name });

const sessionOptions: Ort.InferenceSession.SessionOptions = {
  graphOptimizationLevel: 'disabled',
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 4,
};

/** The type of every value that a node makes: ONNX Runtime infers those of outputs that declare none. No weights are needed for that. */
async function elementTypesOf(ort: typeof Ort, source: SourceModel): Promise<Map<string, number>> {
  const names = source.nodes.flatMap(({ output }) => output).filter((name) => name !== '');
  const weights = [...source.initializers.values()].filter(
    (tensor) => tensor.dataType === elementTypes.FLOAT && elementsIn(tensor) > constantElements,
  );
  const session = await load(ort, source, source.nodes, names.map(untyped), new Set(weights));
  const types = new Map(
    session.outputMetadata.map(({ name, ...value }) => {
      const type = value.isTensor ? ortTypes[value.type] : undefined;
      return [name, type ? elementTypes[type] : 0];
    }),
  );
  await session.release();
  return types;
}

/** @param withheld weights that the session takes as inputs instead */
async function load(
  ort: typeof Ort,
  source: SourceModel,
  nodes: NodeProto[],
  outputs: ValueInfoProto[],
  withheld: ReadonlySet<TensorProto> = new Set(),
): Promise<Ort.InferenceSession> {
  const { opset, domains } = source;
  const inputs = [
    ...source.inputs.map(({ name, dataType, shape }) =>
      tensorInfo(name, inputTypes[dataType], ['rows', ...shape.slice(1)]),
    ),
    ...[...withheld].map((tensor) => tensorInfo(tensor.name, 'FLOAT', tensorShape(tensor))),
  ];
  const initializers = [...source.initializers.values()].filter((tensor) => !withheld.has(tensor));
  const model = newModel({ opset, domains, nodes, initializers, inputs, outputs });
  try {
    return await ort.InferenceSession.create(encodeModel(model), sessionOptions);
  } catch (error) {
    throw invalidModel(`ONNX Runtime refuses the model: ${runtimeErrorText(error)}`);
  }
}

/** Runs the model on the two batches of zeros. */
async function runTwice(
  ort: typeof Ort,
  source: SourceModel,
  names: readonly string[],
  constants: ReadonlySet<string>,
): Promise<[Probe, Probe]> {
  const shapeName = (index: number): string => `modelyard.shape.${index}`;
  const shapes = names.map((name, index) =>
    create(NodeProtoSchema, { opType: 'Shape', input: [name], output: [shapeName(index)] }),
  );
  const fetched = names.filter((name) => constants.has(name));
  const outputs = [...names.map((_, index) => shapeName(index)), ...fetched];
  const session = await load(ort, source, [...source.nodes, ...shapes], outputs.map(untyped));
  const probe = async (rows: number): Promise<Probe> => {
    const results = await run(session, zeros(ort, source.inputs, rows), rows);
    const elements = (name: string): number[] => numbersOf(results[name]?.data);
    return {
      shapes: names.map((_, index) => elements(shapeName(index))),
      constants: new Map(fetched.map((name) => [name, elements(name)])),
    };
  };
  try {
    return [await probe(probedRows[0]), await probe(probedRows[1])];
  } finally {
    await session.release();
  }
}

async function run(
  session: Ort.InferenceSession,
  feeds: Record<string, Ort.Tensor>,
  rows: number,
): Promise<Ort.InferenceSession.ReturnType> {
  try {
    return await session.run(feeds);
  } catch (error) {
    throw notTrainable(
      `The model does not run on ${rows} rows at a time; export it with a first dimension that is open. ONNX Runtime says: ${runtimeErrorText(error)}`,
    );
  }
}

function zeros(ort: typeof Ort, inputs: readonly DataInput[], rows: number): Record<string, Ort.Tensor> {
  const tensors = inputs.map(({ name, dataType, shape }) => {
    const dims = [rows, ...shape.slice(1)];
    const count = dims.reduce((product, size) => product * size, 1);
    if (dataType === 'FP32') return [name, new ort.Tensor('float32', new Float32Array(count), dims)];
    if (dataType === 'INT32') return [name, new ort.Tensor('int32', new Int32Array(count), dims)];
    return [name, new ort.Tensor('int64', new BigInt64Array(count), dims)];
  });
  return Object.fromEntries(tensors) as Record<string, Ort.Tensor>;
}

const numbersOf = (data: Ort.Tensor['data'] | undefined): number[] => Array.from(data ?? [], Number);
