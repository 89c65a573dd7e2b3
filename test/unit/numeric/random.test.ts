import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { normal, permutation, sequence, uniform } from '../../../runtime/numeric/random.ts';

const mean = (values: Float32Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const moment = (values: Float32Array, order: number): number =>
  values.reduce((sum, value) => sum + value ** order, 0) / values.length;

/** Pearson's. */
function correlation(a: Float32Array, b: Float32Array): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  let [both, ofA, ofB] = [0, 0, 0];
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? 0;
    both += (value - meanA) * (other - meanB);
    ofA += (value - meanA) ** 2;
    ofB += (other - meanB) ** 2;
  }
  return both / Math.sqrt(ofA * ofB);
}

const orderOf = (seed: number, length: number): number[] => {
  const order = permutation(seed, ['order'], length);
  return Array.from({ length }, (_, position) => order.at(position));
};

describe('random streams', () => {
  test('are the same in every release and on every machine', () => {
    expect([...uniform(1, ['a'], 4)]).toEqual([
      0.6762517094612122, 0.4608675241470337, 0.08686798810958862, 0.9066580533981323,
    ]);
    expect([...normal(1, ['a'], 4)]).toEqual([
      0.8579198122024536, -1.841185450553894, -0.07996387034654617, 0.3269827663898468,
    ]);
    expect([0, 1, 2, 3].map((position) => permutation(1, ['a'], 1_000).at(position))).toEqual([570, 312, 74, 754]);
  });

  test('begin the same however much is taken', () => {
    const long = uniform(3, ['long'], 20_001);
    for (const length of [0, 1, 5, 8_191, 8_192, 8_193, 20_000])
      expect(uniform(3, ['long'], length)).toEqual(long.subarray(0, length));
    const normals = normal(3, ['long'], 10_000);
    for (const length of [1, 4_096, 4_097]) expect(normal(3, ['long'], length)).toEqual(normals.subarray(0, length));
  });

  test('have nothing to do with each other: seeds, purposes, numbers, and numbers as text', () => {
    const keys = [[], ['a'], ['b'], ['a', 0], ['a', 1], ['a', '1'], ['a1'], [1, 'a'], ['a', 1, 0]];
    const streams = [1, 2, 2 ** 32 + 1, -1].flatMap((seed) => keys.map((key) => uniform(seed, key, 4_000)));
    for (const [index, stream] of streams.entries())
      for (const other of streams.slice(0, index)) expect(Math.abs(correlation(stream, other))).toBeLessThan(0.08);
  });

  test('of uniform numbers lie evenly in [0, 1)', () => {
    const values = uniform(5, ['spread'], 200_000);
    const cells = new Array<number>(100).fill(0);
    for (const value of values) {
      const cell = Math.floor(value * 100);
      cells[cell] = (cells[cell] ?? 0) + 1;
    }
    const chiSquare = cells.reduce((sum, count) => sum + (count - 2_000) ** 2 / 2_000, 0);
    expect(chiSquare).toBeLessThan(160);
    expect(Math.max(...values.subarray(0, 100_000))).toBeLessThan(1);
    expect(correlation(values.subarray(1), values.subarray(0, -1))).toBeCloseTo(0, 2);
  });

  test('of normal numbers have the moments of the normal distribution', () => {
    const values = normal(5, ['spread'], 200_000);
    expect(moment(values, 1)).toBeCloseTo(0, 2);
    expect(moment(values, 2)).toBeCloseTo(1, 1);
    expect(Math.abs(moment(values, 3))).toBeLessThan(0.03);
    expect(Math.abs(moment(values, 4) - 3)).toBeLessThan(0.06);
    const beyondTwo = values.filter((value) => Math.abs(value) > 2).length / values.length;
    expect(beyondTwo).toBeCloseTo(0.0455, 2);
  });
});

describe('a sequence', () => {
  test('goes on beyond any block with numbers that do not repeat', () => {
    const next = sequence(uniform, 9, ['endless']);
    const numbers = Float32Array.from({ length: 20_000 }, next);
    expect(numbers.subarray(0, 3)).toEqual(uniform(9, ['endless', 0], 3));
    expect(mean(numbers)).toBeCloseTo(0.5, 2);
    const blocks = [0, 4_096, 8_192].map((from) => numbers.subarray(from, from + 4_096));
    expect(Math.abs(correlation(blocks[0] ?? numbers, blocks[1] ?? numbers))).toBeLessThan(0.08);
    expect(Math.abs(correlation(blocks[1] ?? numbers, blocks[2] ?? numbers))).toBeLessThan(0.08);
  });

  test('is the same again for the same seed and key, and another for another', () => {
    const drawn = (seed: number, key: string): number[] => Array.from({ length: 5 }, sequence(normal, seed, [key]));
    expect(drawn(1, 'a')).toEqual(drawn(1, 'a'));
    expect(drawn(1, 'a')).not.toEqual(drawn(2, 'a'));
    expect(drawn(1, 'a')).not.toEqual(drawn(1, 'b'));
  });
});

describe('a permutation', () => {
  test('meets every number once', () => {
    const lengths = fc.oneof(fc.integer({ min: 0, max: 70 }), fc.constantFrom(255, 256, 257, 4_095, 4_096, 5_000));
    fc.assert(
      fc.property(lengths, fc.integer(), (length, seed) => {
        const sorted = orderOf(seed, length).sort((a, b) => a - b);
        expect(sorted).toEqual(Array.from({ length }, (_, index) => index));
      }),
    );
  });

  test('needs no list: a trillion numbers are as easy as ten', () => {
    const length = 2 ** 40;
    const order = permutation(1, ['large'], length);
    const drawn = Array.from({ length: 2_000 }, (_, position) => order.at(position * 123_456_789));
    expect(new Set(drawn).size).toBe(2_000);
    expect(drawn.every((number) => Number.isInteger(number) && number >= 0 && number < length)).toBe(true);
    expect(drawn.filter((number) => number < length / 2).length).toBeGreaterThan(900);
  });

  test('is any of the orders with the same chance', () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 24_000; seed++) {
      const order = orderOf(seed, 5).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0);
    expect(counts.size).toBe(120);
    expect(chiSquare).toBeLessThan(196);
  });

  test('keeps neither place nor neighbours', () => {
    const order = orderOf(7, 10_000);
    expect(order.filter((number, position) => number === position).length).toBeLessThan(8);
    expect(order.filter((number, position) => number + 1 === order[position + 1]).length).toBeLessThan(8);
    expect(Math.abs(correlation(Float32Array.from(order), Float32Array.from(order.keys())))).toBeLessThan(0.04);
  });

  test.each([-1, 10, Number.NaN])('has no number at position %d of ten', (position) => {
    expect(() => permutation(1, ['order'], 10).at(position)).toThrow(RangeError);
  });
});
