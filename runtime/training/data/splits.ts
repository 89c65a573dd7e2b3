import { permutation, type Permutation } from '../../numeric/random.ts';
import { invalidData } from './data-failure.ts';
import type { SplitName } from './dataset.ts';

export interface SplitShares {
  validationSplit: number;
  testSplit: number;
}

/**
 * Which rows belong to which split, and in which order. The rows are shuffled once by the seed; the first `rows · testSplit` of them,
 * rounded, are the test split, as many by `validationSplit` after those the validation split, and all others are trained on. Takes
 * no memory for each row.
 */
export class Splits {
  readonly sizes: Record<SplitName, number>;
  readonly #seed: number;
  readonly #shuffled: Permutation;
  /** The order of the epoch that was asked for last. */
  #epoch: { number: number; order: Permutation } | undefined;

  /** @throws TrainingFailure of reason InvalidData where a split that is asked for has no rows */
  constructor(rows: number, { validationSplit, testSplit }: SplitShares, seed: number) {
    const [test, validation] = [Math.round(rows * testSplit), Math.round(rows * validationSplit)];
    this.sizes = { train: rows - test - validation, validation, test };
    requireRows(this.sizes, { validationSplit, testSplit }, rows);
    this.#seed = seed;
    this.#shuffled = permutation(seed, ['split'], rows);
  }

  /** The row at a position of a split; for `train`, in the order of that epoch. */
  rowAt(split: SplitName, epoch: number, position: number): number {
    if (!(position >= 0 && position < this.sizes[split])) {
      throw new RangeError(`position ${position} of ${this.sizes[split]} in ${split}`);
    }
    const { test, validation } = this.sizes;
    if (split === 'test') return this.#shuffled.at(position);
    if (split === 'validation') return this.#shuffled.at(test + position);
    return this.#shuffled.at(test + validation + this.#orderOf(epoch).at(position));
  }

  #orderOf(epoch: number): Permutation {
    if (this.#epoch?.number !== epoch) {
      this.#epoch = { number: epoch, order: permutation(this.#seed, ['epoch', epoch], this.sizes.train) };
    }
    return this.#epoch.order;
  }
}

function requireRows(sizes: Record<SplitName, number>, shares: SplitShares, rows: number): void {
  for (const [split, field] of [
    ['validation', 'validationSplit'],
    ['test', 'testSplit'],
  ] as const) {
    if (shares[field] > 0 && sizes[split] === 0) {
      throw invalidData(`spec.train.data.${field} ${shares[field]} of ${rows} rows is none: give more rows, or 0.`);
    }
  }
  if (sizes.train < 1) {
    throw invalidData(
      `spec.train.data.validationSplit and testSplit leave none of ${rows} rows to train on: give more rows, or less to them.`,
    );
  }
}
