import { layoutOf } from '../../runtime/training/layout.ts';
import { graphNames, type TrainingGraph } from '../../runtime/training/training-graph.ts';
import type { OptimizerSpec } from '../../runtime/training-contract.ts';
import { initializer, onnxModel, type Graph, type Value } from './onnx-builder.ts';

/** For tests that update nothing. */
export const plainDescent: OptimizerSpec = {
  name: 'SGD',
  learningRate: 1,
  weightDecay: 0,
  momentum: 0,
  beta1: 0,
  beta2: 0,
  epsilon: 0,
  schedule: { name: 'Constant', warmupSteps: 0 },
};

type Node = Graph['nodes'][number];

const node = (op: string, inputs: string[], outputs: string[], ints: Record<string, number> = {}): Node => ({
  op,
  inputs,
  outputs,
  attributes: Object.entries(ints).map(([name, int]) => ({ name, int })),
});
const float = (name: string, shape: Value['shape']): Value => ({ name, type: 'FLOAT', shape });

/**
 * A classifier of `features` FP32 [n, width] with one hidden layer, ReLU and a Dropout of one half, and its gradients by hand: what the
 * engine takes, made without the code that derives graphs.
 */
export function handMadeGraph({ width = 6, hidden = 5, classes = 3 } = {}): TrainingGraph {
  const layout = layoutOf(
    [
      { name: 'w1', shape: [width, hidden] },
      { name: 'b1', shape: [hidden] },
      { name: 'w2', shape: [hidden, classes] },
      { name: 'b2', shape: [classes] },
    ],
    [{ name: 'mean', shape: [width] }],
  );
  const parameters = layout.entries.map(({ name, shape }) => float(name, shape));
  const data: Value[] = [float('features', ['n', width]), { name: graphNames.labels, type: 'INT64', shape: ['n'] }];
  const constants = [
    initializer.int64('depth', [classes], [1]),
    initializer.float('onAndOff', [0, 1], [2]),
    initializer.int64('rows', [0], [1]),
    initializer.int64('columns', [1], [1]),
    initializer.float('zero', [0]),
    initializer.float('half', [0.5]),
    initializer.float('two', [2]),
  ];
  const forward = (layer: string): Node[] => [
    node('Gemm', ['features', 'w1', 'b1'], ['sums']),
    node('Relu', ['sums'], ['active']),
    ...(layer === 'active' ? [] : dropout),
    node('Gemm', [layer, 'w2', 'b2'], ['logits']),
    node('LogSoftmax', ['logits'], ['logs'], { axis: 1 }),
    node('OneHot', [graphNames.labels, 'depth', 'onAndOff'], ['targets']),
    node('Mul', ['logs', 'targets'], ['hits']),
  ];
  const dropout: Node[] = [
    node('GreaterOrEqual', [graphNames.random(0), 'half'], ['isKept']),
    node('Cast', ['isKept'], ['kept'], { to: 1 }),
    node('Mul', ['kept', 'two'], ['gate']),
    node('Mul', ['active', 'gate'], ['dropped']),
  ];
  const gradient = (name: string): string => graphNames.contribution(name);
  const training = onnxModel({
    nodes: [
      ...forward('dropped'),
      node('ReduceSum', ['hits'], ['hit'], { keepdims: 0 }),
      node('Neg', ['hit'], ['missed']),
      node('Mul', ['missed', graphNames.rowWeight], [graphNames.loss]),
      node('Exp', ['logs'], ['shares']),
      node('Sub', ['shares', 'targets'], ['errors']),
      node('Mul', ['errors', graphNames.rowWeight], ['dLogits']),
      node('Gemm', ['dropped', 'dLogits'], [gradient('w2')], { transA: 1 }),
      node('ReduceSum', ['dLogits', 'rows'], [gradient('b2')], { keepdims: 0 }),
      node('Gemm', ['dLogits', 'w2'], ['dDropped'], { transB: 1 }),
      node('Mul', ['dDropped', 'gate'], ['dActive']),
      node('Greater', ['sums', 'zero'], ['isActive']),
      node('Cast', ['isActive'], ['activity'], { to: 1 }),
      node('Mul', ['dActive', 'activity'], ['dSums']),
      node('Gemm', ['features', 'dSums'], [gradient('w1')], { transA: 1 }),
      node('ReduceSum', ['dSums', 'rows'], [gradient('b1')], { keepdims: 0 }),
      node('Mul', ['features', graphNames.rowWeight], ['weighted']),
      node('ReduceSum', ['weighted', 'rows'], [gradient('mean')], { keepdims: 0 }),
    ],
    initializers: constants,
    inputs: [...data, ...parameters, float(graphNames.rowWeight, []), float(graphNames.random(0), ['n', hidden])],
    outputs: [float(graphNames.loss, []), ...layout.entries.map(({ name, shape }) => float(gradient(name), shape))],
  });
  const evaluation = onnxModel({
    nodes: [
      ...forward('active'),
      node('ReduceSum', ['hits', 'columns'], ['hit'], { keepdims: 0 }),
      node('Neg', ['hit'], [graphNames.losses]),
      node('Softmax', ['logits'], [graphNames.predictions], { axis: 1 }),
    ],
    initializers: constants,
    inputs: [...data, ...parameters],
    outputs: [float(graphNames.losses, ['n']), float(graphNames.predictions, ['n', classes])],
  });
  return {
    layout,
    inputs: [{ name: 'features', dataType: 'FP32', shape: [-1, width] }],
    label: { kind: 'Classes', classes },
    training,
    evaluation,
    randoms: [{ name: graphNames.random(0), shape: [-1, hidden] }],
  };
}
