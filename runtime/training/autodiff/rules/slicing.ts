import type { GradientBuilder } from '../gradient-builder.ts';
import type { Gradients, Operation, Rule } from '../operation.ts';
import { transposedMap } from './linear-map.ts';

/** What a Slice takes along one axis: `count` elements, `step` apart, of which `first` is the lowest. */
interface Taken {
  axis: number;
  size: number;
  first: number;
  count: number;
  step: number;
  /** From high to low. */
  reversed: boolean;
}

/** Undefined where everything is taken as it is. */
function takenAlong(operation: Operation, axis: number, start: number, end: number, step: number): Taken | undefined {
  const open = typeof operation.shape(0)[axis] !== 'number';
  if (open && start === 0 && step === 1 && end >= 0x7fff_ffff) return undefined;
  const size = operation.size(0, axis);
  const within = (index: number, low: number, high: number): number =>
    Math.min(high, Math.max(low, index < 0 ? index + size : index));
  const [from, to] =
    step > 0 ? [within(start, 0, size), within(end, 0, size)] : [within(start, 0, size - 1), within(end, -1, size - 1)];
  const count = Math.max(0, Math.ceil((to - from) / step));
  const reversed = step < 0;
  const first = reversed ? from + (count - 1) * step : from;
  if (first === 0 && count === size && step === 1) return undefined;
  return { axis, size, first, count, step: Math.abs(step), reversed };
}

/** Zeros where nothing was taken from. */
function put(graph: GradientBuilder, gradient: string, taken: Taken, rank: number): string {
  const { axis, size, first, count, step, reversed } = taken;
  const along = (value: string, operator: string, ...bounds: number[]): string =>
    graph.add(operator, [value, ...bounds.map((bound) => graph.ints([bound])), graph.ints([axis])]);
  const ordered = reversed
    ? graph.add('Slice', [gradient, graph.ints([-1]), graph.ints([-size - 1]), graph.ints([axis]), graph.ints([-1])])
    : gradient;
  const spread = step === 1 ? ordered : withGaps(graph, ordered, axis, step, count, rank);
  const length = step === 1 ? count : count * step;
  const cut = first + length > size ? along(spread, 'Slice', 0, size - first) : spread;
  const pads = graph.ints([first, Math.max(0, size - first - length)]);
  return graph.add('Pad', [cut, pads, '', graph.ints([axis])]);
}

/** Each element followed by `step - 1` zeros. */
function withGaps(
  graph: GradientBuilder,
  value: string,
  axis: number,
  step: number,
  count: number,
  rank: number,
): string {
  const apart = graph.add('Unsqueeze', [value, graph.ints([axis + 1])]);
  const padded = graph.add('Pad', [apart, graph.ints([0, step - 1]), '', graph.ints([axis + 1])]);
  // 0 keeps a dimension as it is; behind the axis the dimensions have moved by one.
  const before = Array.from({ length: axis }, () => 0);
  const after = rank - axis - 1;
  if (after === 0) return graph.reshape(padded, [...before, count * step]);
  const shape = graph.add('Shape', [value]);
  const rest = graph.add('Slice', [shape, graph.ints([axis + 1]), graph.ints([rank])]);
  return graph.add('Reshape', [
    padded,
    graph.apply('Concat', [graph.ints([...before, count * step]), rest], { axis: { int: 0 } }),
  ]);
}

function sliced(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const rank = operation.rank(0);
  const [starts, ends] = [operation.constant(1) ?? [], operation.constant(2) ?? []];
  const axes = operation.constant(3) ?? starts.map((_, index) => index);
  const steps = operation.constant(4) ?? starts.map(() => 1);
  let result = gradient;
  for (const [index, axis] of axes.entries()) {
    const place = axis < 0 ? axis + rank : axis;
    const taken = takenAlong(operation, place, starts[index] ?? 0, ends[index] ?? 0, steps[index] ?? 1);
    if (taken) result = put(graph, result, taken, rank);
  }
  return [result];
}

/** Padding with a constant is undone by taking away what was added, and the other way round. */
function padded(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const rank = operation.rank(0);
  const pads = operation.constant(1) ?? [];
  const axes = (operation.constant(3) ?? Array.from({ length: rank }, (_, axis) => axis)).map((axis) =>
    axis < 0 ? axis + rank : axis,
  );
  const mode = operation.text('mode', 'constant');
  if (mode === 'constant') {
    const negative = graph.ints(pads.map((pad) => (pad === 0 ? 0 : -pad)));
    return [graph.add('Pad', [gradient, negative, '', graph.ints(axes)])];
  }
  let result = gradient;
  for (const [index, axis] of axes.entries()) {
    const [before, after] = [pads[index] ?? 0, pads[index + axes.length] ?? 0];
    if (before === 0 && after === 0) continue;
    const size = operation.size(0, axis);
    result = transposedMap(graph, result, axis, rank, size, (identity) =>
      graph.add('Pad', [identity, graph.ints([before, 0, after, 0])], { mode: { text: mode } }),
    );
  }
  return [result];
}

export const slicingRules: Readonly<Record<string, Rule>> = {
  Slice: { settings: [1, 2, 3, 4], gradients: sliced },
  Pad: { settings: [1, 2, 3], gradients: padded },
};
