/** Cutting columns of numbers into parts with as many rows each, as LIME's quartile discretiser does. */
export interface Bins {
  /** Ascending and distinct. Bin b holds what is above edges[b - 1] and at most edges[b]; the outermost have no end. */
  edges: Float64Array;
  /** Of each bin, over the rows in it. */
  lowest: Float64Array;
  highest: Float64Array;
  mean: Float64Array;
  deviation: Float64Array;
  count: Float64Array;
}

const ranks = [25, 50, 75];

/** @param values at least one */
export function quartileBins(values: Float64Array): Bins {
  const sorted = Float64Array.from(values).sort();
  const edges = Float64Array.from(new Set(ranks.map((rank) => percentile(sorted, rank))));
  const bins = edges.length + 1;
  const members = Array.from({ length: bins }, (): number[] => []);
  for (const value of values) members[binOf(edges, value)]?.push(value);
  const [least, most] = [sorted[0] ?? 0, sorted.at(-1) ?? 0];
  const each = (of: (inBin: number[], bin: number) => number): Float64Array => Float64Array.from(members, of);
  const mean = each(meanOf);
  return {
    edges,
    lowest: each((_, bin) => edges[bin - 1] ?? least),
    highest: each((_, bin) => edges[bin] ?? most),
    mean,
    deviation: each((inBin, bin) => Math.sqrt(meanOf(inBin.map((value) => (value - (mean[bin] ?? 0)) ** 2)))),
    count: each((inBin) => inBin.length),
  };
}

/** How many edges lie below the value. */
export function binOf(edges: Float64Array, value: number): number {
  let bin = 0;
  while (bin < edges.length && (edges[bin] ?? 0) < value) bin += 1;
  return bin;
}

const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;

/** Between the two nearest ranks in proportion, computed from the nearer of them as numpy does, to the same last bit. */
function percentile(sorted: Float64Array, rank: number): number {
  const place = (rank / 100) * (sorted.length - 1);
  const below = Math.floor(place);
  const [low, high] = [sorted[below] ?? 0, sorted[Math.min(below + 1, sorted.length - 1)] ?? 0];
  const part = place - below;
  return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}
