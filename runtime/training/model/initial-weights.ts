import { uniform } from '../../numeric/random.ts';

/**
 * What PyTorch gives a fresh layer, weights and biases alike: uniform numbers between -1/√n and 1/√n, where n is how many inputs an
 * output of the layer depends on (Kaiming's with a = √5).
 *
 * @param name of the tensor, which has random numbers of its own
 */
export function initialWeights(seed: number, name: string, length: number, fanIn: number): Float32Array {
  const bound = 1 / Math.sqrt(fanIn);
  return uniform(seed, ['weights', name], length).map((fraction) => (2 * fraction - 1) * bound);
}
