import { describe, expect, test } from '@jest/globals';
import { cosineOfPi, logarithm, power } from '../../../runtime/numeric/exact-math.ts';

const across = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count + 1 }, (_, index) => from + ((to - from) * index) / count);

describe('exact mathematics agrees with that of the engine', () => {
  test('cosines to 1e-15, and to the bit where a schedule ends', () => {
    for (const x of across(-1, 1, 2_000)) expect(Math.abs(cosineOfPi(x) - Math.cos(Math.PI * x))).toBeLessThan(1e-15);
    expect([-1, 0, 1].map(cosineOfPi)).toEqual([-1, 1, -1]);
  });

  test('logarithms to 1e-15, from the smallest fraction that is drawn', () => {
    for (const exponent of across(-33, 40, 2_000)) {
      const x = 2 ** exponent;
      const expected = Math.log(x);
      expect(Math.abs(logarithm(x) - expected)).toBeLessThanOrEqual(1e-15 * Math.max(1, Math.abs(expected)));
    }
  });

  test('powers to the rounding of their multiplications', () => {
    for (const base of [0, 0.5, 0.9, 0.999, 1])
      for (const exponent of [0, 1, 2, 3, 100, 12_345, 10_000_000])
        expect(power(base, exponent)).toBeCloseTo(base ** exponent, 9);
    expect([0, 1, 2, 3, 4, 5].map((exponent) => power(3, exponent))).toEqual([1, 3, 9, 27, 81, 243]);
  });
});
