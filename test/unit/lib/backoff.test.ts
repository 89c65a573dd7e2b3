import { describe, expect, test } from '@jest/globals';
import { backoffMs } from '../../../lib/backoff.ts';

const options = { baseMs: 100, maxMs: 1_000, jitter: 0.5 };

describe('backoffMs', () => {
  test('doubles from the base to the maximum', () => {
    const waits = [1, 2, 3, 4, 5, 6].map((failures) => backoffMs(failures, options, () => 0.5));
    expect(waits).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  test('stays finite after any number of failures', () => {
    expect(backoffMs(1_000_000, options, () => 0.5)).toBe(1_000);
  });

  test('varies by the jitter to both sides', () => {
    expect([0, 1].map((random) => backoffMs(1, options, () => random))).toEqual([50, 150]);
  });
});
