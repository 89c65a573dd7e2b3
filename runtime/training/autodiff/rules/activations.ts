import type { GradientBuilder } from '../gradient-builder.ts';
import type { Operation, Rule } from '../operation.ts';
import { pointwise } from './elementwise.ts';

/** 1 / sqrt(2π): the density of the normal distribution at 0. */
const peak = 1 / Math.sqrt(2 * Math.PI);

/** Of the approximation of Gelu by tanh: tanh(scale * (x + cubic * x³)). */
const approximation = { scale: Math.sqrt(2 / Math.PI), cubic: 0.044715 } as const;

/** Of Selu, as the standard has them. */
const selu = { alpha: 1.67326319217681884765625, gamma: 1.05070102214813232421875 } as const;

const isAbove = (graph: GradientBuilder, x: string, bound: number): string => graph.apply('Greater', [x, bound]);

/** 1 above 0; elsewhere what is given. */
const oneAboveZero = (graph: GradientBuilder, x: string, elsewhere: string | number): string =>
  graph.where(isAbove(graph, x, 0), 1, elsewhere);

const sigmoid = (graph: GradientBuilder, x: string): string => graph.apply('Sigmoid', [x]);

/** s + x s (1 - s) times the factor within, for x sigmoid(factor x). */
function swishSlope({ graph }: Operation, x: string, factor: number): string {
  const s = sigmoid(graph, factor === 1 ? x : graph.times(factor, x));
  const inner = graph.times(graph.times(factor, x), graph.minus(1, s));
  return graph.times(s, graph.plus(1, inner));
}

function geluSlope({ graph }: Operation, x: string): string {
  const below = graph.times(0.5, graph.plus(1, graph.apply('Erf', [graph.times(Math.SQRT1_2, x)])));
  const density = graph.times(peak, graph.apply('Exp', [graph.times(-0.5, graph.square(x))]));
  return graph.plus(below, graph.times(x, density));
}

function geluTanhSlope({ graph }: Operation, x: string): string {
  const { scale, cubic } = approximation;
  const squared = graph.square(x);
  const inner = graph.times(graph.times(scale, x), graph.plus(1, graph.times(cubic, squared)));
  const t = graph.apply('Tanh', [inner]);
  const innerSlope = graph.times(scale, graph.plus(1, graph.times(3 * cubic, squared)));
  const left = graph.times(0.5, graph.plus(1, t));
  const right = graph.times(graph.times(0.5, x), graph.times(graph.minus(1, graph.square(t)), innerSlope));
  return graph.plus(left, right);
}

/** At a kink the slope is PyTorch's. */
export const activationRules: Readonly<Record<string, Rule>> = {
  Relu: pointwise(({ graph }, _, y) => graph.toFloat(isAbove(graph, y, 0))),
  Sigmoid: pointwise(({ graph }, _, y) => graph.times(y, graph.minus(1, y))),
  LeakyRelu: pointwise((operation, x) => oneAboveZero(operation.graph, x, operation.float('alpha', 0.01))),
  Elu: pointwise((operation, x, y) => {
    const { graph } = operation;
    return oneAboveZero(graph, x, graph.plus(y, operation.float('alpha', 1)));
  }),
  Selu: pointwise((operation, x, y) => {
    const { graph } = operation;
    const gamma = operation.float('gamma', selu.gamma);
    const below = graph.plus(y, gamma * operation.float('alpha', selu.alpha));
    return graph.where(isAbove(graph, x, 0), gamma, below);
  }),
  Celu: pointwise((operation, x, y) => {
    const { graph } = operation;
    return oneAboveZero(graph, x, graph.plus(graph.over(y, operation.float('alpha', 1)), 1));
  }),
  Softplus: pointwise(({ graph }, x) => sigmoid(graph, x)),
  Softsign: pointwise(({ graph }, x) =>
    graph.apply('Reciprocal', [graph.square(graph.plus(1, graph.apply('Abs', [x])))]),
  ),
  HardSigmoid: pointwise((operation, _, y) => {
    const { graph } = operation;
    const within = graph.apply('And', [isAbove(graph, y, 0), graph.apply('Less', [y, 1])]);
    return graph.where(within, operation.float('alpha', 0.2), 0);
  }),
  HardSwish: pointwise(({ graph }, x) => {
    const rising = graph.plus(graph.times(1 / 3, x), 0.5);
    const bent = graph.where(graph.apply('Less', [x, 3]), rising, 1);
    return graph.where(isAbove(graph, x, -3), bent, 0);
  }),
  Mish: pointwise(({ graph }, x) => {
    const t = graph.apply('Tanh', [graph.apply('Softplus', [x])]);
    const inner = graph.times(graph.times(x, sigmoid(graph, x)), graph.minus(1, graph.square(t)));
    return graph.plus(t, inner);
  }),
  ThresholdedRelu: pointwise((operation, x) => {
    const { graph } = operation;
    return graph.toFloat(isAbove(graph, x, operation.float('alpha', 1)));
  }),
  Shrink: pointwise((operation, x) => {
    const { graph } = operation;
    return graph.toFloat(isAbove(graph, graph.apply('Abs', [x]), operation.float('lambd', 0.5)));
  }),
  Swish: pointwise((operation, x) => swishSlope(operation, x, operation.float('alpha', 1))),
  Gelu: pointwise((operation, x) =>
    operation.text('approximate', 'none') === 'tanh' ? geluTanhSlope(operation, x) : geluSlope(operation, x),
  ),
  PRelu: {
    gradients: (operation, gradient) => {
      const { graph } = operation;
      const [x, slope] = [operation.input(0), operation.input(1)];
      const positive = isAbove(graph, x, 0);
      return [
        operation.needs(0) ? graph.where(positive, gradient, graph.times(slope, gradient)) : undefined,
        operation.needs(1)
          ? graph.unbroadcast(graph.where(positive, 0, graph.times(x, gradient)), operation.output(0), slope)
          : undefined,
      ];
    },
  },
};
