import type { Kernels } from '../kernels.ts';
import type { Slice } from '../layout.ts';
import type { StateView, StepFactors } from '../update-rule.ts';
import type { Contribution, ContributionPool } from './gradient-sum.ts';

/** How a version was made of the one before. */
interface Update extends Omit<StepFactors, 'step'> {
  gradient: Contribution;
}

/** One version of a slice. */
export interface Version extends StateView {
  /** Undefined while it is worth nothing. */
  number: number | undefined;
  /** The slots are those of the weights. Not so of a version that was loaded only to be evaluated. */
  complete: boolean;
  /** Undefined where it was not made here. Its memory is in use as long as that of the version. */
  update: Update | undefined;
  /** Parts of it that are on their way out or in, and what ends each. */
  readonly transfers: Map<Promise<unknown>, () => void>;
}

/** How long a transfer may hold up the next version. It is two versions late by then, or of a generation that is over, and goes no further. */
const transferPatienceMs = 2_000;

/**
 * A slice of the flat vector, twice: the newest version and the one before it, in memory that is allocated once. While the next version is
 * written over the older one, the newest can be read.
 */
export class Versions {
  readonly slice: Slice;
  readonly #kernels: Kernels;
  readonly #pool: ContributionPool;
  #newest: Version;
  #other: Version;

  /** @param pool that the gradients of updates are from */
  constructor(kernels: Kernels, slice: Slice, slots: number, pool: ContributionPool) {
    this.#kernels = kernels;
    this.#pool = pool;
    this.slice = slice;
    const allocate = (): Version => ({
      number: undefined,
      complete: false,
      update: undefined,
      weights: kernels.allocate(slice.to - slice.from),
      slots: Array.from({ length: slots }, () => kernels.allocate(slice.to - slice.from)),
      transfers: new Map(),
    });
    this.#newest = allocate();
    this.#other = allocate();
  }

  /** The number of the newest version; undefined before there is one. */
  get current(): number | undefined {
    return this.#newest.number;
  }

  get newest(): Version {
    return this.#newest;
  }

  find(number: number): Version | undefined {
    return [this.#newest, this.#other].find((version) => version.number === number);
  }

  /** Numbers of the versions that training can go on from. */
  held(): number[] {
    return [this.#newest, this.#other].flatMap(({ number, complete }) =>
      number !== undefined && complete ? [number] : [],
    );
  }

  /** Nobody has the gradients any more that these versions were made with. */
  disown(): void {
    for (const { update } of [this.#newest, this.#other]) if (update) update.gradient.by = undefined;
  }

  /** Goes back to a version that is held. */
  revert(number: number): boolean {
    if (this.#newest.number !== number) [this.#newest, this.#other] = [this.#other, this.#newest];
    if (this.#newest.number !== number || !this.#newest.complete) return false;
    if (this.#other.number !== undefined && this.#other.number > number) this.#other.number = undefined;
    return true;
  }

  /** Both versions are worth nothing. */
  forget(): void {
    for (const version of [this.#newest, this.#other]) version.number = undefined;
  }

  /** The older version, which nobody else reads or writes any more. */
  async spare(): Promise<Version> {
    const spare = this.#other;
    spare.number = undefined;
    if (spare.transfers.size > 0) await freed(spare);
    if (spare.update) this.#pool.giveBack(spare.update.gradient.values);
    spare.update = undefined;
    return spare;
  }

  /** What was written into the spare one is the newest version now. */
  publish(spare: Version, number: number, complete: boolean): void {
    spare.number = number;
    spare.complete = complete;
    if (this.#newest !== spare) this.#other = this.#newest;
    this.#newest = spare;
  }

  /** Gives the memory back. */
  free(): void {
    for (const { weights, slots, update } of [this.#newest, this.#other]) {
      for (const array of [weights, ...slots]) this.#kernels.free(array);
      if (update) this.#pool.giveBack(update.gradient.values);
    }
  }
}

/** Keeps the memory of a version as it is until a transfer has ended; `cut` ends it where it is too slow. */
export function transfer(version: Version, ended: Promise<unknown>, cut: () => void): void {
  version.transfers.set(ended, cut);
  void ended.finally(() => version.transfers.delete(ended));
}

async function freed({ transfers }: Version): Promise<void> {
  const ended = Promise.all(transfers.keys());
  const timer = setTimeout(() => {
    for (const cut of transfers.values()) cut();
  }, transferPatienceMs);
  await ended;
  clearTimeout(timer);
}
