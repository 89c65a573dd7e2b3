import type { Operation } from '../operation.ts';

/** How a window slides over the axes after rows and channels; each list has one entry for each of them. */
export interface Windows {
  kernel: number[];
  strides: number[];
  dilations: number[];
  padsBefore: number[];
  padsAfter: number[];
  /** Sizes of what it slides over, without padding. */
  input: number[];
  /** How many places it has. */
  output: number[];
}

/**
 * @param input sizes of what the window slides over
 * @param output how many places it has
 */
export function windowsOf(
  operation: Operation,
  kernel: number[],
  input: readonly number[],
  output: readonly number[],
): Windows {
  const ones = kernel.map(() => 1);
  const strides = operation.ints('strides') ?? ones;
  const dilations = operation.ints('dilations') ?? ones;
  const sizes = { kernel, strides, dilations, input: [...input], output: [...output] };
  const autoPad = operation.text('auto_pad', 'NOTSET');
  if (autoPad === 'NOTSET') {
    const pads = operation.ints('pads') ?? kernel.flatMap(() => [0, 0]);
    return { ...sizes, padsBefore: pads.slice(0, kernel.length), padsAfter: pads.slice(kernel.length) };
  }
  if (autoPad === 'VALID') return { ...sizes, padsBefore: kernel.map(() => 0), padsAfter: kernel.map(() => 0) };
  const totals = kernel.map((size, axis) => Math.max(0, reach(sizes, size, axis) - (input[axis] ?? 0)));
  const smaller = totals.map((total) => Math.floor(total / 2));
  const larger = totals.map((total) => Math.ceil(total / 2));
  const isUpper = autoPad === 'SAME_UPPER';
  return { ...sizes, padsBefore: isUpper ? smaller : larger, padsAfter: isUpper ? larger : smaller };
}

type Sizes = Pick<Windows, 'kernel' | 'strides' | 'dilations' | 'output'>;

/** From the first element under the first place to the last under the last one. */
function reach({ strides, dilations, output }: Sizes, size: number, axis: number): number {
  return ((output[axis] ?? 1) - 1) * (strides[axis] ?? 1) + (size - 1) * (dilations[axis] ?? 1) + 1;
}

/** What a transposed convolution must cut off or add behind the last place, to get the sizes that the window slides over. */
export function transposedPadding(windows: Windows): { padsAfter: number[]; outputPadding: number[] } {
  const excess = windows.kernel.map(
    (size, axis) => reach(windows, size, axis) - (windows.padsBefore[axis] ?? 0) - (windows.input[axis] ?? 0),
  );
  return {
    padsAfter: excess.map((elements) => Math.max(0, elements)),
    outputPadding: excess.map((elements) => Math.max(0, -elements)),
  };
}

/** Sizes of the axes after rows and channels, which must be known. */
export const spatialSizes = (operation: Operation, index: number): number[] =>
  Array.from({ length: operation.rank(index) - 2 }, (_, axis) => operation.size(index, axis + 2));

/** Of the operator's output. */
export function outputSizes(operation: Operation): number[] {
  const shape = operation.graph.shape(operation.output(0)).slice(2);
  return shape.map((size) => {
    if (typeof size === 'number') return size;
    throw operation.refusal(
      'has an output whose size depends on the batch',
      'export the model with fixed dimensions after the rows',
    );
  });
}
