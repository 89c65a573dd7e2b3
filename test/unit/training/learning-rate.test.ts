import { describe, expect, test } from '@jest/globals';
import { learningRateAt } from '../../../runtime/training/learning-rate.ts';
import type { OptimizerSpec } from '../../../runtime/training-contract.ts';

type Name = OptimizerSpec['schedule']['name'];

const rates = (name: Name, warmupSteps: number, totalSteps: number, learningRate = 1): number[] =>
  Array.from({ length: totalSteps }, (_, index) =>
    learningRateAt({ learningRate, schedule: { name, warmupSteps } }, index + 1, totalSteps),
  );

describe('the learning rate', () => {
  test('stays where it is without a schedule', () => {
    expect(rates('Constant', 0, 4, 0.1)).toEqual([0.1, 0.1, 0.1, 0.1]);
  });

  test('falls in a line from the first step to 0 at the last', () => {
    expect(rates('Linear', 0, 5)).toEqual([1, 0.75, 0.5, 0.25, 0]);
  });

  test('falls along a cosine from the first step to 0 at the last', () => {
    const cosine = rates('Cosine', 0, 5, 2);
    [2, 1 + Math.SQRT1_2, 1, 1 - Math.SQRT1_2, 0].forEach((expected, index) =>
      expect(cosine[index]).toBeCloseTo(expected, 14),
    );
    expect(cosine.at(-1)).toBe(0);
  });

  test.each<Name>(['Constant', 'Linear', 'Cosine'])('rises in a line over the warm-up of %s', (name) => {
    expect(rates(name, 4, 9).slice(0, 4)).toEqual([0.25, 0.5, 0.75, 1]);
  });

  test.each<Name>(['Linear', 'Cosine'])('falls to 0 after the warm-up of %s', (name) => {
    const after = rates(name, 4, 9).slice(3);
    expect(after[0]).toBe(1);
    expect(after.at(-1)).toBe(0);
    expect(after).toEqual(after.toSorted((a, b) => b - a));
  });

  test.each<Name>(['Constant', 'Linear', 'Cosine'])('is a number however short the job of %s', (name) => {
    expect(rates(name, 0, 1)).toEqual([1]);
    expect(rates(name, 1, 1)).toEqual([1]);
    expect(rates(name, 10, 2)).toEqual([0.1, 0.2]);
  });
});
