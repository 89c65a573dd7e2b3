import { elementTypes } from '../../../onnx/element-types.ts';
import type { Operand } from '../gradient-builder.ts';
import type { Operation, Rule } from '../operation.ts';

/** What the gradient is multiplied by: the derivative of y by x, in terms of either. */
type Derivative = (operation: Operation, x: string, y: string) => Operand;

/** The rule of a function of one operand, element by element. */
export const pointwise = (derivative: Derivative): Rule => ({
  gradients: (operation, gradient) => [
    operation.graph.times(gradient, derivative(operation, operation.input(0), operation.output(0))),
  ],
});

/** 1 / sqrt(1 - x²) */
const arcSlope = ({ graph }: Operation, x: string): string =>
  graph.apply('Reciprocal', [graph.apply('Sqrt', [graph.minus(1, graph.square(x))])]);

/** Functions of one operand that have no kink but where they are not defined. */
export const smoothRules: Readonly<Record<string, Rule>> = {
  Identity: { gradients: (_, gradient) => [gradient] },
  Neg: { gradients: ({ graph }, gradient) => [graph.apply('Neg', [gradient])] },
  Abs: pointwise(({ graph }, x) => graph.apply('Sign', [x])),
  Reciprocal: pointwise(({ graph }, _, y) => graph.apply('Neg', [graph.square(y)])),
  Sqrt: pointwise(({ graph }, _, y) => graph.over(0.5, y)),
  Exp: pointwise((_operation, _x, y) => y),
  Log: { gradients: (operation, gradient) => [operation.graph.over(gradient, operation.input(0))] },
  Sin: pointwise(({ graph }, x) => graph.apply('Cos', [x])),
  Cos: pointwise(({ graph }, x) => graph.apply('Neg', [graph.apply('Sin', [x])])),
  Tan: pointwise(({ graph }, _, y) => graph.plus(1, graph.square(y))),
  Asin: pointwise(arcSlope),
  Acos: pointwise((operation, x) => operation.graph.apply('Neg', [arcSlope(operation, x)])),
  Atan: pointwise(({ graph }, x) => graph.apply('Reciprocal', [graph.plus(1, graph.square(x))])),
  Sinh: pointwise(({ graph }, x) => graph.apply('Cosh', [x])),
  Cosh: pointwise(({ graph }, x) => graph.apply('Sinh', [x])),
  Tanh: pointwise(({ graph }, _, y) => graph.minus(1, graph.square(y))),
  Asinh: pointwise(({ graph }, x) => graph.over(1, graph.apply('Sqrt', [graph.plus(graph.square(x), 1)]))),
  Acosh: pointwise(({ graph }, x) => graph.over(1, graph.apply('Sqrt', [graph.minus(graph.square(x), 1)]))),
  Atanh: pointwise(({ graph }, x) => graph.over(1, graph.minus(1, graph.square(x)))),
  Erf: pointwise(({ graph }, x) =>
    graph.times(2 / Math.sqrt(Math.PI), graph.apply('Exp', [graph.apply('Neg', [graph.square(x)])])),
  ),
};

/** Operators that pass an element on or do not, and those that are flat wherever they have a slope at all. */
export const gateRules: Readonly<Record<string, Rule>> = {
  // An element passes where it was within the bounds, which is where it was left as it is.
  Clip: {
    settings: [1, 2],
    gradients: (operation, gradient) => {
      const { graph } = operation;
      const isKept = graph.apply('Equal', [operation.input(0), operation.output(0)]);
      return [graph.times(gradient, graph.toFloat(isKept))];
    },
  },
  Where: {
    gradients: (operation, gradient) => {
      const { graph } = operation;
      const condition = operation.input(0);
      const pass = (index: number, masked: () => string): string | undefined =>
        operation.needs(index) ? graph.unbroadcast(masked(), operation.output(0), operation.input(index)) : undefined;
      return [
        undefined,
        pass(1, () => graph.where(condition, gradient, 0)),
        pass(2, () => graph.where(condition, 0, gradient)),
      ];
    },
  },
  Cast: {
    gradients: (operation, gradient) => {
      if (operation.int('to', 0) === elementTypes.FLOAT) return [gradient];
      throw operation.refusal('leaves float32 on the way to the loss', 'export the model in float32');
    },
  },
  CastLike: { settings: [1], gradients: (_, gradient) => [gradient] },
  Floor: { stops: true },
  Ceil: { stops: true },
  Round: { stops: true },
  Sign: { stops: true },
  Hardmax: { stops: true },
};
