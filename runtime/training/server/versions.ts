import type { Kernels } from '../kernels.ts';
import type { Slice } from '../layout.ts';
import type { StateView } from '../update-rule.ts';

/** One version of a slice. */
export interface Version extends StateView {
  /** Undefined while it is worth nothing. */
  number: number | undefined;
  /** The slots are those of the weights. Not so of a version that was loaded only to be evaluated. */
  complete: boolean;
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
  #newest: Version;
  #other: Version;

  constructor(kernels: Kernels, slice: Slice, slots: number) {
    this.#kernels = kernels;
    this.slice = slice;
    const allocate = (): Version => ({
      number: undefined,
      complete: false,
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
    for (const { weights, slots } of [this.#newest, this.#other])
      for (const array of [weights, ...slots]) this.#kernels.free(array);
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
