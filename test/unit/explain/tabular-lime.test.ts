import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { explain } from '../../../runtime/explain/explain.ts';
import { binOf, quartileBins } from '../../../runtime/explain/quartiles.ts';
import type { LimeOptions, TabularRequest } from '../../../runtime/explain/request.ts';
import { columnsOf, tabularNeighbourhood } from '../../../runtime/explain/tabular-neighbourhood.ts';
import { normal, uniform } from '../../../runtime/numeric/random.ts';
import { rowByRow } from './network.ts';

const samples = 2_000;

/** Three columns: normal numbers, a category of 0, 1 or 2, and one value only. */
function request(lime: LimeOptions = {}): TabularRequest {
  const count = 400;
  const [numbers, categories] = [normal(1, ['numbers'], count), uniform(1, ['categories'], count)];
  const background = new Float32Array(3 * count);
  for (let row = 0; row < count; row++) {
    const share = categories[row] ?? 0;
    background.set([10 + 3 * (numbers[row] ?? 0), share < 0.6 ? 0 : share < 0.9 ? 1 : 2, 7], 3 * row);
  }
  const rows = Float32Array.from([10.5, 1, 7]);
  return { kind: 'tabular', method: 'lime', seed: 2, features: 3, rows, background, categorical: [1], samples, lime };
}

async function neighbours(
  given: TabularRequest,
): Promise<{ columns: number[][]; seen: number[][]; distances: Float64Array }> {
  const drawing = { samples, seed: given.seed, signal: undefined };
  const { sample, rows } = await tabularNeighbourhood(columnsOf(given), given.rows, drawing);
  const batch = rows.batch(0, samples);
  const column = (of: ArrayLike<number>, feature: number): number[] =>
    Array.from({ length: samples }, (_, row) => of[3 * row + feature] ?? NaN);
  return {
    columns: [0, 1, 2].map((feature) => column(batch, feature)),
    seen: [0, 1, 2].map((feature) => column(sample.data, feature)),
    distances: sample.distances,
  };
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: readonly number[]): number =>
  Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
const shareOf = (values: readonly number[], wanted: number): number =>
  values.filter((value) => value === wanted).length / values.length;

describe('the neighbourhood of a row of numbers', () => {
  test('begins with the row itself, at no distance', async () => {
    for (const discretize of [true, false]) {
      const { columns, distances, seen } = await neighbours(request({ discretize }));
      expect(columns.map(([first]) => first)).toEqual([10.5, 1, 7]);
      expect(distances[0]).toBe(0);
      if (discretize) expect(seen.map(([first]) => first)).toEqual([1, 1, 1]);
    }
  });

  test('has numbers of each quarter of the background as often, within what the background has there', async () => {
    const { columns, seen } = await neighbours(request());
    const background = Float64Array.from(request().background.filter((_, at) => at % 3 === 0));
    const bins = quartileBins(background);
    const drawn = columns[0]?.slice(1) ?? [];
    for (let bin = 0; bin < 4; bin++) {
      const within = drawn.filter((value) => binOf(bins.edges, value) === bin);
      expect(within.length / drawn.length).toBeCloseTo(0.25, 1);
      expect(Math.min(...within)).toBeGreaterThanOrEqual((bins.lowest[bin] ?? 0) - 1e-6);
      expect(Math.max(...within)).toBeLessThanOrEqual((bins.highest[bin] ?? 0) + 1e-6);
      expect(Math.abs(mean(within) - (bins.mean[bin] ?? 0))).toBeLessThan((bins.deviation[bin] ?? 0) / 2);
    }
    const own = binOf(bins.edges, 10.5);
    expect(seen[0]?.slice(1)).toEqual(drawn.map((value) => (binOf(bins.edges, value) === own ? 1 : 0)));
  });

  test('has categories as often as the background, and sees whether they are the row’s', async () => {
    const { columns, seen } = await neighbours(request());
    expect(shareOf(columns[1] ?? [], 0)).toBeCloseTo(0.6, 1);
    expect(shareOf(columns[1] ?? [], 2)).toBeCloseTo(0.1, 1);
    expect(seen[1]).toEqual(columns[1]?.map((value) => (value === 1 ? 1 : 0)));
  });

  test('leaves a column alone that has one value', async () => {
    const { columns, seen } = await neighbours(request());
    expect(new Set(columns[2])).toEqual(new Set([7]));
    expect(new Set(seen[2])).toEqual(new Set([1]));
  });

  test('has, without quarters, numbers with the background’s mean and deviation, seen standardised', async () => {
    const { columns, seen } = await neighbours(request({ discretize: false }));
    expect(mean(columns[0] ?? [])).toBeCloseTo(10, 0);
    expect(deviation(columns[0] ?? [])).toBeCloseTo(3, 0);
    expect(deviation(seen[0]?.slice(1) ?? [])).toBeCloseTo(1, 1);
    const restored = seen[0]?.map((value) => 10.5 + 3 * (value - (seen[0]?.[0] ?? 0))) ?? [];
    columns[0]?.forEach((value, row) => (restored[row] = Math.abs(value - (restored[row] ?? NaN))));
    expect(Math.max(...restored)).toBeLessThan(1);
  });

  test('is as far away as what is seen differs', async () => {
    const { seen, distances } = await neighbours(request());
    const differing = Array.from(distances.keys(), (row) => seen.filter((column) => column[row] !== column[0]).length);
    expect([...distances]).toEqual(differing.map(Math.sqrt));
  });

  test('can be drawn from any background, however degenerate', async () => {
    const value = fc.oneof(
      fc.constantFrom(0, 1, -1, 1e6, 1e-30),
      fc.float({ min: Math.fround(-1e30), max: Math.fround(1e30), noNaN: true }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(value, { minLength: 1, maxLength: 12 }),
        value,
        fc.boolean(),
        async (column, own, discretize) => {
          const given: TabularRequest = {
            ...request({ discretize }),
            features: 1,
            rows: Float32Array.from([own]),
            background: Float32Array.from(column),
            categorical: [],
          };
          const { rows, sample } = await tabularNeighbourhood(columnsOf(given), given.rows, {
            samples: 40,
            seed: 1,
            signal: undefined,
          });
          expect(sample.data.every(Number.isFinite)).toBe(true);
          const drawn = [...rows.batch(1, 40)];
          if (!discretize) return;
          expect(Math.min(...drawn)).toBeGreaterThanOrEqual(Math.min(...given.background));
          expect(Math.max(...drawn)).toBeLessThanOrEqual(Math.max(...given.background));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('LIME on rows of numbers', () => {
  const model = rowByRow(([number = 0, category = 0]) => [number > 10 ? 1 : 0, category === 1 ? 5 : 0]);

  test('finds what a model looks at, and says of which range or value it is', async () => {
    const answer = await explain(request(), model);
    const coefficient = (feature: number, output: number): number => answer.attributions[feature * 2 + output] ?? NaN;
    expect(coefficient(0, 0)).toBeGreaterThan(0.3);
    expect(coefficient(1, 1)).toBeCloseTo(5, 1);
    expect(Math.abs(coefficient(1, 0))).toBeLessThan(0.05);
    expect(Math.abs(coefficient(0, 1))).toBeLessThan(0.05);
    expect(Math.abs(coefficient(2, 0))).toBeLessThan(1e-9);
    const [number, category, constant] = answer.conditions?.[0] ?? [];
    expect(number?.above).toBeLessThan(10.5);
    expect(number?.upTo).toBeGreaterThanOrEqual(10.5);
    expect(category).toEqual({ equals: 1 });
    expect(constant).toEqual({ upTo: 7 });
    expect(answer.local?.scores[1]).toBeGreaterThan(0.99);
    expect(answer.local?.predictions[1]).toBeCloseTo(5, 1);
    expect(answer.evaluations).toBe(1 + samples);
  });

  test('uses no more features than it may', async () => {
    const answer = await explain(request({ features: 1 }), model);
    expect([...answer.attributions].filter((value) => value !== 0)).toHaveLength(2);
    expect(answer.attributions[0]).toBeGreaterThan(0.3);
    expect(answer.attributions[3]).toBeGreaterThan(4);
  });

  test('says how far its model is from the prediction', async () => {
    const { additivityError, local, predictions, baseValues, attributions } = await explain(request(), model);
    const sum = (baseValues[0] ?? 0) + (attributions[0] ?? 0) + (attributions[2] ?? 0) + (attributions[4] ?? 0);
    expect(local?.predictions[0]).toBeCloseTo(sum, 9);
    const error = Math.abs(sum - (predictions[0] ?? 0)) / Math.max(Math.abs(baseValues[0] ?? 0), predictions[0] ?? 0);
    expect(additivityError[0]).toBeCloseTo(error, 9);
  });

  test('is a line about the mean where numbers stay numbers', async () => {
    const linear = rowByRow(([number = 0]) => [4 + 2 * number]);
    const answer = await explain(request({ discretize: false, kernelWidth: 50 }), linear);
    expect(answer.attributions[0]).toBeCloseTo(2 * 3, 0);
    expect(answer.conditions).toEqual([[{}, { equals: 1 }, {}]]);
    expect(answer.local?.predictions[0]).toBeCloseTo(25, 1);
  });
});
