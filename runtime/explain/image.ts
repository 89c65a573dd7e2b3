import { checkFinite, checkMatrix, checkNumber, checkWhole, maxFeatures } from './checks.ts';
import { invalid } from '../errors.ts';
import { batchMemory, matrixRows, type RowSource } from './model.ts';
import { maskNeighbourhood, regionMasks } from './neighbourhood.ts';
import { quickshift, reachOf, referenceQuickshift, type Image, type QuickshiftOptions } from './quickshift.ts';
import type { ImageRequest } from './request.ts';
import type { Masker, Subject, Subjects } from './subject.ts';

type Pixels = Float32Array;

/** Pairs of pixels that are compared in looking for the regions of all images of a request: 512 × 512 pixels with the usual kernel. */
const maxPairs = 512 * 512 * 25 * 25;

export async function imageSubjects(
  request: ImageRequest,
  signal: AbortSignal | undefined,
): Promise<Subjects<Pixels, { segments: Int32Array }>> {
  const { pixels } = request;
  const height = checkWhole('height', request.height, 1, 65_536);
  const width = checkWhole('width', request.width, 1, 65_536);
  if (request.channels !== 1 && request.channels !== 3) {
    throw invalid(`channels: must be 3, of red, green and blue, or 1, of grey, not ${request.channels}`);
  }
  const [size, area] = [height * width * request.channels, height * width];
  const count = checkMatrix('pixels', pixels, size);
  checkFinite('pixels', pixels);
  const hideColor = checkColor(request);
  const images = Array.from({ length: count }, (_, row): Image => ({
    pixels: pixels.subarray(row * size, (row + 1) * size),
    height,
    width,
    channels: request.channels,
  }));
  const segments = request.segments ? checkSegments(request.segments, count * area) : new Int32Array(count * area);
  const all: Subject<Pixels>[] = [];
  for (const [row, image] of images.entries()) {
    if (!request.segments) segments.set(await regionsOf(image, request, signal), row * area);
    all.push(subjectOf(image, segments.subarray(row * area, (row + 1) * area), hideColor));
  }
  return { instances: matrixRows(pixels, size), all, about: { segments } };
}

function checkColor({ hideColor, channels }: ImageRequest): readonly number[] | undefined {
  if (hideColor && (hideColor.length !== channels || !hideColor.every(Number.isFinite))) {
    throw invalid(`hideColor: must be ${channels} numbers, one for each channel`);
  }
  return hideColor;
}

function checkSegments(segments: Int32Array, pixels: number): Int32Array {
  if (segments.length !== pixels) {
    throw invalid(`segments: ${segments.length} numbers; give one for each of the ${pixels} pixels of all images`);
  }
  for (const segment of segments) checkWhole('segments', segment, 0, maxFeatures - 1);
  return segments;
}

async function regionsOf(image: Image, request: ImageRequest, signal: AbortSignal | undefined): Promise<Int32Array> {
  const regions = await quickshift(image, checkQuickshift(request), request.seed, signal);
  const count = countOf(regions);
  if (count > maxFeatures) {
    throw invalid(
      `quickshift: an image has ${count} regions, more than ${maxFeatures}; set a larger kernelSize, or send segments or a smaller image`,
    );
  }
  return regions;
}

/**
 * LIME's for images of 224 × 224 and more, of which it would leave a handful of regions in smaller ones: for these a smaller kernel, and
 * the distance that is scikit-image's default.
 */
function automaticQuickshift({ height, width }: ImageRequest): typeof referenceQuickshift {
  const scale = Math.sqrt(height * width) / 224;
  if (scale >= 1) return referenceQuickshift;
  return { ...referenceQuickshift, kernelSize: Math.max(1, referenceQuickshift.kernelSize * scale), maxDistance: 10 };
}

function checkQuickshift(request: ImageRequest): QuickshiftOptions {
  const options = { ...automaticQuickshift(request), ...request.quickshift, white: request.white ?? 255 };
  const { white, kernelSize, maxDistance, ratio } = options;
  checkNumber('white', white, Number.MIN_VALUE, Number.MAX_VALUE);
  checkNumber('quickshift.kernelSize', kernelSize, 1, 100);
  checkNumber('quickshift.maxDistance', maxDistance, 0, 1e6);
  checkNumber('quickshift.ratio', ratio, 0, 1);
  if ((request.pixels.length / request.channels) * (2 * reachOf(kernelSize) + 1) ** 2 > maxPairs) {
    throw invalid(
      'pixels: looking for regions would take too long; send smaller or fewer images, or segments, or a smaller quickshift.kernelSize',
    );
  }
  return options;
}

const countOf = (segments: Int32Array): number => segments.reduce((most, segment) => Math.max(most, segment), 0) + 1;

function subjectOf(image: Image, segments: Int32Array, hideColor: readonly number[] | undefined): Subject<Pixels> {
  const masker = imageMasker(image, segments, hidden(image, segments, hideColor));
  return {
    features: masker.places.length,
    masker,
    neighbourhood: (samples, seed, signal) => maskNeighbourhood(masker, regionMasks, { samples, seed, signal }),
  };
}

/** The image with every region taken away. */
function hidden({ pixels, channels }: Image, segments: Int32Array, color: readonly number[] | undefined): Pixels {
  if (color) return pixels.map((_, at) => color[at % channels] ?? 0);
  const parts = countOf(segments);
  const [sums, sizes] = [new Float64Array(parts * channels), new Float64Array(parts)];
  const placeOf = (at: number): number => (segments[Math.floor(at / channels)] ?? 0) * channels + (at % channels);
  pixels.forEach((value, at) => (sums[placeOf(at)] = (sums[placeOf(at)] ?? 0) + value));
  for (const segment of segments) sizes[segment] = (sizes[segment] ?? 0) + 1;
  return pixels.map((_, at) => (sums[placeOf(at)] ?? 0) / (sizes[segments[Math.floor(at / channels)] ?? 0] ?? 1));
}

function imageMasker({ pixels, channels }: Image, segments: Int32Array, without: Pixels): Masker<Pixels> {
  const parts = countOf(segments);
  const memory = batchMemory();
  const fill = (batch: Pixels, masks: Uint8Array, from: number, to: number): void => {
    for (let row = from; row < to; row++) {
      const [mask, target] = [row * parts, (row - from) * pixels.length];
      batch.set(without, target);
      for (let pixel = 0; pixel < segments.length; pixel++) {
        if (masks[mask + (segments[pixel] ?? 0)] !== 1) continue;
        for (let at = pixel * channels; at < (pixel + 1) * channels; at++) batch[target + at] = pixels[at] ?? 0;
      }
    }
  };
  const rows = (masks: Uint8Array): RowSource<Pixels> => ({
    count: masks.length / parts,
    rowBytes: pixels.byteLength,
    batch: (from, to) => {
      const batch = memory((to - from) * pixels.length);
      fill(batch, masks, from, to);
      return batch;
    },
  });
  const places = Int32Array.from({ length: parts }, (_, part) => part);
  return { places, rowsPerMask: 1, nothing: matrixRows(without, without.length), rows };
}
