import { KernelMemory } from './kernel-memory.ts';
import { kernelsModule, kernelsSharedModule } from './kernels.gen.ts';
import { instantiate, reserve, type SharedMemory } from '../numeric/webassembly.ts';

/**
 * Arithmetic over arrays of float32 in WebAssembly SIMD: as fast as memory allows, and the same bits on every machine. Every
 * array is a view of one memory. Kernels work element by element, so cutting arrays into parts changes no bit. Arrays of one call have one
 * length, and are the same or apart.
 */
export interface Arithmetic {
  /** target += source */
  add(target: Float32Array, source: Float32Array): void;
  /** For each block of so many elements the sum of its squares. The last block may be shorter. */
  sumOfSquares(array: Float32Array, blockLength: number): Float64Array;
  descend(from: Weights, gradient: Gradient, to: Weights, rate: number): void;
  momentum(
    from: Weights & { velocity: Float32Array },
    gradient: Gradient,
    to: Weights & { velocity: Float32Array },
    by: MomentumFactors,
  ): void;
  adagrad(
    from: Weights & { squares: Float32Array },
    gradient: Gradient,
    to: Weights & { squares: Float32Array },
    by: { rate: number; epsilon: number },
  ): void;
  adam(from: Moments, gradient: Gradient, to: Moments, by: AdamFactors): void;
}

/** Arithmetic with a memory of its own: every array is one from `allocate`, or a part of one. */
export interface Kernels extends Arithmetic {
  /**
   * All zero. The memory is reserved once and never grows, so a view stays valid until it is freed.
   *
   * @throws TrainingFailure `OutOfMemory` once 4 GiB are in use
   */
  allocate(length: number): Float32Array;
  /** Gives back an array from `allocate`, which nobody may use any more. */
  free(array: Float32Array): void;
}

interface Weights {
  weights: Float32Array;
}

/** What the rules follow is `scale * values + decay * weights`. */
interface Gradient {
  values: Float32Array;
  scale: number;
  decay: number;
}

interface MomentumFactors {
  rate: number;
  /** Of the velocity that was. */
  momentum: number;
  /** Of the gradient in the new velocity. */
  gain: number;
  nesterov: boolean;
}

interface Moments extends Weights {
  means: Float32Array;
  squares: Float32Array;
}

interface AdamFactors {
  rate: number;
  beta1: number;
  beta2: number;
  /** Of the root of the mean square, before epsilon is added. */
  rootScale: number;
  epsilon: number;
  /** Factors of the weights before the step and after it. */
  shrinkBefore: number;
  shrinkAfter: number;
}

/** What kernels/kernels.ts exports. */
type KernelFunction = 'add' | 'sumOfSquares' | 'descend' | 'momentum' | 'adagrad' | 'adam';
type KernelExports = Record<KernelFunction, (...parameters: number[]) => number>;

/** All that WebAssembly can address. */
export const maxKernelBytes = 2 ** 32;

/** @param reservedBytes a power of two of at least 65536 */
export async function createKernels(reservedBytes = maxKernelBytes): Promise<Kernels> {
  const memory = reserve(reservedBytes);
  const { buffer } = memory;
  const blocks = new KernelMemory(buffer.byteLength);
  return {
    ...arithmeticOf((await instantiate(kernelsModule, memory)) as KernelExports, buffer),
    allocate: (length) => blocks.zeros(buffer, length),
    free: (array) => {
      if (array.buffer !== buffer) throw new Error('an array is not from these kernels');
      blocks.giveBack(array.byteOffset);
    },
  };
}

/** Arithmetic over a memory that other threads see too. */
export async function sharedArithmetic(memory: SharedMemory): Promise<Arithmetic> {
  return arithmeticOf((await instantiate(kernelsSharedModule, memory)) as KernelExports, memory.buffer);
}

function arithmeticOf(kernels: KernelExports, buffer: ArrayBufferLike): Arithmetic {
  /** Byte offsets of arrays that were checked to be of one length, then that length. */
  const pointers = (first: Float32Array, ...others: Float32Array[]): number[] => {
    const arrays = [first, ...others];
    for (const array of arrays) {
      if (array.buffer !== buffer) throw new Error('an array is not from these kernels');
      if (array.length !== first.length) throw new Error(`arrays of ${first.length} and ${array.length} elements`);
    }
    return [...arrays.map(({ byteOffset }) => byteOffset), first.length];
  };

  return {
    add: (target, source) => {
      kernels.add(...pointers(target, source));
    },
    sumOfSquares: (array, blockLength) =>
      Float64Array.from({ length: Math.ceil(array.length / blockLength) }, (_, index) => {
        const block = array.subarray(index * blockLength, (index + 1) * blockLength);
        return kernels.sumOfSquares(...pointers(block));
      }),
    descend: (from, { values, scale, decay }, to, rate) => {
      kernels.descend(...pointers(from.weights, values, to.weights), scale, decay, rate);
    },
    momentum: (from, { values, scale, decay }, to, { rate, momentum, gain, nesterov }) => {
      const arrays = pointers(from.weights, values, from.velocity, to.weights, to.velocity);
      kernels.momentum(...arrays, scale, decay, momentum, gain, Number(nesterov), rate);
    },
    adagrad: (from, { values, scale, decay }, to, { rate, epsilon }) => {
      const arrays = pointers(from.weights, values, from.squares, to.weights, to.squares);
      kernels.adagrad(...arrays, scale, decay, epsilon, rate);
    },
    adam: (from, { values, scale, decay }, to, by) => {
      const { rate, beta1, beta2, rootScale, epsilon, shrinkBefore, shrinkAfter } = by;
      const arrays = pointers(from.weights, values, from.means, from.squares, to.weights, to.means, to.squares);
      const averages = [beta1, 1 - beta1, beta2, 1 - beta2];
      kernels.adam(...arrays, scale, decay, ...averages, rootScale, epsilon, rate, shrinkBefore, shrinkAfter);
    },
  };
}
