import type { Slice } from './layout.ts';

/** Sorts numbers into the fewest ranges. */
export function rangesOf(numbers: Iterable<number>): Slice[] {
  const ranges: Slice[] = [];
  for (const number of [...new Set(numbers)].sort((a, b) => a - b)) {
    const last = ranges[ranges.length - 1];
    if (last?.to === number) last.to = number + 1;
    else ranges.push({ from: number, to: number + 1 });
  }
  return ranges;
}

export const listOf = (ranges: readonly Slice[]): number[] =>
  ranges.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, index) => from + index));

export const holds = (ranges: readonly Slice[], number: number): boolean =>
  ranges.some(({ from, to }) => from <= number && number < to);
