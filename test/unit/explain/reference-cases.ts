import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { explain } from '../../../runtime/explain/explain.ts';
import { fitLocalModels, type LocalModel, type Selection } from '../../../runtime/explain/local-model.ts';
import { applyNetwork, rowByRow, type Network } from './network.ts';

/** What bench/explain/reference.py prints. */
export interface Reference {
  shap: ShapCase[];
  lime: LimeCase[];
  quartiles: QuartileCase[];
  quickshift: {
    pixels: number[][][];
    found: { kernelSize: number; maxDistance: number; ratio: number; segments: number[][] }[];
  };
  text: { text: string; words: string[] };
}

export interface ShapCase {
  name: string;
  network: Network;
  rows: number[][];
  background: number[][];
  /** [rows][features][outputs] */
  values: number[][][];
  base: number[];
}

export interface LimeCase {
  name: string;
  kernelWidth: number;
  selection: Selection;
  maxFeatures: number;
  data: number[][];
  labels: number[][];
  distances: number[];
  models: (Omit<LocalModel, 'coefficients'> & { output: number; coefficients: number[] })[];
}

interface QuartileCase {
  name: string;
  values: number[];
  edges: number[];
  bins: number[];
  lowest: number[];
  highest: number[];
  mean: number[];
  deviation: number[];
}

/** Of the committed run; `UPDATE_GOLDEN=1 npm run bench -- explain` writes it anew. */
export const referenceFile = join(import.meta.dirname, 'reference', 'reference.json');
export const readReference = (): Reference => JSON.parse(readFileSync(referenceFile, 'utf8')) as Reference;

export function largestDifference(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  if (ours.length !== theirs.length) return Infinity;
  return Array.from(ours).reduce((most, value, at) => Math.max(most, Math.abs(value - (theirs[at] ?? NaN))), 0);
}

/** Between our values and the package's, expected values included. */
export async function shapDifference({ network, rows, background, values, base }: ShapCase): Promise<number> {
  const ours = await explain(
    {
      kind: 'tabular',
      method: 'kernel_shap',
      seed: 0,
      features: rows[0]?.length ?? 0,
      rows: Float32Array.from(rows.flat()),
      background: Float32Array.from(background.flat()),
    },
    rowByRow((row) => applyNetwork(network, row)),
  );
  const bases = rows.flatMap(() => base);
  return Math.max(largestDifference(ours.attributions, values.flat(2)), largestDifference(ours.baseValues, bases));
}

/** Between our local models and the package's, from the package's neighbourhood. */
export async function limeDifference(
  given: LimeCase,
): Promise<{ coefficients: number; scores: number; sameFeatures: boolean }> {
  const [count, features] = [given.data.length, given.data[0]?.length ?? 0];
  const sample = {
    count,
    features,
    data: Float64Array.from(given.data.flat()),
    distances: Float64Array.from(given.distances),
  };
  const models = await fitLocalModels(sample, Float64Array.from(given.labels.flat()), given);
  const pairs = given.models.map((theirs) => ({ theirs, ours: models[theirs.output] }));
  const numbers = ({
    intercept,
    coefficients,
    prediction,
  }: Pick<LocalModel, 'intercept' | 'prediction'> & {
    coefficients: ArrayLike<number>;
  }): number[] => [intercept, prediction, ...Array.from(coefficients)];
  return {
    coefficients: Math.max(
      ...pairs.map(({ ours, theirs }) => (ours ? largestDifference(numbers(ours), numbers(theirs)) : Infinity)),
    ),
    scores: Math.max(...pairs.map(({ ours, theirs }) => Math.abs((ours?.score ?? Infinity) - theirs.score))),
    sameFeatures: pairs.every(({ ours, theirs }) => ours?.used.join() === theirs.used.join()),
  };
}
