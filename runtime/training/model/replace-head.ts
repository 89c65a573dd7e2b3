import { intAttribute } from '../../onnx/attributes.ts';
import { elementTypes } from '../../onnx/element-types.ts';
import { decodeModel, encodeModel, shapeOf, tensorInfo } from '../../onnx/model.ts';
import type { GraphProto, NodeProto, TensorProto } from '../../onnx/onnx.gen.ts';
import { floatTensor, tensorShape } from '../../onnx/tensors.ts';
import { nodeLabel, notTrainable } from '../autodiff/refusal.ts';
import { dropUnused } from './drop-unused.ts';
import { initialWeights } from './initial-weights.ts';

/** Operators between the last layer and the output, which take any number of classes. */
const passing = new Set(['Identity', 'Softmax', 'LogSoftmax', 'Dropout']);

/** A place where a node takes a weight. */
interface Place {
  node: NodeProto;
  index: number;
}

/** The last layer: a Gemm, or a MatMul with or without an Add behind it. */
interface Head {
  weight: Place;
  bias: Place | undefined;
  /** How many numbers the layer takes. */
  inputs: number;
  /** Whether the weight is [outputs, inputs]. */
  outputsFirst: boolean;
}

/**
 * The model with a fresh last layer for so many classes, whose weights are `head.weight` and, where the old one had a bias,
 * `head.bias`.
 *
 * @throws OnnxError where the bytes are no model; TrainingFailure of reason ModelNotTrainable where the last layer is not a fully
 *   connected one
 */
export function replaceHead(bytes: Uint8Array, classes: number, seed: number): Uint8Array {
  const model = decodeModel(bytes);
  const { graph } = model;
  const { weight, bias, inputs, outputsFirst } = findHead(graph);
  replaceWeight(graph, weight, 'head.weight', outputsFirst ? [classes, inputs] : [inputs, classes], seed, inputs);
  if (bias) replaceWeight(graph, bias, 'head.bias', [classes], seed, inputs);
  // Shapes that were inferred for the old layer.
  graph.valueInfo = [];
  graph.output = graph.output.map((output) => {
    const shape = shapeOf(output);
    return shape ? tensorInfo(output.name, 'FLOAT', [...shape.slice(0, -1), classes]) : output;
  });
  return encodeModel(model);
}

function replaceWeight(
  graph: GraphProto,
  { node, index }: Place,
  name: string,
  shape: readonly number[],
  seed: number,
  fanIn: number,
): void {
  const old = node.input[index] ?? '';
  node.input[index] = '';
  dropUnused(graph, [old]);
  const length = shape.reduce((product, size) => product * size, 1);
  const fresh = freeName(graph, name);
  node.input[index] = fresh;
  graph.initializer.push(floatTensor(fresh, shape, initialWeights(seed, name, length, fanIn)));
}

function freeName(graph: GraphProto, name: string): string {
  const taken = new Set([
    ...graph.initializer.map((tensor) => tensor.name),
    ...graph.input.map((input) => input.name),
    ...graph.node.flatMap(({ output }) => output),
  ]);
  let [free, count] = [name, 1];
  while (taken.has(free)) free = `${name}.${(count += 1)}`;
  return free;
}

function findHead(graph: GraphProto): Head {
  const [output] = graph.output;
  let value = output?.name ?? '';
  let bias: Place | undefined;
  for (;;) {
    const node = graph.node.find((candidate) => candidate.output.includes(value));
    if (!node) throw refusal(`The output ${JSON.stringify(value)} of the model comes from no layer`);
    if (node.opType === 'Gemm' || node.opType === 'MatMul') return headOf(graph, node, bias);
    const added = node.opType === 'Add' && !bias ? node.input.findIndex((name) => weightNamed(graph, name)) : -1;
    if (added !== -1) bias = { node, index: added };
    else if (!passing.has(node.opType)) throw refusal(`${nodeLabel(node)} is the last layer of the model`);
    value = node.input[added === 0 ? 1 : 0] ?? '';
  }
}

function headOf(graph: GraphProto, node: NodeProto, added: Place | undefined): Head {
  const weight = weightNamed(graph, node.input[1] ?? '');
  if (weight?.dims.length !== 2 || weight.dataType !== elementTypes.FLOAT)
    throw refusal(`${nodeLabel(node)}, the last layer of the model, has no float32 weight of two dimensions`);
  const outputsFirst = node.opType === 'Gemm' && intAttribute(node, 'transB') === 1;
  const own = node.opType === 'Gemm' && (node.input[2] ?? '') !== '' ? { node, index: 2 } : undefined;
  const inputs = tensorShape(weight)[outputsFirst ? 1 : 0] ?? 0;
  return { weight: { node, index: 1 }, bias: added ?? own, inputs, outputsFirst };
}

/** The initializer of that name, or of the name that Identity nodes hand on. */
function weightNamed(graph: GraphProto, name: string): TensorProto | undefined {
  const tensor = graph.initializer.find((candidate) => candidate.name === name);
  if (tensor) return tensor;
  const maker = graph.node.find(({ opType, output }) => opType === 'Identity' && output.includes(name));
  return maker && weightNamed(graph, maker.input[0] ?? '');
}

const refusal = (what: string): Error =>
  notTrainable(
    `${what}, and spec.train.trainable.head can replace only a Gemm or MatMul with its own weights; leave the head out, or export the model with a fully connected layer last.`,
  );
