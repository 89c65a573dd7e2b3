import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { automaticSamples, coalitions, fewestSamples, type Coalitions } from '../../../runtime/explain/coalitions.ts';

const maskOf = ({ masks, count }: Coalitions, mask: number): Uint8Array => {
  const parts = masks.length / count;
  return masks.subarray(mask * parts, (mask + 1) * parts);
};
const sizeOf = (mask: Uint8Array): number => mask.reduce((sum, part) => sum + part, 0);
const everyMask = (chosen: Coalitions): Uint8Array[] =>
  Array.from({ length: chosen.count }, (_, mask) => maskOf(chosen, mask));

/** Of all coalitions of one size, up to a factor that is the same for all sizes. */
const kernelWeight = (parts: number, size: number): number => (parts - 1) / (size * (parts - size));

function weightBySize(chosen: Coalitions): Map<number, number> {
  const sums = new Map<number, number>();
  everyMask(chosen).forEach((mask, index) => {
    sums.set(sizeOf(mask), (sums.get(sizeOf(mask)) ?? 0) + (chosen.weights[index] ?? 0));
  });
  return sums;
}

describe('coalitions', () => {
  test.each([2, 3, 4, 5, 8, 11])('of %d parts are all that there are, unless fewer are asked for', (parts) => {
    const chosen = coalitions(parts, automaticSamples(parts), 0);
    const names = everyMask(chosen).map((mask) => mask.join(''));
    expect(chosen.count).toBe(2 ** parts - 2);
    expect(new Set(names).size).toBe(chosen.count);
    expect(names).not.toContain('0'.repeat(parts));
    expect(names).not.toContain('1'.repeat(parts));
  });

  test.each([12, 13, 30, 101])('of %d parts are as many as the reference takes', (parts) => {
    expect(coalitions(parts, automaticSamples(parts), 0).count).toBe(2 * parts + 2_048);
  });

  const sampled = fc.integer({ min: 2, max: 40 }).chain((parts) => {
    const most = Math.min(600, 2 ** parts - 2);
    return fc.tuple(fc.constant(parts), fc.integer({ min: fewestSamples(parts), max: most }), fc.nat());
  });

  test('differ from each other, come with their complements, and are no more than asked for', () => {
    fc.assert(
      fc.property(sampled, ([parts, samples, seed]) => {
        const chosen = coalitions(parts, samples, seed);
        const masks = everyMask(chosen);
        expect(chosen.count).toBe(samples - (samples % 2));
        expect(new Set(masks.map((mask) => mask.join(''))).size).toBe(chosen.count);
        for (let mask = 0; mask < chosen.count; mask += 2)
          expect(masks[mask]?.map((part) => 1 - part)).toEqual(masks[mask + 1]);
      }),
    );
  });

  test('always have every part alone, so that the regression has one solution', () => {
    fc.assert(
      fc.property(sampled, ([parts, samples, seed]) => {
        const alone = everyMask(coalitions(parts, samples, seed)).filter((mask) => sizeOf(mask) === 1);
        expect(alone).toHaveLength(parts);
      }),
    );
  });

  test('weigh 1 together, and each size as much as the Shapley kernel gives it, however few are drawn of it', () => {
    for (const [parts, samples] of [
      [6, 62],
      [7, 126],
      [14, 1_500],
      [15, 900],
      [30, 2_108],
    ] as const) {
      const chosen = coalitions(parts, samples, 3);
      const sums = weightBySize(chosen);
      const total = Array.from({ length: parts - 1 }, (_, index) => kernelWeight(parts, index + 1)).reduce(
        (a, b) => a + b,
      );
      expect([...sums.values()].reduce((a, b) => a + b)).toBeCloseTo(1, 12);
      expect(sums.size).toBe(parts - 1);
      for (const [size, weight] of sums) expect(weight).toBeCloseTo(kernelWeight(parts, size) / total, 12);
    }
  });

  test('are drawn by the seed: the same again, others for another', () => {
    const masks = (seed: number): string => coalitions(20, 500, seed).masks.join('');
    expect(masks(1)).toBe(masks(1));
    expect(masks(1)).not.toBe(masks(2));
  });

  test('hold every part as often as any other', () => {
    const counts = new Float64Array(16);
    for (let seed = 0; seed < 60; seed++) {
      for (const mask of everyMask(coalitions(16, 400, seed)).filter((_, index) => index % 2 === 0))
        if (sizeOf(mask) === 7) mask.forEach((kept, part) => (counts[part] = (counts[part] ?? 0) + kept));
    }
    const mean = counts.reduce((a, b) => a + b) / counts.length;
    const chiSquare = counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
    expect(mean).toBeGreaterThan(300);
    expect(chiSquare).toBeLessThan(37);
  });
});
