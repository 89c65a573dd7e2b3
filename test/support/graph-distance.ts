import type { Outputs } from '../runtime/training/autodiff/graph-session.ts';

/** Of all outputs: the largest difference of an element over the largest element of that output, or over 0.01 where that is smaller. */
export function graphDistance(expected: Outputs, actual: Outputs): number {
  let apart = 0;
  for (const [name, values] of expected) {
    const others = actual.get(name);
    if (others?.length !== values.length) return Infinity;
    const scale = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);
    for (const [index, value] of values.entries())
      apart = Math.max(apart, Math.abs(value - (others[index] ?? NaN)) / scale);
  }
  return apart;
}
