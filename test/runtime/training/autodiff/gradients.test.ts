import { describe, expect, test } from '@jest/globals';
import { gradientCases } from './cases/all.ts';
import { checkGradients } from './gradient-check.ts';

/** Of the length of the gradient. What float32 leaves of a finite difference is three times as exact; a wrong rule is off by far more. */
const tolerance = 1e-3;

describe('the gradient of every weight is what a finite difference of the loss says', () => {
  test.each(gradientCases.map((one) => [one.name, one] as const))('%s', async (_, gradientCase) => {
    const errors = await checkGradients(gradientCase);
    expect(errors.length).toBeGreaterThan(0);
    expect(errors.filter(({ error, length }) => !(error < tolerance) || length === 0)).toEqual([]);
  });

  test('no two cases have the same name', () => {
    expect(new Set(gradientCases.map(({ name }) => name)).size).toBe(gradientCases.length);
  });
});
