import type { Attributes } from '../../../onnx/attributes.ts';
import type { GradientBuilder } from '../gradient-builder.ts';
import type { Gradients, Operation, Rule } from '../operation.ts';
import { outputSizes, spatialSizes, transposedPadding, type Windows, windowsOf } from './windows.ts';

/** Products of fewer channels are slow. */
const narrowChannels = 16;

const productOf = (sizes: readonly number[]): number => sizes.reduce((product, size) => product * size, 1);

function attributesOf({ kernel, strides, dilations, padsBefore, padsAfter }: Windows, group: number): Attributes {
  return {
    kernel_shape: { ints: kernel },
    strides: { ints: strides },
    dilations: { ints: dilations },
    pads: { ints: [...padsBefore, ...padsAfter] },
    group: { int: group },
  };
}

/** Of the transposed convolution that goes back from the places of the window to what it slides over. */
export function transposedAttributes(windows: Windows, group: number): Attributes {
  const { padsAfter, outputPadding } = transposedPadding(windows);
  return { ...attributesOf({ ...windows, padsAfter }, group), output_padding: { ints: outputPadding } };
}

/** A 1 × 1 kernel that takes every element: the convolution is a product of matrices. */
const isPointwise = ({ kernel, strides, padsBefore, padsAfter }: Windows): boolean =>
  [...kernel, ...strides].every((size) => size === 1) && [...padsBefore, ...padsAfter].every((pad) => pad === 0);

/** Rows and channels change places. */
const channelsFirst = (graph: GradientBuilder, value: string, windows: Windows): string =>
  graph.transpose(value, [1, 0, ...windows.kernel.map((_, axis) => axis + 2)]);

/** Everything of a channel in one row. */
const channelRows = (graph: GradientBuilder, value: string, channels: number, windows: Windows): string =>
  graph.reshape(channelsFirst(graph, value, windows), [channels, -1]);

interface Channels {
  input: number;
  output: number;
  group: number;
}

/**
 * The gradient of the weight of a convolution, [output, input / group, ...kernel]: the product of the gradient and of what each
 * element of the kernel meets, over all rows and places at once. Faster than a dilated convolution over exchanged axes, and than
 * UnfoldTensor, at every size that was measured.
 *
 * @param input of the convolution
 * @param rows the gradient of its output, as `channelRows` gives it
 */
function weightGradient(
  graph: GradientBuilder,
  input: string,
  rows: string,
  windows: Windows,
  channels: Channels,
): string {
  const inner = channels.input / channels.group;
  const shape = [channels.output, inner, ...windows.kernel];
  const elements = productOf(windows.kernel);
  const parts = metParts(graph, channelsFirst(graph, input, windows), windows);
  if (isManyProducts(windows, channels)) {
    const products = parts.map((part) => {
      const product = graph.add('Gemm', [rows, graph.reshape(part, [inner, -1])], { transB: { int: 1 } });
      return graph.reshape(product, [1, channels.output, inner]);
    });
    const stacked = graph.apply('Concat', products, { axis: { int: 0 } });
    return graph.reshape(graph.transpose(stacked, [1, 2, 0]), shape);
  }
  const met = parts.map((part) => graph.reshape(part, [channels.input, 1, -1]));
  const [first = ''] = met;
  const matrix = met.length === 1 ? first : graph.apply('Concat', met, { axis: { int: 1 } });
  if (channels.group === 1) {
    const product = graph.add('Gemm', [rows, graph.reshape(matrix, [inner * elements, -1])], { transB: { int: 1 } });
    return graph.reshape(product, shape);
  }
  const ofGroups = (value: string, count: number): string => graph.reshape(value, [channels.group, count, -1]);
  const [left, right] = [ofGroups(rows, channels.output / channels.group), ofGroups(matrix, inner * elements)];
  return graph.reshape(graph.matmul(left, right, { transB: true }), shape);
}

/**
 * One product for each element of the kernel saves copying what they meet into one matrix, and costs a transposition of
 * the weight. Products of few channels are too narrow to be fast.
 */
function isManyProducts({ kernel, output }: Windows, { input, output: outputs, group }: Channels): boolean {
  return productOf(kernel) > 1 && group === 1 && input >= narrowChannels && productOf(output) > outputs;
}

/** For each element of the kernel, in row-major order, what it meets at all places of the window. */
function metParts(graph: GradientBuilder, value: string, windows: Windows): string[] {
  const { kernel, strides, dilations, padsBefore, padsAfter, input, output } = windows;
  const axes = kernel.map((_, axis) => axis + 2);
  const pads = [...padsBefore, ...padsAfter];
  const padded = pads.every((pad) => pad === 0)
    ? value
    : graph.add('Pad', [value, graph.ints(pads), '', graph.ints(axes)]);
  // The last axis is cut first: what is then cut from the result along the others is copied in long runs.
  let parts = [padded];
  for (const axis of [...axes].reverse()) {
    const place = axis - 2;
    const [stride, places] = [strides[place] ?? 1, output[place] ?? 1];
    const size = (input[place] ?? 1) + (padsBefore[place] ?? 0) + (padsAfter[place] ?? 0);
    if (kernel[place] === 1 && stride === 1 && places === size) continue;
    const starts = Array.from({ length: kernel[place] ?? 1 }, (_, index) => index * (dilations[place] ?? 1));
    const cut = (value: string, start: number): string =>
      graph.add('Slice', [
        value,
        ...[start, start + (places - 1) * stride + 1, axis, stride].map((bound) => graph.ints([bound])),
      ]);
    parts = starts.flatMap((start) => parts.map((part) => cut(part, start)));
  }
  return parts;
}

function convGradients(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const kernel = spatialSizes(operation, 1);
  const windows = windowsOf(operation, kernel, spatialSizes(operation, 0), outputSizes(operation));
  const channels = { input: operation.size(0, 1), output: operation.size(1, 0), group: operation.int('group', 1) };
  const rows = operation.needs(1) ? channelRows(graph, gradient, channels.output, windows) : undefined;
  return [
    operation.needs(0) ? inputGradient(operation, gradient, windows, channels) : undefined,
    rows === undefined ? undefined : weightGradient(graph, operation.input(0), rows, windows, channels),
    operation.needs(2) ? biasGradient(graph, gradient, windows) : undefined,
  ];
}

const biasGradient = (graph: GradientBuilder, gradient: string, { kernel }: Windows): string =>
  graph.reduce('ReduceSum', gradient, [0, ...kernel.map((_, axis) => axis + 2)], false);

function inputGradient(operation: Operation, gradient: string, windows: Windows, channels: Channels): string {
  const { graph } = operation;
  const weight = operation.input(1);
  if (isPointwise(windows) && channels.group === 1) {
    const matrix = graph.reshape(weight, [channels.output, channels.input]);
    const columns = graph.reshape(gradient, [0, channels.output, -1]);
    return graph.reshapeLike(graph.matmul(matrix, columns, { transA: true }), operation.input(0));
  }
  return graph.add('ConvTranspose', [gradient, weight], transposedAttributes(windows, channels.group));
}

/** What a transposed convolution does is the gradient of a convolution, so its own gradient is that convolution. */
function convTransposeGradients(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const [x, weight] = [operation.input(0), operation.input(1)];
  // The window slides over the output, and its places are the elements of the input.
  const windows = transposedWindows(operation);
  const group = operation.int('group', 1);
  const channels = { input: operation.size(1, 1) * group, output: operation.size(0, 1), group };
  const rows = (): string => channelRows(graph, x, channels.output, windows);
  return [
    operation.needs(0) ? graph.add('Conv', [gradient, weight], attributesOf(windows, group)) : undefined,
    operation.needs(1) ? weightGradient(graph, gradient, rows(), windows, channels) : undefined,
    operation.needs(2) ? biasGradient(graph, gradient, windows) : undefined,
  ];
}

/** The window of the convolution whose gradient this is: it slides over the output, and its places are the elements of the input. */
function transposedWindows(operation: Operation): Windows {
  const kernel = spatialSizes(operation, 1);
  const [places, sizes] = [spatialSizes(operation, 0), outputSizes(operation)];
  const windows = windowsOf(operation, kernel, sizes, places);
  const isGiven = operation.ints('output_shape') === undefined && operation.text('auto_pad', 'NOTSET') === 'NOTSET';
  const extra = operation.ints('output_padding') ?? kernel.map(() => 0);
  const overlaps = transposedPadding({ ...windows, padsBefore: kernel.map(() => 0) }).padsAfter;
  const totals = overlaps.map((overlap, axis) => overlap + (extra[axis] ?? 0));
  const isUpper = operation.text('auto_pad', 'NOTSET') === 'SAME_UPPER';
  const shared = totals.map((total) => (isUpper ? Math.floor(total / 2) : Math.ceil(total / 2)));
  const padsBefore = isGiven ? windows.padsBefore : shared;
  return { ...windows, padsBefore, padsAfter: transposedPadding({ ...windows, padsBefore }).padsAfter };
}

export const convolutionRules: Readonly<Record<string, Rule>> = {
  Conv: { gradients: convGradients },
  ConvTranspose: { gradients: convTransposeGradients },
};
