import { beforeAll, describe, expect, test } from '@jest/globals';
import { createKernels, type Kernels } from '../../../runtime/training/kernels.ts';
import { uniform } from '../../../runtime/numeric/random.ts';

let kernels: Kernels;

beforeAll(async () => {
  kernels = await createKernels(2 ** 20);
});

/** Numbers from -5 to 5, in the memory of the kernels. */
function numbers(name: string, length: number): Float32Array {
  const array = kernels.allocate(length);
  array.set(uniform(1, [name], length).map((value) => 10 * (value - 0.5)));
  return array;
}

const bits = (array: Float32Array | Float64Array): string =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString('hex');

describe('memory of the kernels', () => {
  test('is all zero, also where other numbers were', () => {
    const first = kernels.allocate(100).fill(7);
    const { byteOffset } = first;
    kernels.free(first);
    const second = kernels.allocate(200);
    expect(second.byteOffset).toBe(byteOffset);
    expect(second.every((value) => value === 0)).toBe(true);
    kernels.free(second);
  });

  test('is 4 GiB, of which views stay valid while more is taken', async () => {
    const whole = await createKernels();
    const first = whole.allocate(4).fill(3);
    const large = whole.allocate(2 ** 29);
    large[large.length - 1] = 1;
    const last = whole.allocate(2 ** 28);
    last[last.length - 1] = 2;
    whole.add(last, last);
    expect([first[3], last.at(-1)]).toEqual([3, 4]);
    expect(() => whole.allocate(2 ** 28)).toThrow(/spec\.parameterServers\.replicas/);
  });

  test('is the only one whose arrays are taken', () => {
    const own = kernels.allocate(4);
    const error = 'not from these kernels';
    expect(() => kernels.add(own, new Float32Array(4))).toThrow(error);
    expect(() => kernels.free(new Float32Array(4))).toThrow(error);
    expect(() => kernels.add(own, own.subarray(1))).toThrow('arrays of 4 and 3 elements');
    kernels.free(own);
  });
});

describe('kernels', () => {
  test('touch the elements they are given and no others, at every length and offset', () => {
    const [target, source] = [numbers('target', 64), numbers('source', 64)];
    for (let offset = 0; offset < 5; offset++) {
      for (let length = 0; length < 20; length++) {
        const expected = target.map((value, index) =>
          index >= offset && index < offset + length ? Math.fround(value + (source[index] ?? 0)) : value,
        );
        kernels.add(target.subarray(offset, offset + length), source.subarray(offset, offset + length));
        expect(bits(target)).toBe(bits(expected));
      }
    }
  });

  test('give an element the same bits wherever arrays are cut', () => {
    const length = 45;
    const [weights, values, means, squares] = ['w', 'g', 'm', 's'].map((name) => numbers(name, length)) as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    squares.set(squares.map(Math.abs));
    const whole = [0, 1, 2].map(() => kernels.allocate(length));
    const cut = [0, 1, 2].map(() => kernels.allocate(length));
    const by = {
      rate: 0.1,
      beta1: 0.9,
      beta2: 0.99,
      rootScale: 1.3,
      epsilon: 1e-8,
      shrinkBefore: 0.999,
      shrinkAfter: 1,
    };
    const apply = ([toWeights, toMeans, toSquares]: Float32Array[], from: number, to: number): void => {
      const part = (array: Float32Array | undefined): Float32Array => (array ?? weights).subarray(from, to);
      kernels.adam(
        { weights: part(weights), means: part(means), squares: part(squares) },
        { values: part(values), scale: 0.7, decay: 0.01 },
        { weights: part(toWeights), means: part(toMeans), squares: part(toSquares) },
        by,
      );
    };
    apply(whole, 0, length);
    for (const [from, to] of [
      [0, 1],
      [1, 4],
      [4, 11],
      [11, 44],
      [44, 45],
    ] as const)
      apply(cut, from, to);
    expect(cut.map(bits)).toEqual(whole.map(bits));
  });

  test('sum squares block by block in float64, in an order that only the place in the block decides', () => {
    const blockLength = 24;
    const array = numbers('squares', 3 * blockLength + 5);
    const expected = [0, 1, 2, 3].map((block) => {
      const sums = new Float64Array(8);
      for (const [index, value] of array.subarray(block * blockLength, (block + 1) * blockLength).entries())
        sums[index % 8] = (sums[index % 8] ?? 0) + value * value;
      const [s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0] = sums;
      return s0 + s2 + (s4 + s6) + (s1 + s3 + (s5 + s7));
    });
    expect(bits(kernels.sumOfSquares(array, blockLength))).toBe(bits(Float64Array.from(expected)));
    expect(kernels.sumOfSquares(array.subarray(0, 0), blockLength)).toHaveLength(0);
  });

  test('hold a mean against a much larger number that comes or goes', () => {
    const at = (beta1: number, mean: number, gradient: number): number | undefined => {
      const [weights, values, means, squares] = [0, gradient, mean, 1].map((value) =>
        kernels.allocate(1).fill(value),
      ) as [Float32Array, Float32Array, Float32Array, Float32Array];
      const state = { weights, means, squares };
      const by = { rate: 0, beta1, beta2: 0.9, rootScale: 1, epsilon: 1, shrinkBefore: 1, shrinkAfter: 1 };
      kernels.adam(state, { values, scale: 1, decay: 0 }, state, by);
      return means[0];
    };
    expect(at(0, 1e9, 1)).toBe(1);
    expect(at(1, 1, 1e9)).toBe(1);
    expect(at(0.25, 8, 4)).toBe(5);
    expect(at(0.75, 8, 4)).toBe(7);
  });
});
