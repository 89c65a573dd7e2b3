import { normal, sequence, uniform } from '../numeric/random.ts';
import { checkFinite, checkIndices } from './checks.ts';
import { matrixRows } from './model.ts';
import { rowsBetweenPauses, type Neighbourhood, type NeighbourhoodOptions } from './neighbourhood.ts';
import { pause } from './pause.ts';
import { binOf, quartileBins, type Bins } from './quartiles.ts';
import type { Condition, TabularRequest } from './request.ts';

/** What is drawn for a feature, and what a local model sees of it. */
export type Column =
  /** A bin as often as the background is in it, then a number within; seen as whether the bin is the instance's. */
  | { kind: 'bins'; bins: Bins; cumulative: Float64Array }
  /** A value as often as the background has it; seen as whether it is the instance's. */
  | { kind: 'categories'; values: Float64Array; cumulative: Float64Array }
  /** A number with the background's mean and deviation; seen standardised. */
  | { kind: 'numbers'; mean: number; deviation: number };

/** Throws RequestError where the background holds what is no number. */
export function columnsOf({ rows, background, features, categorical = [], lime }: TabularRequest): Column[] {
  checkFinite('rows', rows);
  checkFinite('background', background);
  const categories = new Set(checkIndices('categorical', categorical, features));
  return Array.from({ length: features }, (_, feature): Column => {
    const count = background.length / features;
    const values = Float64Array.from({ length: count }, (__, row) => background[row * features + feature] ?? 0);
    if (categories.has(feature)) return categoriesOf(values);
    if (lime?.discretize === false) return { kind: 'numbers', ...momentsOf(values) };
    const bins = quartileBins(values);
    return { kind: 'bins', bins, cumulative: cumulativeOf(bins.count) };
  });
}

function categoriesOf(values: Float64Array): Column {
  const counts = new Map<number, number>();
  for (const value of values.toSorted()) counts.set(value, (counts.get(value) ?? 0) + 1);
  return {
    kind: 'categories',
    values: Float64Array.from(counts.keys()),
    cumulative: cumulativeOf(Float64Array.from(counts.values())),
  };
}

/** A column that does not vary, but for rounding, is divided by 1. */
function momentsOf(values: Float64Array): { mean: number; deviation: number } {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
  const rounding = count * Number.EPSILON * variance + (count * mean * Number.EPSILON) ** 2;
  return { mean, deviation: variance <= rounding ? 1 : Math.sqrt(variance) };
}

function cumulativeOf(counts: Float64Array): Float64Array {
  let sum = 0;
  return counts.map((count) => (sum += count));
}

/** Which of the shares a number in [0, 1) falls into. */
function draw(cumulative: Float64Array, number: number): number {
  const place = number * (cumulative.at(-1) ?? 0);
  return Math.max(
    0,
    cumulative.findIndex((upTo) => place < upTo),
  );
}

/** An edge of a bin is in the bin below it. */
export function conditionsOf(columns: readonly Column[], instance: Float32Array): Condition[] {
  return columns.map((column, feature): Condition => {
    const value = instance[feature] ?? 0;
    if (column.kind === 'categories') return { equals: value };
    if (column.kind === 'numbers') return {};
    const { edges } = column.bins;
    const [above, upTo] = [edges[binOf(edges, value) - 1], edges[binOf(edges, value)]];
    return { ...(above !== undefined && { above }), ...(upTo !== undefined && { upTo }) };
  });
}

/** Rows about the background's mean, not about the instance, as the reference draws them; the first is the instance. */
export async function tabularNeighbourhood(
  columns: readonly Column[],
  instance: Float32Array,
  { samples, seed, signal }: NeighbourhoodOptions,
): Promise<Neighbourhood<Float32Array>> {
  const features = columns.length;
  const random = {
    uniform: sequence(uniform, seed, ['neighbourhood']),
    normal: sequence(normal, seed, ['neighbourhood', 'normal']),
  };
  const rows = new Float32Array(samples * features);
  const data = new Float64Array(samples * features);
  rows.set(instance);
  columns.forEach((column, feature) => (data[feature] = seenOfInstance(column, instance[feature] ?? 0)));
  const distances = new Float64Array(samples);
  for (let row = 1; row < samples; row++) {
    if (row % rowsBetweenPauses === 0) await pause(signal);
    for (const [feature, column] of columns.entries()) {
      const { value, seen } = perturb(column, instance[feature] ?? 0, random);
      [rows[row * features + feature], data[row * features + feature]] = [value, seen];
    }
    distances[row] = distanceFromFirst(data, features, row);
  }
  const sample = { count: samples, features, data, distances };
  return { sample, rows: matrixRows(rows, features), kernelWidth: 0.75 * Math.sqrt(features) };
}

const seenOfInstance = (column: Column, value: number): number =>
  column.kind === 'numbers' ? (value - column.mean) / column.deviation : 1;

interface Random {
  uniform: () => number;
  normal: () => number;
}

function perturb(column: Column, own: number, random: Random): { value: number; seen: number } {
  if (column.kind === 'numbers') {
    const deviations = random.normal();
    return { value: column.mean + deviations * column.deviation, seen: deviations };
  }
  const drawn = draw(column.cumulative, random.uniform());
  if (column.kind === 'categories') {
    const value = column.values[drawn] ?? 0;
    return { value, seen: value === own ? 1 : 0 };
  }
  return { value: withinBin(column.bins, drawn, random), seen: drawn === binOf(column.bins.edges, own) ? 1 : 0 };
}

/** After so many draws outside of a bin, which at worst has half of the distribution inside, something is degenerate. */
const mostDraws = 64;

/** From the normal distribution with the mean and the deviation of a bin, within its bounds. */
function withinBin(bins: Bins, bin: number, random: Random): number {
  const [lowest, highest] = [bins.lowest[bin] ?? 0, bins.highest[bin] ?? 0];
  const [mean, deviation] = [bins.mean[bin] ?? 0, bins.deviation[bin] ?? 0];
  for (let draws = 0; draws < mostDraws; draws++) {
    const value = mean + deviation * random.normal();
    if (value >= lowest && value <= highest) return value;
  }
  return Math.min(highest, Math.max(lowest, mean));
}

function distanceFromFirst(data: Float64Array, features: number, row: number): number {
  let sum = 0;
  for (let feature = 0; feature < features; feature++) {
    sum += ((data[row * features + feature] ?? 0) - (data[feature] ?? 0)) ** 2;
  }
  return Math.sqrt(sum);
}
