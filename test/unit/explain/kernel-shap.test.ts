import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { explain } from '../../../runtime/explain/explain.ts';
import type { Explanation } from '../../../runtime/explain/request.ts';
import { normal, uniform } from '../../../runtime/numeric/random.ts';
import { exactShapley, interventional } from './exact-shapley.ts';
import { applyNetwork, rowByRow } from './network.ts';

type Of = (row: Float32Array) => readonly number[];

interface Given {
  features: number;
  rows: readonly number[];
  background: readonly number[];
  samples?: number;
  seed?: number;
}

const shap = (of: Of, { features, rows, background, samples, seed = 0 }: Given): Promise<Explanation> =>
  explain(
    {
      kind: 'tabular',
      method: 'kernel_shap',
      seed,
      features,
      rows: Float32Array.from(rows),
      background: Float32Array.from(background),
      ...(samples !== undefined && { samples }),
    },
    rowByRow(of),
  );

/** A game as a model: the features that are 1 are the players that are there. */
const game =
  (values: readonly number[]): Of =>
  (row) => [values[row.reduce((coalition, present, player) => coalition + (present === 1 ? 2 ** player : 0), 0)] ?? 0];

const play = (players: number, values: readonly number[], samples?: number): Promise<Explanation> =>
  shap(game(values), {
    features: players,
    rows: new Array<number>(players).fill(1),
    background: new Array<number>(players).fill(0),
    ...(samples !== undefined && { samples }),
  });

const anyValue = fc.double({ min: -100, max: 100, noNaN: true });
const anyGame = fc
  .integer({ min: 1, max: 10 })
  .chain((players) =>
    fc.tuple(fc.constant(players), fc.array(anyValue, { minLength: 2 ** players, maxLength: 2 ** players })),
  );

function expectClose(actual: Iterable<number>, expected: Iterable<number>, digits = 9): void {
  const [ours, theirs] = [[...actual], [...expected]];
  expect(ours).toHaveLength(theirs.length);
  theirs.forEach((value, index) => expect(ours[index]).toBeCloseTo(value, digits));
}

describe('KernelSHAP', () => {
  test('gives the Shapley values of any game of up to ten players', async () => {
    await fc.assert(
      fc.asyncProperty(anyGame, async ([players, values]) => {
        const { attributions, baseValues, predictions } = await play(players, values);
        expectClose(
          attributions,
          exactShapley(players, (coalition) => values[coalition] ?? 0),
        );
        expectClose(baseValues, [values[0] ?? NaN]);
        expectClose(predictions, [values.at(-1) ?? NaN]);
      }),
      { numRuns: 60 },
    );
  });

  test('adds up to the prediction, also where coalitions are sampled', async () => {
    const games = fc.tuple(fc.integer({ min: 2, max: 40 }), fc.nat(), fc.constantFrom(undefined, 90, 101, 400));
    await fc.assert(
      fc.asyncProperty(games, async ([features, seed, samples]) => {
        const weights = normal(seed, ['weights'], features);
        const of: Of = (row) => {
          const sum = row.reduce((total, value, i) => total + value * (weights[i] ?? 0), 0);
          return [Math.tanh(sum), 1e6 + 1e3 * sum * sum, 1e-9 * Math.sin(sum)];
        };
        const rows = normal(seed, ['rows'], features);
        const answer = await shap(of, {
          features,
          seed,
          rows: [...rows],
          background: [...normal(seed, ['background'], 3 * features)],
          ...(samples !== undefined && { samples }),
        });
        for (const error of answer.additivityError) expect(error).toBeLessThan(1e-9);
        for (let output = 0; output < 3; output++) {
          let sum = answer.baseValues[output] ?? 0;
          for (let feature = 0; feature < features; feature++) sum += answer.attributions[feature * 3 + output] ?? 0;
          const prediction = of(rows)[output] ?? 0;
          expect(Math.abs(sum - prediction)).toBeLessThanOrEqual(1e-6 * Math.max(Math.abs(prediction), 1e-9));
        }
      }),
      { numRuns: 30 },
    );
  });

  test('gives players with the same effect the same share', async () => {
    await fc.assert(
      fc.asyncProperty(anyGame, async ([players, values]) => {
        const swapped = (coalition: number): number =>
          (coalition & ~3) | ((coalition & 1) << 1) | ((coalition >> 1) & 1);
        const symmetric = values.map((value, coalition) => (value + (values[swapped(coalition)] ?? 0)) / 2);
        fc.pre(players > 1);
        const { attributions } = await play(players, symmetric);
        expect(attributions[0]).toBeCloseTo(attributions[1] ?? NaN, 9);
      }),
      { numRuns: 30 },
    );
  });

  test('gives a player without an effect nothing', async () => {
    await fc.assert(
      fc.asyncProperty(anyGame, fc.nat(), async ([players, values], which) => {
        const dummy = 1 << (which % players);
        const without = values.map((_, coalition) => values[coalition & ~dummy] ?? 0);
        const { attributions } = await play(players, without);
        expect(attributions[which % players]).toBeCloseTo(0, 9);
      }),
      { numRuns: 30 },
    );
  });

  test.each([[5], [40], [120]])(
    'of a linear model is weight times distance from the mean, for %d features',
    async (features) => {
      const weights = normal(1, ['weights'], features);
      const rows = normal(2, ['rows'], 2 * features);
      const background = normal(3, ['background'], 7 * features);
      const answer = await shap((row) => [row.reduce((sum, value, i) => sum + value * (weights[i] ?? 0), 0.5)], {
        features,
        rows: [...rows],
        background: [...background],
      });
      const mean = (feature: number): number =>
        Array.from({ length: 7 }, (_, row) => background[row * features + feature] ?? 0).reduce((a, b) => a + b) / 7;
      const expected = [...rows.entries()].map(
        ([at, value]) => (weights[at % features] ?? 0) * (value - mean(at % features)),
      );
      expectClose(answer.attributions, expected);
    },
  );

  test('takes the mean over the background of what a model makes of mixed rows', async () => {
    const network = {
      weights: [
        Array.from({ length: 7 }, (_, i) => [...normal(4, ['first', i], 5)]),
        Array.from({ length: 5 }, (_, i) => [...normal(4, ['last', i], 2)]),
      ],
      biases: [[...normal(4, ['bias'], 5)], [0.1, -0.2]],
      softmax: true,
    };
    const row = [...normal(5, ['row'], 7)];
    const background = Array.from({ length: 4 }, (_, i) => [...normal(5, ['background', i], 7)]);
    const answer = await shap((given) => applyNetwork(network, given), {
      features: 7,
      rows: row,
      background: background.flat(),
    });
    for (const output of [0, 1]) {
      const of = (given: number[]): number => applyNetwork(network, given)[output] ?? 0;
      const exact = exactShapley(7, interventional(of, row, background));
      expectClose(
        answer.attributions.filter((_, at) => at % 2 === output),
        exact,
      );
    }
  });

  test('spends no samples on features in which the instance is like all of the background', async () => {
    const seen: number[][] = [];
    const of: Of = (row) => {
      seen.push([...row]);
      return [row.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value ** 2), 0)];
    };
    const answer = await shap(of, {
      features: 5,
      rows: [1, 7, 2, NaN, 3],
      background: [0, 7, 0, NaN, 0, 5, 7, 5, NaN, 5],
    });
    expect(answer.evaluations).toBe(1 + 2 + 2 * 6);
    expect(answer.attributions[1]).toBe(0);
    expect(answer.attributions[3]).toBe(0);
    expect(seen.every((row) => row[1] === 7)).toBe(true);
  });

  test('needs no sampling where one feature varies or none', async () => {
    const one = await shap((row) => [2 * (row[0] ?? 0)], { features: 2, rows: [3, 1], background: [0, 1, 1, 1] });
    expect([...one.attributions]).toEqual([5, 0]);
    const none = await shap((row) => [2 * (row[0] ?? 0)], { features: 2, rows: [3, 1], background: [3, 1] });
    expect([...none.attributions]).toEqual([0, 0]);
    expect([...none.additivityError]).toEqual([0]);
  });

  test('explains a row no differently for the rows beside it', async () => {
    const of: Of = (row) => [Math.sin(row[0] ?? 0) * (row[1] ?? 0) + (row[2] ?? 0) ** 2, row[0] ?? 0];
    const background = [...normal(6, ['background'], 12)];
    const rows = [...normal(6, ['rows'], 9)];
    const together = await shap(of, { features: 3, rows, background });
    for (const row of [0, 1, 2]) {
      const alone = await shap(of, { features: 3, rows: rows.slice(3 * row, 3 * row + 3), background });
      expect(together.attributions.subarray(6 * row, 6 * row + 6)).toEqual(alone.attributions);
    }
  });

  test('comes close to the Shapley values by sampling, closer with more samples, and the same for the same seed', async () => {
    const players = 13;
    const values = [...uniform(8, ['game'], 2 ** players)];
    const smooth = values.map((value, coalition) => Math.sqrt(coalition) / 20 + 0.1 * value);
    const exact = exactShapley(players, (coalition) => smooth[coalition] ?? 0);
    const error = ({ attributions }: Explanation): number =>
      Math.sqrt(exact.reduce((sum, value, i) => sum + (value - (attributions[i] ?? 0)) ** 2, 0) / players);
    const [few, many] = [await play(players, smooth, 200), await play(players, smooth, 4_000)];
    expect(error(many)).toBeLessThan(error(few) / 3);
    expect(error(many)).toBeLessThan(0.005);
    expect((await play(players, smooth, 200)).attributions).toEqual(few.attributions);
  });
});
