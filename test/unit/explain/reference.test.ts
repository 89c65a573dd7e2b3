import { describe, expect, test } from '@jest/globals';
import { maskNeighbourhood, regionMasks, wordMasks } from '../../../runtime/explain/neighbourhood.ts';
import { binOf, quartileBins } from '../../../runtime/explain/quartiles.ts';
import { quickshift } from '../../../runtime/explain/quickshift.ts';
import { textSubjects } from '../../../runtime/explain/text.ts';
import { largestDifference, limeDifference, readReference, shapDifference } from './reference-cases.ts';

const reference = readReference();

describe('beside the Python package shap', () => {
  test.each(reference.shap)('KernelSHAP is the same where coalitions are complete: $name', async (given) => {
    expect(await shapDifference(given)).toBeLessThan(1e-9);
  });
});

describe('beside the Python package lime', () => {
  test.each(reference.lime)('local models are the same from the same neighbourhood: $name', async (given) => {
    const { coefficients, scores, sameFeatures } = await limeDifference(given);
    expect(coefficients).toBeLessThan(1e-9);
    expect(scores).toBeLessThan(1e-9);
    expect(sameFeatures).toBe(true);
  });

  test.each(reference.quartiles)('quartiles are the same to the last bit: $name', (given) => {
    const bins = quartileBins(Float64Array.from(given.values));
    expect([...bins.edges]).toEqual(given.edges);
    expect(given.values.map((value) => binOf(bins.edges, value))).toEqual(given.bins);
    expect([...bins.lowest]).toEqual(given.lowest);
    expect([...bins.highest]).toEqual(given.highest);
    expect(largestDifference(bins.mean, given.mean)).toBeLessThan(1e-12);
    expect(largestDifference(bins.deviation, given.deviation)).toBeLessThan(2e-11);
  });

  test('a text falls into the same words', () => {
    const { text, words } = reference.text;
    const { about } = textSubjects({ kind: 'text', method: 'lime', seed: 0, texts: [text] });
    expect(about.words[0]?.map(({ word }) => word).sort()).toEqual(words);
  });

  test.each([
    ['words', wordMasks, 'words, highest weights'],
    ['regions', regionMasks, 'regions'],
  ])('%s are as far from the whole as there', async (_, design, name) => {
    const given = reference.lime.find((candidate) => candidate.name === name);
    if (!given) throw new Error(name);
    const parts = given.data[0]?.length ?? 0;
    const masker = {
      places: Int32Array.from({ length: parts }, (__, part) => part),
      rowsPerMask: 1,
      nothing: { count: 1, rowBytes: 1, batch: () => [''] },
      rows: () => ({ count: 1, rowBytes: 1, batch: () => [''] }),
    };
    const { sample, kernelWidth } = await maskNeighbourhood(masker, design, {
      samples: 400,
      seed: 1,
      signal: undefined,
    });
    const theirs = new Map(given.data.map((mask, row) => [sum(mask), given.distances[row] ?? NaN]));
    let compared = 0;
    for (let row = 0; row < sample.count; row++) {
      const distance = theirs.get(sum([...sample.data.subarray(row * parts, (row + 1) * parts)]));
      if (distance === undefined) continue;
      expect(sample.distances[row]).toBeCloseTo(distance, 10);
      compared += 1;
    }
    expect(compared).toBeGreaterThan(300);
    expect(kernelWidth).toBe(given.kernelWidth);
  });

  test.each(reference.quickshift.found)(
    'quickshift finds the same regions, but for the random numbers that break ties: kernel $kernelSize, ratio $ratio',
    async ({ segments, ...options }) => {
      const { pixels } = reference.quickshift;
      const image = {
        pixels: Float32Array.from(pixels.flat(2)),
        height: pixels.length,
        width: pixels[0]?.length ?? 0,
        channels: 3,
      };
      const ours = await quickshift(image, { ...options, white: 255 }, 0);
      expect(agreement(ours, Int32Array.from(segments.flat()))).toBeGreaterThan(0.99);
      expect(new Set(ours).size).toBe(new Set(segments.flat()).size);
    },
  );
});

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** How many pixels are in the region of ours that has most of their region, in both directions the lesser. */
function agreement(a: Int32Array, b: Int32Array): number {
  const oneWay = (of: Int32Array, within: Int32Array): number => {
    const counts = new Map<number, Map<number, number>>();
    of.forEach((segment, pixel) => {
      const inner = counts.get(segment) ?? new Map<number, number>();
      counts.set(segment, inner.set(within[pixel] ?? -1, (inner.get(within[pixel] ?? -1) ?? 0) + 1));
    });
    return sum([...counts.values()].map((inner) => Math.max(...inner.values()))) / of.length;
  };
  return Math.min(oneWay(a, b), oneWay(b, a));
}
