import type { GradientBuilder } from '../gradient-builder.ts';
import type { Gradients, Operation, Rule } from '../operation.ts';

/** A reduction, once the reduced axes are back with size 1. */
interface Reduced {
  graph: GradientBuilder;
  x: string;
  y: string;
  gradient: string;
  axes: readonly number[];
  operation: Operation;
}

/** @param part the gradient of the input, of its shape or one that is broadcast to it */
const reduction = (part: (reduced: Reduced) => string): Rule => ({
  settings: [1],
  gradients: (operation, gradient) => {
    const { graph } = operation;
    const axes = reducedAxes(operation);
    // With no axes, and told to do nothing then, it passes its input on.
    if (axes.length === 0) return [gradient];
    const [x, y] = [operation.input(0), operation.output(0)];
    const keeps = operation.int('keepdims', 1) !== 0;
    const restored = (value: string): string => (keeps ? value : graph.add('Unsqueeze', [value, graph.ints(axes)]));
    return [part({ graph, x, y: restored(y), gradient: restored(gradient), axes, operation })];
  },
});

function reducedAxes(operation: Operation): number[] {
  const rank = operation.rank(0);
  const given = operation.constant(1);
  if (given && given.length > 0) return given.map((axis) => (axis < 0 ? axis + rank : axis)).sort((a, b) => a - b);
  if (operation.int('noop_with_empty_axes', 0) !== 0) return [];
  return Array.from({ length: rank }, (_, axis) => axis);
}

/** How many elements become one. */
function reducedCount({ graph, x, axes, operation }: Reduced): string | number {
  const sizes = axes.map((axis) => operation.shape(0)[axis]);
  if (sizes.every((size) => typeof size === 'number')) return sizes.reduce((product, size) => product * size, 1);
  const counts = graph.add('Gather', [graph.add('Shape', [x]), graph.ints(axes)]);
  return graph.toFloat(graph.add('ReduceProd', [counts], { keepdims: { int: 0 } }));
}

/** Equal extremes share the gradient evenly. */
const extremum = reduction(({ graph, x, y, gradient, axes }) => {
  const mask = graph.toFloat(graph.apply('Equal', [x, y]));
  return graph.times(mask, graph.over(gradient, graph.reduce('ReduceSum', mask, axes, true)));
});

/** The product of all others: with one 0 among them it has a slope there alone, with two nowhere. */
const product = reduction(({ graph, x, gradient, axes }) => {
  const isZero = graph.apply('Equal', [x, 0]);
  const filled = graph.where(isZero, 1, x);
  const ofOthers = graph.over(graph.reduce('ReduceProd', filled, axes, true), filled);
  const otherZeros = graph.minus(graph.reduce('ReduceSum', graph.toFloat(isZero), axes, true), graph.toFloat(isZero));
  return graph.times(gradient, graph.where(graph.apply('Equal', [otherZeros, 0]), ofOthers, 0));
});

function cumulative(operation: Operation, gradient: string): Gradients {
  const reverse = { int: operation.int('reverse', 0) === 0 ? 1 : 0 };
  const exclusive = { int: operation.int('exclusive', 0) };
  return [operation.graph.add('CumSum', [gradient, operation.input(1)], { reverse, exclusive })];
}

export const reductionRules: Readonly<Record<string, Rule>> = {
  ReduceSum: reduction(({ graph, x, gradient }) => graph.expandLike(gradient, x)),
  ReduceMean: reduction((reduced) => {
    const { graph, x, gradient } = reduced;
    return graph.expandLike(graph.over(gradient, reducedCount(reduced)), x);
  }),
  ReduceMax: extremum,
  ReduceMin: extremum,
  ReduceProd: product,
  ReduceL1: reduction(({ graph, x, gradient }) => graph.times(gradient, graph.apply('Sign', [x]))),
  // At the origin the norm has no slope; 0 is what PyTorch says.
  ReduceL2: reduction(({ graph, x, y, gradient }) => {
    const ratio = graph.where(graph.apply('Equal', [y, 0]), 0, graph.over(gradient, y));
    return graph.times(ratio, x);
  }),
  ReduceSumSquare: reduction(({ graph, x, gradient }) => graph.times(graph.times(gradient, 2), x)),
  ReduceLogSum: reduction(({ graph, x, y, gradient }) =>
    graph.expandLike(graph.over(gradient, graph.apply('Exp', [y])), x),
  ),
  ReduceLogSumExp: reduction(({ graph, x, y, gradient }) =>
    graph.times(gradient, graph.apply('Exp', [graph.minus(x, y)])),
  ),
  CumSum: { settings: [1], gradients: cumulative },
  Softmax: {
    gradients: (operation, gradient) => {
      const { graph } = operation;
      const y = operation.output(0);
      const axes = [operation.axis('axis', -1)];
      const mean = graph.reduce('ReduceSum', graph.times(gradient, y), axes, true);
      return [graph.times(y, graph.minus(gradient, mean))];
    },
  },
  LogSoftmax: {
    gradients: (operation, gradient) => {
      const { graph } = operation;
      const axes = [operation.axis('axis', -1)];
      const total = graph.reduce('ReduceSum', gradient, axes, true);
      return [graph.minus(gradient, graph.times(graph.apply('Exp', [operation.output(0)]), total))];
    },
  },
};
