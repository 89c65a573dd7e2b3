import type { MetricName } from '../training-contract.ts';
import type { LabelSpec } from './training-graph.ts';

/** What the evaluation graph says of some rows, and their labels. */
export interface EvaluatedRows {
  /** [rows] */
  losses: Float32Array;
  /** [rows, width], row-major; of classes the scores. */
  predictions: Float32Array;
  /** Class numbers [rows], or targets [rows, width]. */
  labels: BigInt64Array | Float32Array;
}

/**
 * All that metrics are made of, as a list of numbers of one length for one `LabelSpec`. The sums of a split are those of its chunks
 * added element by element, always in the same order for the same bits.
 */
export type MetricSums = Float64Array;

/** Where each sum lies. Of classes: three counts for each class. Of values: three sums for each column. */
const rows = 0;
const loss = 1;
/** Rows whose class was predicted, or the sum of absolute errors. */
const hitsOrErrors = 2;
const firstOfEach = 3;

const lengthOfEach = (label: LabelSpec): number => (label.kind === 'Classes' ? label.classes : label.width);

export const noSums = (label: LabelSpec): MetricSums => new Float64Array(firstOfEach + 3 * lengthOfEach(label));

export function addSums(target: MetricSums, source: MetricSums): void {
  for (const [index, value] of source.entries()) increase(target, index, value);
}

const increase = (sums: MetricSums, index: number, by: number): void => {
  sums[index] = (sums[index] ?? 0) + by;
};

export function measure(label: LabelSpec, evaluated: EvaluatedRows): MetricSums {
  const sums = noSums(label);
  const { losses } = evaluated;
  increase(sums, rows, losses.length);
  for (const value of losses) increase(sums, loss, value);
  if (label.kind === 'Classes') measureClasses(sums, label.classes, evaluated);
  else measureValues(sums, label.width, evaluated);
  return sums;
}

/** For each class: rows that are of it and were predicted as it, rows that were predicted as it, rows that are of it. */
function measureClasses(sums: MetricSums, classes: number, { losses, predictions, labels }: EvaluatedRows): void {
  for (let row = 0; row < losses.length; row++) {
    const actual = Number(labels[row]);
    const predicted = indexOfMax(predictions.subarray(row * classes, (row + 1) * classes));
    if (predicted === actual) {
      increase(sums, hitsOrErrors, 1);
      increase(sums, firstOfEach + actual, 1);
    }
    increase(sums, firstOfEach + classes + predicted, 1);
    increase(sums, firstOfEach + 2 * classes + actual, 1);
  }
}

/** The first of the largest. */
function indexOfMax(scores: Float32Array): number {
  let best = 0;
  for (const [index, score] of scores.entries()) if (score > (scores[best] ?? 0)) best = index;
  return best;
}

/** For each column: squared errors, targets, squared targets. */
function measureValues(sums: MetricSums, width: number, { predictions, labels }: EvaluatedRows): void {
  for (const [index, prediction] of predictions.entries()) {
    const column = index % width;
    const target = Number(labels[index]);
    const error = prediction - target;
    increase(sums, hitsOrErrors, Math.abs(error));
    increase(sums, firstOfEach + column, error * error);
    increase(sums, firstOfEach + width + column, target);
    increase(sums, firstOfEach + 2 * width + column, target * target);
  }
}

/**
 * `loss` and the named metrics; nothing where there were no rows. `f1` is the mean over the classes that occur or were predicted; `r2`
 * is the mean over the columns.
 */
export function metricsOf(label: LabelSpec, sums: MetricSums, names: readonly MetricName[]): Record<string, number> {
  if (at(sums, rows) === 0) return {};
  const values = names.map((name) => [name, valueOf(name, label, sums)] as const);
  return { loss: at(sums, loss) / at(sums, rows), ...Object.fromEntries(values) };
}

const at = (sums: MetricSums, index: number): number => sums[index] ?? 0;

function valueOf(name: MetricName, label: LabelSpec, sums: MetricSums): number {
  const each = lengthOfEach(label);
  const [first, second, third] = [0, 1, 2].map((part) =>
    sums.subarray(firstOfEach + part * each, firstOfEach + (part + 1) * each),
  ) as [MetricSums, MetricSums, MetricSums];
  const ofClasses = name === 'accuracy' || name === 'f1';
  if (ofClasses !== (label.kind === 'Classes')) throw new Error(`${name} is no metric of ${label.kind}`);
  switch (name) {
    case 'accuracy':
      return at(sums, hitsOrErrors) / at(sums, rows);
    case 'f1':
      return macroF1(first, second, third);
    case 'meanAbsoluteError':
      return at(sums, hitsOrErrors) / (at(sums, rows) * each);
    case 'meanSquaredError':
      return mean(first) / at(sums, rows);
    case 'r2':
      return mean(
        first.map((error, column) => determination(error, at(second, column), at(third, column), at(sums, rows))),
      );
  }
}

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

function macroF1(hits: MetricSums, predicted: MetricSums, actual: MetricSums): number {
  const seen = [...hits.keys()].filter((index) => at(predicted, index) + at(actual, index) > 0);
  return mean(seen.map((index) => (2 * at(hits, index)) / (at(predicted, index) + at(actual, index))));
}

/** Deviations that are smaller than this part of the targets, squared, are those of rounding. */
const noise = 1e-13;

/** 1 - squared errors / squared deviations from the mean; for a constant target 1 if it was always met, and 0 otherwise. */
function determination(squaredErrors: number, targets: number, squaredTargets: number, count: number): number {
  const deviations = squaredTargets - (targets * targets) / count;
  if (deviations > squaredTargets * noise) return 1 - squaredErrors / deviations;
  return squaredErrors === 0 ? 1 : 0;
}
