import { describe, expect, test } from '@jest/globals';
import { graphNames } from '../../../../runtime/training/training-graph.ts';
import { seededRandom } from '../../../support/random.ts';
import { GraphSession, type Outputs } from './graph-session.ts';
import { resNet } from './resnet.ts';

const [width, size, rows, classes] = [16, 64, 4, 10];

function images(): Float32Array {
  const random = seededRandom(11);
  return Float32Array.from({ length: rows * 3 * size * size }, () => random.integer(1_001) / 500 - 1);
}

describe.each([18, 50] as const)('a ResNet-%s', (depth) => {
  test('has a gradient for every weight, and one step against it lowers the loss as much as it says', async () => {
    const options = { loss: 'CrossEntropy', freeze: [], label: { kind: 'Classes', classes } } as const;
    const session = await GraphSession.open(resNet({ depth, width, size, classes }), options);
    const inputs = [{ name: 'image', shape: [rows, 3, size, size], data: images() }];
    const batch = { inputs, labels: BigInt64Array.from({ length: rows }, (_, row) => BigInt(row % classes)) };
    const { entries } = session.graph.layout;
    const trainable = entries.filter(({ kind }) => kind === 'Trainable');
    // Behind each convolution, which has one weight, is a normalisation with two and two statistics; the last layer has two weights.
    const convolutions = { 18: 20, 50: 53 }[depth];
    expect(entries.filter(({ shape }) => shape.length === 4).length).toBe(convolutions);
    expect([trainable.length, entries.length]).toEqual([3 * convolutions + 2, 5 * convolutions + 2]);

    const outputs = await session.step(batch);
    const lossOf = (of: Outputs): number => of.get(graphNames.loss)?.[0] ?? NaN;
    for (const { name } of entries) expect(isAlive(outputs.get(name))).toBe(true);
    const squared = trainable.reduce((sum, { name }) => sum + squaresOf(outputs.get(name)), 0);
    const start = new Map(session.parameters);
    const lossAfter = async (rate: number): Promise<number> => {
      for (const { name } of trainable) {
        const gradient = outputs.get(name) ?? new Float32Array();
        const moved = start.get(name)?.map((weight, index) => weight - rate * (gradient[index] ?? 0));
        session.parameters.set(name, moved ?? new Float32Array());
      }
      return lossOf(await session.step(batch));
    };
    // A hundredth of the loss: smaller steps drown in the rounding of fifty layers.
    const rate = (0.01 * lossOf(outputs)) / squared;
    const [lower, higher] = [await lossAfter(rate), await lossAfter(-rate)];
    expect(lower).toBeLessThan(lossOf(outputs));
    expect((higher - lower) / (2 * rate * squared)).toBeCloseTo(1, 1);

    const evaluated = await session.evaluate(batch);
    expect([evaluated.losses.length, evaluated.predictions.length]).toEqual([rows, rows * classes]);
    await session.close();
  });
});

/** Finite, and not all zeros. */
const isAlive = (values: Float32Array = new Float32Array()): boolean =>
  values.some((value) => value !== 0) && values.every((value) => Number.isFinite(value));

const squaresOf = (values: Float32Array = new Float32Array()): number =>
  values.reduce((sum, value) => sum + value * value, 0);
