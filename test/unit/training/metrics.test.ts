import { describe, expect, test } from '@jest/globals';
import { addSums, measure, metricsOf, noSums, type EvaluatedRows } from '../../../runtime/training/metrics.ts';
import { uniform } from '../../../runtime/numeric/random.ts';
import type { LabelSpec } from '../../../runtime/training/training-graph.ts';

const classes: LabelSpec = { kind: 'Classes', classes: 4 };
const values: LabelSpec = { kind: 'Values', width: 2 };

const scores = (predicted: readonly number[]): Float32Array =>
  Float32Array.from(predicted.flatMap((chosen) => [0, 1, 2, 3].map((index) => (index === chosen ? 0.5 : -1))));

const classified = (actual: number[], predicted: number[]): EvaluatedRows => ({
  losses: Float32Array.from(actual.keys()),
  predictions: scores(predicted),
  labels: BigInt64Array.from(actual.map(BigInt)),
});

const estimated = (targets: number[], predictions: number[]): EvaluatedRows => ({
  losses: new Float32Array(targets.length / 2),
  predictions: Float32Array.from(predictions),
  labels: Float32Array.from(targets),
});

const slice = (rows: EvaluatedRows, from: number, to: number, width: number): EvaluatedRows => ({
  losses: rows.losses.slice(from, to),
  predictions: rows.predictions.slice(from * width, to * width),
  labels: rows.labels.slice(
    from * (rows.labels.length / rows.losses.length),
    to * (rows.labels.length / rows.losses.length),
  ),
});

describe('metrics of classes', () => {
  // scikit-learn 1.9: accuracy_score 0.5, f1_score(average='macro') 0.41111111.
  const rows = classified([0, 0, 1, 1, 2, 2], [0, 1, 1, 1, 0, 1]);

  test('are those of scikit-learn', () => {
    const { accuracy, f1 } = metricsOf(classes, measure(classes, rows), ['accuracy', 'f1']);
    expect(accuracy).toBe(0.5);
    expect(f1).toBeCloseTo((0.5 + 2 / 3 + 0) / 3, 12);
  });

  test('count no class that neither occurs nor is predicted', () => {
    expect(metricsOf(classes, measure(classes, classified([3, 3], [3, 3])), ['f1']).f1).toBe(1);
    expect(metricsOf(classes, measure(classes, classified([3, 3], [3, 0])), ['f1']).f1).toBeCloseTo(1 / 3, 12);
  });

  test('take the first of equal scores', () => {
    const even = { losses: new Float32Array(1), predictions: new Float32Array(4), labels: BigInt64Array.of(0n) };
    expect(metricsOf(classes, measure(classes, even), ['accuracy']).accuracy).toBe(1);
  });

  test('come with the mean loss', () => {
    expect(metricsOf(classes, measure(classes, rows), [])).toEqual({ loss: 2.5 });
  });
});

describe('metrics of values', () => {
  // The example of scikit-learn's r2_score for several outputs.
  const rows = estimated([0.5, 1, -1, 1, 7, -6], [0, 2, -1, 2, 8, -5]);

  test('are those of scikit-learn', () => {
    const names = ['meanAbsoluteError', 'meanSquaredError', 'r2'] as const;
    const { meanAbsoluteError, meanSquaredError, r2 } = metricsOf(values, measure(values, rows), names);
    expect(meanAbsoluteError).toBeCloseTo(0.75, 12);
    expect(meanSquaredError).toBeCloseTo(0.7083333333, 9);
    expect(r2).toBeCloseTo(0.9368005266622779, 12);
  });

  test('hold for a target that never changes', () => {
    const constant = [0.1, 5, 0.1, 5, 0.1, 5];
    expect(metricsOf(values, measure(values, estimated(constant, constant)), ['r2']).r2).toBe(1);
    expect(metricsOf(values, measure(values, estimated(constant, [0, 5, 0, 5, 0, 5])), ['r2']).r2).toBe(0.5);
  });
});

describe('metric sums', () => {
  const count = 997;
  const rows: EvaluatedRows = {
    losses: uniform(1, ['losses'], count),
    predictions: uniform(1, ['scores'], count * 4),
    labels: BigInt64Array.from(uniform(1, ['labels'], count), (value) => BigInt(Math.floor(value * 4))),
  };

  test('of chunks add up to those of all rows, and to the same bits every time', () => {
    const summed = (): Float64Array => {
      const sums = noSums(classes);
      for (let from = 0; from < count; from += 100) addSums(sums, measure(classes, slice(rows, from, from + 100, 4)));
      return sums;
    };
    expect(summed()).toEqual(summed());
    const names = ['accuracy', 'f1'] as const;
    const [parts, whole] = [summed(), measure(classes, rows)].map((sums) => metricsOf(classes, sums, names));
    expect(parts?.accuracy).toBe(whole?.accuracy);
    expect(parts?.f1).toBe(whole?.f1);
    expect(parts?.loss).toBeCloseTo(whole?.loss ?? 0, 12);
  });

  test('of no rows give no metrics', () => {
    expect(metricsOf(classes, noSums(classes), ['accuracy'])).toEqual({});
  });

  test('are not asked for what their labels cannot tell', () => {
    expect(() => metricsOf(classes, measure(classes, rows), ['r2'])).toThrow('r2 is no metric of Classes');
    const some = estimated([1, 2], [1, 2]);
    expect(() => metricsOf(values, measure(values, some), ['accuracy'])).toThrow('accuracy is no metric of Values');
  });
});
