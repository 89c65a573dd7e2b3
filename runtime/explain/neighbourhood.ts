import { sequence, uniform } from '../numeric/random.ts';
import type { Sample } from './local-model.ts';
import type { Masker } from './subject.ts';
import type { RowSource } from './model.ts';
import { pause } from './pause.ts';

/** Instances about one, as a local model sees them and as the model does. */
export interface Neighbourhood<Batch> {
  sample: Sample;
  rows: RowSource<Batch>;
  /** Of the kernel, where the request says none. */
  kernelWidth: number;
}

export interface NeighbourhoodOptions {
  samples: number;
  seed: number;
  signal: AbortSignal | undefined;
}

/** Rows made in one go, before others have the thread. */
export const rowsBetweenPauses = 512;

/** How masks are drawn and how far they are from the whole, by what is masked. */
export interface MaskDesign {
  /** Overwrites one row of masks that is all ones. */
  draw(mask: Uint8Array, next: () => number): void;
  distanceScale: number;
  kernelWidth: number;
}

/** As the reference does for texts: so many words are taken away, each number of them as likely. */
export const wordMasks: MaskDesign = {
  draw: (mask, next) => {
    const order = Int32Array.from({ length: mask.length }, (_, part) => part);
    const removed = 1 + Math.floor(next() * mask.length);
    for (let index = 0; index < removed; index++) {
      const other = index + Math.floor(next() * (mask.length - index));
      const swapped = order[index] ?? 0;
      order[index] = order[other] ?? 0;
      order[other] = swapped;
      mask[order[index] ?? 0] = 0;
    }
  },
  distanceScale: 100,
  kernelWidth: 25,
};

/** As the reference does for images: every region stays or goes by the toss of a coin. */
export const regionMasks: MaskDesign = {
  draw: (mask, next) => {
    for (let part = 0; part < mask.length; part++) mask[part] = next() < 0.5 ? 0 : 1;
  },
  distanceScale: 1,
  kernelWidth: 0.25,
};

/** Masks at random, the first of which keeps everything, at their cosine distance from it. */
export async function maskNeighbourhood<Batch>(
  masker: Masker<Batch>,
  design: MaskDesign,
  { samples, seed, signal }: NeighbourhoodOptions,
): Promise<Neighbourhood<Batch>> {
  const parts = masker.places.length;
  const masks = new Uint8Array(samples * parts).fill(1);
  const distances = new Float64Array(samples);
  const next = sequence(uniform, seed, ['masks']);
  for (let row = 1; row < samples; row++) {
    if (row % rowsBetweenPauses === 0) await pause(signal);
    const mask = masks.subarray(row * parts, (row + 1) * parts);
    design.draw(mask, next);
    const kept = mask.reduce((sum, part) => sum + part, 0);
    distances[row] = design.distanceScale * (1 - Math.sqrt(kept / parts));
  }
  const sample = { count: samples, features: parts, data: Float64Array.from(masks), distances };
  return { sample, rows: masker.rows(masks), kernelWidth: design.kernelWidth };
}
