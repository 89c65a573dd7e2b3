import { createHash } from 'node:crypto';
import { cosineOfPi, logarithm } from './exact-math.ts';
import { philoxModule } from './philox.gen.ts';
import { instantiate, reserve } from './webassembly.ts';

/** What random numbers are for: each seed and key has a stream of its own, the same on every machine. */
export type RandomKey = readonly (number | string)[];

const memory = reserve(65_536);
const { fill } = (await instantiate(philoxModule, memory)) as {
  fill: (at: number, blocks: number, first: bigint, stream: bigint, key: bigint) => void;
};
/** Where numbers are made, so many at a time. */
const made = new Uint32Array(memory.buffer, 0, 8_192);

/** The numbers of a stream, whole ones from 0 to below 2^32. Each part is overwritten by the next. */
function* parts(seed: number, key: RandomKey, length: number): Generator<{ from: number; words: Uint32Array }> {
  const digest = createHash('sha256')
    .update(JSON.stringify([seed, ...key]))
    .digest();
  const [generatorKey, stream] = [digest.readBigUInt64LE(0), digest.readBigUInt64LE(8)];
  for (let from = 0; from < length; from += made.length) {
    const words = made.subarray(0, Math.min(made.length, length - from));
    fill(made.byteOffset, Math.ceil(words.length / 4), BigInt(from / 4), stream, generatorKey);
    yield { from, words };
  }
}

/** Numbers in [0, 1), multiples of 2^-24. */
export function uniform(seed: number, key: RandomKey, length: number): Float32Array {
  const numbers = new Float32Array(length);
  for (const { from, words } of parts(seed, key, length))
    for (let index = 0; index < words.length; index++) numbers[from + index] = ((words[index] ?? 0) >>> 8) * 2 ** -24;
  return numbers;
}

/** Numbers with mean 0 and deviation 1, by the transform of Box and Muller. */
export function normal(seed: number, key: RandomKey, length: number): Float32Array {
  const numbers = new Float32Array(length);
  const fraction = (word: number | undefined): number => ((word ?? 0) + 0.5) * 2 ** -32;
  for (const { from, words } of parts(seed, key, 2 * length)) {
    for (let index = 0; index < words.length; index += 2) {
      const radius = Math.sqrt(-2 * logarithm(fraction(words[index])));
      numbers[(from + index) / 2] = radius * cosineOfPi(2 * fraction(words[index + 1]) - 1);
    }
  }
  return numbers;
}

const blockLength = 4_096;

/** The numbers of `make`, one at a time and without an end. */
export function sequence(make: typeof uniform, seed: number, key: RandomKey): () => number {
  let numbers: Float32Array = new Float32Array();
  let [at, block] = [0, 0];
  return () => {
    if (at === numbers.length) {
      numbers = make(seed, [...key, block], blockLength);
      [at, block] = [0, block + 1];
    }
    return numbers[at++] ?? 0;
  };
}

export interface Permutation {
  /** The number at a position, both from 0 to below the length. */
  at(position: number): number;
}

const { imul } = Math;
const feistelRounds = 8;
/** With fewer bits in a half only some of the orders could come about, and not each as often. */
const minHalfBits = 3;

/**
 * A shuffled order of the numbers from 0 to below `length`, which is at most 2^40, without a list of them: a Feistel
 * network over a power of four, walked until it comes to a number below the length.
 */
export function permutation(seed: number, key: RandomKey, length: number): Permutation {
  let halfBits = minHalfBits;
  while (4 ** halfBits < length) halfBits += 1;
  const half = 2 ** halfBits;
  const roundKeys = [...parts(seed, key, feistelRounds)].flatMap(({ words }) => [...words]);
  const encrypt = (position: number): number => {
    let [left, right] = [Math.floor(position / half), position % half];
    for (const roundKey of roundKeys) {
      const mixed = left ^ (mix(right ^ roundKey) & (half - 1));
      left = right;
      right = mixed;
    }
    return left * half + right;
  };
  return {
    at: (position) => {
      if (!(position >= 0 && position < length)) throw new RangeError(`position ${position} of ${length}`);
      let number = encrypt(position);
      while (number >= length) number = encrypt(number);
      return number;
    },
  };
}

/** Every bit of the result depends on every bit of the number: the finalizer of MurmurHash3, twice. */
function mix(number: number): number {
  let mixed = number;
  for (let pass = 0; pass < 2; pass++) {
    mixed = imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    mixed ^= mixed >>> 16;
  }
  return mixed >>> 0;
}
