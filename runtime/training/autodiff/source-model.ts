import { elementTypeName, elementTypes } from '../../onnx/element-types.ts';
import { decodeModel, type Dimension, opsetOf, shapeOf } from '../../onnx/model.ts';
import type { NodeProto, TensorProto, ValueInfoProto } from '../../onnx/onnx.gen.ts';
import { OnnxError } from '../../onnx/onnx-error.ts';
import { isExternal } from '../../onnx/tensors.ts';
import type { DataInput } from '../training-graph.ts';
import { invalidModel, nodeLabel, notTrainable } from './refusal.ts';
import { baseOpset, upgradeNodes } from './upgrade.ts';

/** A model that passed the checks below, as version 18 of ONNX's operators or a newer one writes it. */
export interface SourceModel {
  opset: number;
  /** Versions of operators outside the standard, by their domain. */
  domains: Record<string, number>;
  nodes: NodeProto[];
  initializers: Map<string, TensorProto>;
  /** What is no initializer. */
  inputs: DataInput[];
  /** The one output. */
  output: string;
}

/** Begins the names of all that is added to a model. */
export const namePrefix = 'modelyard.';

const opsets = { oldest: 13, newest: 26 } as const;

/** Operators that run other graphs, or hold what is no tensor. */
const unsupported = /^(If|Loop|Scan|Sequence.*|SplitToSequence|ConcatFromSequence|Optional.*)$/;

/**
 * Reads a model for training. Throws TrainingFailure: `InvalidModel`, or `ModelNotTrainable` that says what to do.
 *
 * @param rowShape what a row of the data holds, for an input of the model that leaves more open than the rows
 */
export function readSourceModel(bytes: Uint8Array, rowShape?: readonly number[]): SourceModel {
  const { graph, functions, ...model } = decode(bytes);
  const opset = opsetOf({ graph, functions, ...model });
  checkOpset(opset);
  const [functionName] = functions.map(({ name }) => name);
  if (functionName !== undefined) {
    throw notTrainable(
      `The model defines the operator ${JSON.stringify(functionName)} itself; export it with functions inlined.`,
    );
  }
  if (graph.sparseInitializer.length > 0)
    throw notTrainable('The model has sparse weights; export it with dense ones.');
  for (const node of graph.node) checkNode(node);
  const external = graph.initializer.find(isExternal);
  if (external) {
    throw notTrainable(
      `The weight ${JSON.stringify(external.name)} lies in a file beside the model; save the model as one file.`,
    );
  }
  checkNames([...graph.input, ...graph.initializer].map(({ name }) => name));
  checkNames(graph.node.flatMap(({ output }) => output));

  const { nodes, initializers } = withoutAliases(graph.node, graph.initializer);
  if (opset < baseOpset) {
    let count = 0;
    for (const tensor of upgradeNodes(nodes, () => `${namePrefix}axes.${(count += 1)}`))
      initializers.set(tensor.name, tensor);
  }
  const dataInputs = graph.input.filter(({ name }) => !initializers.has(name));
  if (dataInputs.length === 0) throw notTrainable('The model has no input for data.');
  const [output, ...others] = graph.output.map(({ name }) => name);
  if (output === undefined || others.length > 0) {
    throw notTrainable(
      `The model has ${graph.output.length} outputs; export it with one, that which is compared with the labels.`,
    );
  }
  const domains = Object.fromEntries(
    model.opsetImport
      .filter(({ domain }) => !isStandard(domain))
      .map(({ domain, version }) => [domain, Number(version)]),
  );
  const shape = dataInputs.length === 1 ? rowShape : undefined;
  const inputs = dataInputs.map((input) => dataInput(input, shape));
  return { opset: Math.max(opset, baseOpset), domains, nodes, initializers, inputs, output };
}

const isStandard = (domain: string): boolean => domain === '' || domain === 'ai.onnx';

function decode(bytes: Uint8Array): ReturnType<typeof decodeModel> {
  try {
    return decodeModel(bytes);
  } catch (error) {
    if (error instanceof OnnxError) throw invalidModel(error.message);
    throw error;
  }
}

function checkOpset(opset: number): void {
  const { oldest, newest } = opsets;
  if (opset >= oldest && opset <= newest) return;
  throw notTrainable(
    `The model is written for version ${opset} of ONNX's operators; export it for one between ${oldest} and ${newest}.`,
  );
}

function checkNode(node: NodeProto): void {
  if (!unsupported.test(node.opType)) return;
  throw notTrainable(
    `${nodeLabel(node)} cannot be trained through; export the model with the branch or loop unrolled to plain tensors.`,
  );
}

function checkNames(names: readonly string[]): void {
  const reserved = names.find((name) => name.startsWith(namePrefix));
  if (reserved === undefined) return;
  throw notTrainable(
    `The name ${JSON.stringify(reserved)} begins with ${namePrefix}, which is kept for what training adds; rename it.`,
  );
}

/**
 * PyTorch's exporter stores equal weights once, under the name of the first, and hands them to the others by Identity nodes: all
 * scales of a fresh network are ones. They are weights of their own, which only happen to be equal before training.
 */
export function withoutAliases(
  allNodes: readonly NodeProto[],
  tensors: readonly TensorProto[],
): { nodes: NodeProto[]; initializers: Map<string, TensorProto> } {
  const initializers = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const nodes: NodeProto[] = [];
  for (const node of allNodes) {
    const [alias] = node.output;
    const source = node.opType === 'Identity' ? initializers.get(node.input[0] ?? '') : undefined;
    if (source && alias !== undefined) initializers.set(alias, { ...source, name: alias });
    else nodes.push(node);
  }
  return { nodes, initializers };
}

const dataTypes = new Map<number, DataInput['dataType']>([
  [elementTypes.FLOAT, 'FP32'],
  [elementTypes.INT64, 'INT64'],
  [elementTypes.INT32, 'INT32'],
]);

function dataInput(info: ValueInfoProto, rowShape: readonly number[] | undefined): DataInput {
  const label = `The input ${JSON.stringify(info.name)} of the model`;
  const elemType = info.type?.tensorType?.elemType ?? 0;
  const dataType = dataTypes.get(elemType);
  if (!dataType) {
    throw notTrainable(
      `${label} has the element type ${elementTypeName(elemType)}; export it with FLOAT, INT64 or INT32.`,
    );
  }
  const dimensions = shapeOf(info);
  if (!dimensions || dimensions.length === 0) {
    throw notTrainable(`${label} declares no shape; export it with one whose first dimension is the rows.`);
  }
  return { name: info.name, dataType, shape: fixedShape(label, dimensions, rowShape) };
}

/** The first dimension is the rows, whatever the model was exported with. */
function fixedShape(
  label: string,
  dimensions: readonly Dimension[],
  rowShape: readonly number[] | undefined,
): number[] {
  const [, ...declared] = dimensions;
  if (rowShape?.length === declared.length) {
    const differs = declared.findIndex((size, axis) => typeof size === 'number' && size !== rowShape[axis]);
    if (differs === -1) return [-1, ...rowShape];
  }
  const open = declared.findIndex((size) => typeof size !== 'number');
  if (open === -1) return [-1, ...(declared as number[])];
  throw notTrainable(
    `${label} leaves dimension ${open + 1} of [${dimensions.map((size) => size ?? '?').join()}] open, and the data does not fill it: give spec.train.data.shape, or export the model with fixed dimensions after the rows.`,
  );
}
