import { describe, expect, test } from '@jest/globals';
import { explain } from '../../../runtime/explain/explain.ts';
import { imageSubjects } from '../../../runtime/explain/image.ts';
import { toLab } from '../../../runtime/explain/lab-color.ts';
import { quickshift, referenceQuickshift, type Image } from '../../../runtime/explain/quickshift.ts';
import type { ImageRequest, Method } from '../../../runtime/explain/request.ts';
import { rowByRow } from './network.ts';

const [height, width] = [4, 6];
/** Three regions: the left third, and the halves of the rest. */
const segments = Int32Array.from({ length: height * width }, (_, pixel) =>
  pixel % width < 2 ? 0 : pixel < (height * width) / 2 ? 1 : 2,
);
const pixels = Float32Array.from({ length: height * width * 3 }, (_, at) => (at * 37) % 256);

const request = (more: Partial<ImageRequest> = {}): ImageRequest => ({
  kind: 'image',
  method: 'kernel_shap',
  seed: 1,
  pixels,
  height,
  width,
  channels: 3,
  segments,
  ...more,
});

const inRegion = (region: number) => (at: number) => segments[Math.floor(at / 3)] === region;
const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;

async function masked(mask: readonly number[], more: Partial<ImageRequest> = {}): Promise<Float32Array> {
  const [subject] = (await imageSubjects(request(more), undefined)).all;
  return subject?.masker.rows(Uint8Array.from(mask)).batch(0, 1) ?? new Float32Array();
}

describe('the regions of an image', () => {
  test('are replaced by the mean of their pixels, channel by channel', async () => {
    const without = await masked([1, 0, 1]);
    without.forEach((value, at) => {
      const same = pixels.filter((_, other) => inRegion(1)(other) && other % 3 === at % 3);
      expect(value).toBeCloseTo(inRegion(1)(at) ? mean(same) : (pixels[at] ?? NaN), 3);
    });
  });

  test('are replaced by a colour where one is given', async () => {
    const without = await masked([0, 1, 1], { hideColor: [1, 2, 3] });
    expect(without).toEqual(pixels.map((value, at) => (inRegion(0)(at) ? (at % 3) + 1 : value)));
  });

  test('all kept are the image', async () => {
    expect(await masked([1, 1, 1])).toEqual(pixels);
  });
});

describe('explaining images', () => {
  /** How bright the middle of region 1 is, and all of region 2, against black. */
  const model = rowByRow((image) => [
    (image[9] ?? 0) / 255,
    image.filter((_, at) => inRegion(2)(at)).reduce((a, b) => a + b, 0),
  ]);
  const hideColor = [0, 0, 0];

  test('by KernelSHAP gives a region what it adds', async () => {
    const answer = await explain(request({ hideColor }), model);
    const total = pixels.filter((_, at) => inRegion(2)(at)).reduce((a, b) => a + b, 0);
    [0, 0, (pixels[9] ?? 0) / 255, 0, 0, total].forEach((value, at) =>
      expect(answer.attributions[at]).toBeCloseTo(value, 6),
    );
    expect([...answer.baseValues]).toEqual([0, 0]);
    expect(answer.segments).toEqual(segments);
    expect(answer.evaluations).toBe(1 + 1 + 6);
  });

  test('by LIME gives a region about what it adds', async () => {
    const answer = await explain(request({ method: 'lime', hideColor }), model);
    expect(answer.attributions[2]).toBeCloseTo((pixels[9] ?? 0) / 255, 1);
    expect(Math.abs(answer.attributions[4] ?? NaN)).toBeLessThan(0.01);
    expect(answer.local?.scores[1]).toBeGreaterThan(0.99);
    expect(answer.evaluations).toBe(1 + 1_000);
  });

  test.each<Method>(['kernel_shap', 'lime'])(
    'by %s takes several at once, each with regions of its own',
    async (method) => {
      const both = Float32Array.from([...pixels, ...pixels.map((value) => 255 - value)]);
      const regions = Int32Array.from([...segments, ...segments.map((region) => Math.min(region, 1))]);
      const answer = await explain(request({ method, pixels: both, segments: regions, hideColor }), model);
      const alone = await explain(request({ method, hideColor }), model);
      expect(answer).toMatchObject({ rows: 2, features: 3, outputs: 2 });
      expect(answer.attributions.subarray(0, 6)).toEqual(alone.attributions);
      expect([...answer.attributions.subarray(10, 12)]).toEqual([0, 0]);
    },
  );

  test('looks for regions where none are given', async () => {
    const grey = Float32Array.from({ length: 16 * 16 }, (_, pixel) => (pixel % 16 < 8 ? 0 : 255));
    const given: ImageRequest = {
      kind: 'image',
      method: 'kernel_shap',
      seed: 1,
      pixels: grey,
      height: 16,
      width: 16,
      channels: 1,
      quickshift: { maxDistance: 9 },
    };
    const answer = await explain(
      given,
      rowByRow((image) => [mean(image)]),
    );
    expect(answer.features).toBe(new Set(answer.segments).size);
    for (let region = 0; region < answer.features; region++) {
      const colours = grey.filter((_, pixel) => answer.segments?.[pixel] === region);
      expect(new Set(colours).size).toBe(1);
    }
  });

  test('finds more than a handful of regions also in an image as small as a digit', async () => {
    const radius = (at: number): number => Math.hypot((at % 28) - 14, Math.floor(at / 28) - 14);
    const zero = Float32Array.from({ length: 28 * 28 }, (_, at) => (Math.abs(radius(at) - 8) < 2 ? 255 : 0));
    const small = { kind: 'image', method: 'kernel_shap', seed: 1, height: 28, width: 28, channels: 1 } as const;
    const { about } = await imageSubjects({ ...small, pixels: zero }, undefined);
    expect(new Set(about.segments).size).toBeGreaterThan(9);
    const coarse = await imageSubjects(
      { ...small, pixels: zero, quickshift: { kernelSize: 4, maxDistance: 200 } },
      undefined,
    );
    expect(new Set(coarse.about.segments).size).toBeLessThan(6);
  });

  test('never holds more pixels at a time than a few megabytes of them', async () => {
    const large = new Float32Array(256 * 256 * 3);
    const counts: number[] = [];
    const regions = Int32Array.from({ length: 256 * 256 }, (_, pixel) => pixel % 4);
    await explain(
      request({ pixels: large, height: 256, width: 256, segments: regions, method: 'lime', samples: 64 }),
      (_, count) => {
        counts.push(count);
        return Promise.resolve(new Float32Array(count));
      },
    );
    expect(Math.max(...counts)).toBe(21);
  });
});

describe('colours', () => {
  test.each([
    ['white', [255, 255, 255], [100, 0, 0]],
    ['black', [0, 0, 0], [0, 0, 0]],
    ['red', [255, 0, 0], [53.24, 80.09, 67.2]],
    ['blue', [0, 0, 255], [32.3, 79.19, -107.86]],
    ['dark grey', [6, 6, 6], [1.65, 0, 0]],
  ])('are compared in CIE L*a*b*: %s', (_, color, lab) => {
    const found = toLab({ pixels: Float32Array.from(color), height: 1, width: 1, channels: 3 }, 255);
    lab.forEach((value, axis) => expect(Math.abs((found[axis] ?? NaN) - value)).toBeLessThan(0.02));
  });
});

describe('quickshift', () => {
  const options = { ...referenceQuickshift, white: 255 };
  const colours = [
    [255, 0, 0],
    [0, 255, 0],
    [0, 0, 255],
    [255, 255, 255],
  ];
  const patch = (pixel: number): number => 2 * Number(pixel >= 12 * 24) + Number(pixel % 24 >= 12);
  const patches: Image = {
    pixels: Float32Array.from(Array.from({ length: 24 * 24 }, (_, pixel) => colours[patch(pixel)] ?? []).flat()),
    height: 24,
    width: 24,
    channels: 3,
  };

  test('joins no pixels further apart in place and colour than it may', async () => {
    const found = await quickshift(patches, { ...options, maxDistance: 9 }, 1);
    const colourOf = new Map<number, number>();
    found.forEach((segment, pixel) => colourOf.set(segment, colourOf.get(segment) ?? patch(pixel)));
    expect(Array.from(found, (segment) => colourOf.get(segment))).toEqual(Array.from(found.keys(), patch));
    expect(new Set(await quickshift(patches, { ...options, maxDistance: 0 }, 1)).size).toBe(24 * 24);
  });

  test('numbers regions from 0 without a gap', async () => {
    const found = await quickshift(patches, { ...options, maxDistance: 9 }, 1);
    const numbers = [...new Set(found)].sort((a, b) => a - b);
    expect(numbers).toEqual(Array.from(numbers.keys()));
    expect(numbers.length).toBeGreaterThanOrEqual(4);
  });

  test('cuts an even surface into pieces by the seed, smaller ones with a smaller kernel', async () => {
    const flat = { pixels: new Float32Array(60 * 60), height: 60, width: 60, channels: 1 };
    const [small, large] = [
      await quickshift(flat, { ...options, kernelSize: 1 }, 1),
      await quickshift(flat, { ...options, kernelSize: 3 }, 1),
    ];
    expect(new Set(large).size).toBeGreaterThan(1);
    expect(new Set(small).size).toBeGreaterThan(2 * new Set(large).size);
    expect(await quickshift(flat, { ...options, kernelSize: 1 }, 1)).toEqual(small);
    expect(await quickshift(flat, { ...options, kernelSize: 1 }, 2)).not.toEqual(small);
  });

  test('sees grey as it sees the same grey in colour, and the same image at any scale of brightness', async () => {
    const grey = Float32Array.from({ length: 20 * 20 }, (_, pixel) => (pixel * 53) % 200);
    const image = { pixels: grey, height: 20, width: 20, channels: 1 };
    const color = Float32Array.from([...grey].flatMap((value) => [value, value, value]));
    const small = { ...options, kernelSize: 1, maxDistance: 3 };
    const expected = await quickshift(image, small, 1);
    expect(await quickshift({ ...image, pixels: color, channels: 3 }, small, 1)).toEqual(expected);
    const dimmed = { ...image, pixels: grey.map((value) => value / 2) };
    expect(await quickshift(dimmed, { ...small, white: 127.5 }, 1)).toEqual(expected);
    expect(new Set(expected).size).toBeGreaterThan(1);
  });

  test('ends in the midst where its signal is aborted', async () => {
    const image = { pixels: new Float32Array(200 * 200), height: 200, width: 200, channels: 1 };
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('left')), 20);
    await expect(quickshift(image, { ...options, white: 1 }, 1, abort.signal)).rejects.toThrow('left');
  });
});
