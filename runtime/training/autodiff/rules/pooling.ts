import type { Gradients, Operation, Rule } from '../operation.ts';
import { transposedAttributes } from './convolution.ts';
import { outputSizes, spatialSizes, transposedPadding, type Windows, windowsOf } from './windows.ts';

const poolWindows = (operation: Operation): Windows =>
  windowsOf(operation, operation.ints('kernel_shape') ?? [], spatialSizes(operation, 0), outputSizes(operation));

function maxPoolGradients(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  if (operation.int('storage_order', 0) !== 0) {
    throw operation.refusal('counts elements by columns', 'export it with storage_order 0');
  }
  const [x, indices] = [operation.input(0), operation.output(1)];
  const { kernel, strides, dilations, padsBefore, padsAfter } = poolWindows(operation);
  const isApart = kernel.every((size, axis) => (size - 1) * (dilations[axis] ?? 1) < (strides[axis] ?? 1));
  const isPlain = [...padsBefore, ...padsAfter].every((pad) => pad === 0) && operation.int('ceil_mode', 0) === 0;
  if (isApart && isPlain && dilations.every((dilation) => dilation === 1)) {
    // No element wins twice.
    const attributes = { kernel_shape: { ints: kernel }, strides: { ints: strides } };
    return [graph.add('MaxUnpool', [gradient, indices, graph.add('Shape', [x])], attributes)];
  }
  const flat = (value: string): string => graph.reshape(value, [-1]);
  const attributes = { axis: { int: 0 }, reduction: { text: isApart ? 'none' : 'add' } };
  const scattered = graph.add('ScatterElements', [flat(graph.zerosLike(x)), flat(indices), flat(gradient)], attributes);
  return [graph.reshapeLike(scattered, x)];
}

/** How many elements of the input each place of the window covers. */
function coverage({ kernel, strides, dilations, padsBefore, input, output }: Windows): Float32Array {
  const alongAxes = kernel.map((size, axis) =>
    Array.from({ length: output[axis] ?? 1 }, (_, place) => {
      const start = place * (strides[axis] ?? 1) - (padsBefore[axis] ?? 0);
      const elements = Array.from({ length: size }, (_element, index) => start + index * (dilations[axis] ?? 1));
      return elements.filter((element) => element >= 0 && element < (input[axis] ?? 0)).length;
    }),
  );
  const counts = alongAxes.reduce((all, along) => all.flatMap((one) => along.map((other) => one * other)), [1]);
  return Float32Array.from(counts, (count) => Math.max(1, count));
}

/** Every channel of every row alike: they become rows of one channel. */
function averagePoolGradients(operation: Operation, gradient: string): Gradients {
  const { graph, node } = operation;
  const windows = poolWindows(operation);
  const { kernel, input, output } = windows;
  const elements = kernel.reduce((product, size) => product * size, 1);
  const ones = (shape: readonly number[]): string =>
    graph.floats(shape, new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(1));
  const isFull = [...windows.padsBefore, ...transposedPadding(windows).padsAfter].every((pad) => pad === 0);
  const share = (): string => {
    if (isFull) return graph.times(gradient, 1 / elements);
    // What the operator itself makes of ones says what it divides by, at the edges too.
    const mean = graph.addLike(node, [ones([1, 1, ...input])]);
    const weights = graph.over(mean, graph.floats([1, 1, ...output], coverage(windows)));
    return graph.times(gradient, weights);
  };
  const rows = graph.reshape(share(), [-1, 1, ...output]);
  const spread = graph.add('ConvTranspose', [rows, ones([1, 1, ...kernel])], transposedAttributes(windows, 1));
  return [graph.reshapeLike(spread, operation.input(0))];
}

const spatialAxes = (operation: Operation): number[] =>
  Array.from({ length: operation.rank(0) - 2 }, (_, axis) => axis + 2);

export const poolingRules: Readonly<Record<string, Rule>> = {
  // ONNX Runtime says which element won, by its place among all elements of the batch: so ties go where it sends them.
  MaxPool: { trainingForm: (operation) => operation.keep(operation.needs(0) ? 2 : 1), gradients: maxPoolGradients },
  AveragePool: { gradients: averagePoolGradients },
  GlobalAveragePool: {
    gradients: (operation, gradient) => {
      const count = spatialSizes(operation, 0).reduce((product, size) => product * size, 1);
      return [operation.graph.expandLike(operation.graph.times(gradient, 1 / count), operation.input(0))];
    },
  },
  // Equal maxima share the gradient evenly.
  GlobalMaxPool: {
    gradients: (operation, gradient) => {
      const { graph } = operation;
      const mask = graph.toFloat(graph.apply('Equal', [operation.input(0), operation.output(0)]));
      const count = graph.reduce('ReduceSum', mask, spatialAxes(operation), true);
      return [graph.times(mask, graph.over(gradient, count))];
    },
  },
};
