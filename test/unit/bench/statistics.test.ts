import { expect, test } from '@jest/globals';
import { quantile } from '../../../bench/statistics.ts';

const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);

test('a quantile is the smallest value that the share of all lies at or below', () => {
  expect(quantile(hundred, 0.5)).toBe(50);
  expect(quantile(hundred, 0.99)).toBe(99);
  expect(quantile(hundred, 1)).toBe(100);
  expect(quantile(hundred, 0)).toBe(1);
  expect(quantile([3], 0.99)).toBe(3);
});

test('nothing has no quantile', () => {
  expect(quantile([], 0.5)).toBeNaN();
});
