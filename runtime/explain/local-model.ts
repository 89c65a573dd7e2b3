import { cholesky, solveByCholesky, sumOf } from './least-squares.ts';
import { pause } from './pause.ts';

/** How the features of a local model are chosen: by the reference's names. `auto`: forward for up to 6, else by weight. */
export const selections = ['auto', 'forward_selection', 'highest_weights', 'none'] as const;
export type Selection = (typeof selections)[number];

/** Perturbed instances as a local model sees them; the first is the instance itself. */
export interface Sample {
  count: number;
  features: number;
  /** [count, features] */
  data: Float64Array;
  /** [count], from the first. */
  distances: Float64Array;
}

export interface FitOptions {
  kernelWidth: number;
  selection: Selection;
  /** The most features that a model may use; `none` pays no heed to it. */
  maxFeatures: number;
}

/** A ridge regression about one instance, for one output. */
export interface LocalModel {
  intercept: number;
  /** [features]; 0 where a feature is not used. */
  coefficients: Float64Array;
  /** The weighted R² over the sample. */
  score: number;
  /** What it gives for the instance. */
  prediction: number;
  /** The features used, those with the largest coefficients first. */
  used: number[];
}

const [ridge, ridgeOfSelection] = [1, 0.01];
const rowsBetweenPauses = 256;
const largestForward = 6;

/** Sums of products of deviations from the weighted means, which all outputs share. */
interface Moments {
  weights: Float64Array;
  means: Float64Array;
  /** [features, features] */
  gram: Float64Array;
}

/**
 * The local models of Ribeiro, Singh and Guestrin, "Why Should I Trust You?" (2016), with the kernel, the selection of features
 * and the regression of their Python package.
 *
 * @param labels [count, outputs]
 */
export async function fitLocalModels(
  sample: Sample,
  labels: Float64Array,
  options: FitOptions,
  signal?: AbortSignal,
): Promise<LocalModel[]> {
  const moments = await momentsOf(sample, options.kernelWidth, signal);
  const outputs = labels.length / sample.count;
  const models: LocalModel[] = [];
  for (let output = 0; output < outputs; output++) {
    await pause(signal);
    const targets = Float64Array.from({ length: sample.count }, (_, row) => labels[row * outputs + output] ?? 0);
    models.push(fit(sample, targets, moments, options));
  }
  return models;
}

async function momentsOf(
  { count, features, data, distances }: Sample,
  kernelWidth: number,
  signal: AbortSignal | undefined,
): Promise<Moments> {
  const weights = distances.map((distance) => Math.sqrt(Math.exp(-(distance ** 2) / kernelWidth ** 2)));
  const total = sumOf(weights);
  const means = new Float64Array(features);
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < features; i++) {
      means[i] = (means[i] ?? 0) + ((weights[row] ?? 0) * (data[row * features + i] ?? 0)) / total;
    }
  }
  const gram = new Float64Array(features * features);
  const deviations = new Float64Array(features);
  for (let row = 0; row < count; row++) {
    if (row % rowsBetweenPauses === 0) await pause(signal);
    for (let i = 0; i < features; i++) deviations[i] = (data[row * features + i] ?? 0) - (means[i] ?? 0);
    for (let i = 0; i < features; i++) {
      const weighted = (weights[row] ?? 0) * (deviations[i] ?? 0);
      const at = i * features;
      for (let j = 0; j <= i; j++) gram[at + j] = (gram[at + j] ?? 0) + weighted * (deviations[j] ?? 0);
    }
  }
  for (let i = 0; i < features; i++) for (let j = 0; j < i; j++) gram[j * features + i] = gram[i * features + j] ?? 0;
  return { weights, means, gram };
}

function fit(sample: Sample, targets: Float64Array, moments: Moments, options: FitOptions): LocalModel {
  const { count, features, data } = sample;
  const { weights, means } = moments;
  const meanTarget = targets.reduce((sum, target, row) => sum + (weights[row] ?? 0) * target, 0) / sumOf(weights);
  const products = new Float64Array(features);
  for (let row = 0; row < count; row++) {
    const weighted = (weights[row] ?? 0) * ((targets[row] ?? 0) - meanTarget);
    for (let i = 0; i < features; i++) {
      products[i] = (products[i] ?? 0) + weighted * ((data[row * features + i] ?? 0) - (means[i] ?? 0));
    }
  }
  const chosen = select(sample, moments.gram, products, options);
  const slopes = ridgeRegression(moments.gram, products, chosen, ridge);
  const coefficients = new Float64Array(features);
  chosen.forEach((feature, index) => (coefficients[feature] = slopes[index] ?? 0));
  const size = (feature: number): number => Math.abs(coefficients[feature] ?? 0);
  const intercept = meanTarget - dot(means, 0, coefficients);
  const predicted = (row: number): number => intercept + dot(data, row * features, coefficients);
  return {
    intercept,
    coefficients,
    score: score(targets, weights, meanTarget, predicted),
    prediction: predicted(0),
    used: [...chosen].sort((a, b) => size(b) - size(a)),
  };
}

function dot(data: Float64Array, from: number, coefficients: Float64Array): number {
  return coefficients.reduce((sum, coefficient, index) => sum + coefficient * (data[from + index] ?? 0), 0);
}

/** The weighted R²; of targets that are all the same, 1 where they are met and else 0. */
function score(targets: Float64Array, weights: Float64Array, mean: number, predicted: (row: number) => number): number {
  let [missed, spread] = [0, 0];
  targets.forEach((target, row) => {
    missed += (weights[row] ?? 0) * (target - predicted(row)) ** 2;
    spread += (weights[row] ?? 0) * (target - mean) ** 2;
  });
  if (spread === 0) return missed === 0 ? 1 : 0;
  return 1 - missed / spread;
}

function select(
  { features, data }: Sample,
  gram: Float64Array,
  products: Float64Array,
  { selection, maxFeatures }: FitOptions,
): number[] {
  const all = Array.from({ length: features }, (_, feature) => feature);
  const forward = selection === 'forward_selection' || (selection === 'auto' && maxFeatures <= largestForward);
  if (selection === 'none') return all;
  if (forward) return forwardSelection(gram, products, maxFeatures);
  const slopes = ridgeRegression(gram, products, all, ridgeOfSelection);
  const effect = (feature: number): number => Math.abs((slopes[feature] ?? 0) * (data[feature] ?? 0));
  return all.sort((a, b) => effect(b) - effect(a)).slice(0, maxFeatures);
}

function ridgeRegression(
  gram: Float64Array,
  products: Float64Array,
  chosen: readonly number[],
  penalty: number,
): Float64Array {
  const [size, features] = [chosen.length, products.length];
  const matrix = new Float64Array(size * size);
  chosen.forEach((row, i) => {
    chosen.forEach((column, j) => (matrix[i * size + j] = gram[row * features + column] ?? 0));
    matrix[i * size + i] = (matrix[i * size + i] ?? 0) + penalty;
  });
  const right = Float64Array.from(chosen, (feature) => products[feature] ?? 0);
  return solveByCholesky(cholesky(matrix, size), right);
}

/** Below this part of its own deviation, what is left of a feature beside those chosen is rounding. */
const dependent = 1e-12;

/**
 * One feature after another, each the one by which least squares explain most of what is left: a Cholesky factorisation
 * that picks its pivots by that.
 */
function forwardSelection(gram: Float64Array, products: Float64Array, maxFeatures: number): number[] {
  const features = products.length;
  const rest = Float64Array.from(gram);
  const unexplained = Float64Array.from(products);
  const chosen: number[] = [];
  const left = new Set(products.keys());
  const gain = (feature: number): number => {
    const own = rest[feature * features + feature] ?? 0;
    if (own <= dependent * (gram[feature * features + feature] ?? 0)) return 0;
    return (unexplained[feature] ?? 0) ** 2 / own;
  };
  while (chosen.length < Math.min(maxFeatures, features)) {
    let [best, most] = [-1, -1];
    for (const feature of left) if (gain(feature) > most) [best, most] = [feature, gain(feature)];
    chosen.push(best);
    left.delete(best);
    if (most > 0) sweep(rest, unexplained, best, left);
  }
  return chosen;
}

/** Takes what a feature explains out of the others and out of the target. */
function sweep(rest: Float64Array, unexplained: Float64Array, pivot: number, left: ReadonlySet<number>): void {
  const features = unexplained.length;
  const own = rest[pivot * features + pivot] ?? 0;
  for (const i of left) {
    const factor = (rest[i * features + pivot] ?? 0) / own;
    unexplained[i] = (unexplained[i] ?? 0) - factor * (unexplained[pivot] ?? 0);
    for (const j of left)
      rest[i * features + j] = (rest[i * features + j] ?? 0) - factor * (rest[pivot * features + j] ?? 0);
  }
}
