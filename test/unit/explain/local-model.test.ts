import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fitLocalModels, type FitOptions, type Sample } from '../../../runtime/explain/local-model.ts';
import { normal } from '../../../runtime/numeric/random.ts';

/** Rows at random whose first is at distance 0. */
function sampleOf(seed: number, count: number, features: number): Sample {
  const data = Float64Array.from(normal(seed, ['data'], count * features));
  const distances = Float64Array.from({ length: count }, (_, row) => (row === 0 ? 0 : (row % 7) / 3));
  return { count, features, data, distances };
}

const labelsOf = ({ count, features, data }: Sample, of: (row: Float64Array) => number): Float64Array =>
  Float64Array.from({ length: count }, (_, row) => of(data.subarray(row * features, (row + 1) * features)));

const options = (more: Partial<FitOptions> = {}): FitOptions => ({
  kernelWidth: 2,
  selection: 'none',
  maxFeatures: 100,
  ...more,
});

/** The slope at which the penalised weighted sum of squares is least is where its gradient vanishes. */
function gradient(sample: Sample, labels: Float64Array, coefficients: Float64Array, intercept: number): number[] {
  const { count, features, data, distances } = sample;
  const sums = [...coefficients, 0];
  for (let row = 0; row < count; row++) {
    const weight = Math.exp(-((distances[row] ?? 0) ** 2) / 2 ** 2 / 2);
    const values = [...data.subarray(row * features, (row + 1) * features), 1];
    const predicted = values.reduce(
      (sum, value, i) => sum + value * (i < features ? (coefficients[i] ?? 0) : intercept),
      0,
    );
    values.forEach((value, i) => (sums[i] = (sums[i] ?? 0) + weight * (predicted - (labels[row] ?? 0)) * value));
  }
  return sums;
}

describe('a local model', () => {
  test('is where the penalised weighted squares are least, and the intercept is not penalised', async () => {
    const cases = fc.tuple(fc.nat(), fc.integer({ min: 2, max: 60 }), fc.integer({ min: 1, max: 8 }));
    await fc.assert(
      fc.asyncProperty(cases, async ([seed, count, features]) => {
        const sample = sampleOf(seed, count, features);
        const labels = labelsOf(sample, (row) => 40 + Math.sin(row[0] ?? 0) - (row.at(-1) ?? 0));
        const [model] = await fitLocalModels(sample, labels, options());
        if (!model) throw new Error('no model');
        for (const slope of gradient(sample, labels, model.coefficients, model.intercept))
          expect(slope).toBeCloseTo(0, 8);
      }),
      { numRuns: 30 },
    );
  });

  test('uses the features that explain most one after another, not those that look best alone', async () => {
    const sample = sampleOf(3, 400, 5);
    const { data } = sample;
    for (let row = 0; row < sample.count; row++)
      data[row * 5 + 2] = (data[row * 5] ?? 0) + 0.3 * (data[row * 5 + 1] ?? 0) + 0.05 * (data[row * 5 + 2] ?? 0);
    const labels = labelsOf(sample, (row) => 5 * (row[0] ?? 0) + 1.5 * (row[1] ?? 0) + 0.8 * (row[3] ?? 0));
    const [forward] = await fitLocalModels(sample, labels, options({ selection: 'forward_selection', maxFeatures: 2 }));
    expect([...(forward?.used ?? [])].sort()).toEqual([2, 3]);
    expect(forward?.score).toBeGreaterThan(0.97);
    expect([...(forward?.coefficients ?? [])].filter((value) => value !== 0)).toHaveLength(2);
  });

  test('is chosen forward for up to six features and by weight for more, unless told', async () => {
    const sample = sampleOf(4, 300, 9);
    sample.data.fill(0.001, 0, 1);
    const labels = labelsOf(sample, (row) => 3 * (row[0] ?? 0) + 0.2 * (row[1] ?? 0) + 0.1 * (row[2] ?? 0));
    const usedBy = async (more: Partial<FitOptions>): Promise<readonly number[]> =>
      (await fitLocalModels(sample, labels, options(more)))[0]?.used ?? [];
    expect(await usedBy({ selection: 'auto', maxFeatures: 1 })).toEqual([0]);
    expect(await usedBy({ selection: 'highest_weights', maxFeatures: 1 })).not.toEqual([0]);
    expect(await usedBy({ selection: 'auto', maxFeatures: 6 })).toEqual(
      await usedBy({ selection: 'forward_selection', maxFeatures: 6 }),
    );
    expect(await usedBy({ selection: 'auto', maxFeatures: 7 })).toEqual(
      await usedBy({ selection: 'highest_weights', maxFeatures: 7 }),
    );
    expect(await usedBy({ selection: 'none', maxFeatures: 1 })).toHaveLength(9);
  });

  test('is chosen by what features do to the instance, where small deviations count almost in full', async () => {
    const sample = sampleOf(8, 60, 2);
    for (let row = 0; row < 60; row++) sample.data[row * 2] = (sample.data[row * 2] ?? 0) / 15;
    sample.data.set([0.1, 0.1]);
    const labels = labelsOf(sample, (row) => 10 * (row[0] ?? 0) + 6 * (row[1] ?? 0));
    const [model] = await fitLocalModels(sample, labels, options({ selection: 'highest_weights', maxFeatures: 1 }));
    expect(model?.used).toEqual([0]);
  });

  test('of labels that are all the same has no slope and misses nothing', async () => {
    const sample = sampleOf(5, 50, 3);
    const [model] = await fitLocalModels(sample, new Float64Array(50).fill(0.25), options({ selection: 'auto' }));
    expect([...(model?.coefficients ?? [])]).toEqual([0, 0, 0]);
    expect(model).toMatchObject({ intercept: 0.25, prediction: 0.25, score: 1 });
  });

  test.each(['auto', 'forward_selection', 'highest_weights', 'none'] as const)(
    'survives features that say nothing and features that say the same, selected by %s',
    async (selection) => {
      const sample = sampleOf(6, 80, 4);
      for (let row = 0; row < 80; row++) {
        sample.data[row * 4 + 1] = 1;
        sample.data[row * 4 + 3] = sample.data[row * 4] ?? 0;
      }
      const labels = labelsOf(sample, (row) => 2 * (row[0] ?? 0));
      const [model] = await fitLocalModels(sample, labels, options({ selection, maxFeatures: 4 }));
      expect(model?.score).toBeGreaterThan(0.99);
      expect([...(model?.used ?? [])].sort()).toEqual([0, 1, 2, 3]);
      expect(model?.coefficients[1]).toBeCloseTo(0, 9);
      expect((model?.coefficients[0] ?? 0) + (model?.coefficients[3] ?? 0)).toBeCloseTo(2, 0);
    },
  );

  test('of a kernel that sees only the instance is the label there', async () => {
    const sample = {
      ...sampleOf(7, 40, 3),
      distances: Float64Array.from({ length: 40 }, (_, row) => (row === 0 ? 0 : 1e6)),
    };
    const labels = labelsOf(sample, (row) => row[0] ?? 0);
    const [model] = await fitLocalModels(sample, labels, options({ kernelWidth: 1 }));
    expect(model?.prediction).toBeCloseTo(labels[0] ?? NaN, 12);
  });
});
