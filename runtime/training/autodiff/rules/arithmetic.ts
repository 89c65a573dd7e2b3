import type { GradientBuilder } from '../gradient-builder.ts';
import type { Gradients, Operation, Rule } from '../operation.ts';

/** What an operand's gradient is before broadcasting is undone. */
type Part = (graph: GradientBuilder, gradient: string, operation: Operation) => string;

/** The rule of an operator whose operands are broadcast to each other. */
const broadcasting = (...parts: readonly Part[]): Rule => ({
  gradients: (operation, gradient) =>
    operation.inputs.map((name, index) => {
      const part = parts[index];
      if (!part || !operation.needs(index)) return undefined;
      return operation.graph.unbroadcast(part(operation.graph, gradient, operation), operation.output(0), name);
    }),
});

const pass: Part = (_, gradient) => gradient;

/** Equal terms of a maximum share its gradient evenly. */
function extremum(operation: Operation, gradient: string): Gradients {
  const { graph, inputs } = operation;
  if (inputs.length === 1) return [gradient];
  const masks = inputs.map((name) => graph.toFloat(graph.apply('Equal', [name, operation.output(0)])));
  const share = graph.over(gradient, graph.sum(masks));
  return inputs.map((name, index) =>
    operation.needs(index)
      ? graph.unbroadcast(graph.times(share, masks[index] ?? 1), operation.output(0), name)
      : undefined,
  );
}

/** The slope of x^c for a constant c, without a power where there is a faster way. */
function powerSlope(operation: Operation, exponent: number): string | number {
  const { graph } = operation;
  const [x, y] = [operation.input(0), operation.output(0)];
  if (exponent === 1) return 1;
  if (exponent === 2) return graph.times(2, x);
  if (exponent === 3) return graph.times(3, graph.square(x));
  if (exponent === 0.5) return graph.over(0.5, y);
  return graph.times(exponent, graph.apply('Pow', [x, exponent - 1]));
}

function power(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const [x, exponent, y] = [operation.input(0), operation.input(1), operation.output(0)];
  const undo = (value: string, operand: string): string => graph.unbroadcast(value, y, operand);
  const [constant, ...more] = operation.needs(1) ? [] : (graph.constant(exponent) ?? []);
  const slope = (): string | number =>
    constant !== undefined && more.length === 0
      ? powerSlope(operation, constant)
      : graph.times(exponent, graph.apply('Pow', [x, graph.minus(exponent, 1)]));
  // Where the base is 0 the power does not move with its exponent; below 0 it is not defined between whole exponents.
  const logarithm = (): string => graph.where(graph.apply('Greater', [x, 0]), graph.apply('Log', [x]), 0);
  return [
    operation.needs(0) ? undo(graph.times(gradient, slope()), x) : undefined,
    operation.needs(1) ? undo(graph.times(gradient, graph.times(y, logarithm())), exponent) : undefined,
  ];
}

export const arithmeticRules: Readonly<Record<string, Rule>> = {
  Add: broadcasting(pass, pass),
  Sub: broadcasting(pass, (graph, gradient) => graph.apply('Neg', [gradient])),
  Mul: broadcasting(
    (graph, gradient, operation) => graph.times(gradient, operation.input(1)),
    (graph, gradient, operation) => graph.times(gradient, operation.input(0)),
  ),
  Div: broadcasting(
    (graph, gradient, operation) => graph.over(gradient, operation.input(1)),
    (graph, gradient, operation) =>
      graph.apply('Neg', [graph.over(graph.times(gradient, operation.output(0)), operation.input(1))]),
  ),
  Pow: { gradients: power },
  Sum: {
    gradients: (operation, gradient) =>
      operation.inputs.map((name, index) =>
        operation.needs(index) ? operation.graph.unbroadcast(gradient, operation.output(0), name) : undefined,
      ),
  },
  Mean: {
    gradients: (operation, gradient) => {
      const { graph, inputs } = operation;
      const share = graph.times(gradient, 1 / inputs.length);
      return inputs.map((name, index) =>
        operation.needs(index) ? graph.unbroadcast(share, operation.output(0), name) : undefined,
      );
    },
  },
  Max: { gradients: extremum },
  Min: { gradients: extremum },
};
