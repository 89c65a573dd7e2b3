import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Splits } from '../../../../runtime/training/data/splits.ts';
import type { SplitName } from '../../../../runtime/training/data/dataset.ts';
import { datasets, rowsIn } from './datasets.ts';

const { open } = datasets();

const names: SplitName[] = ['train', 'validation', 'test'];

const order = (splits: Splits, split: SplitName, epoch = 0): number[] =>
  Array.from({ length: splits.sizes[split] }, (_, position) => splits.rowAt(split, epoch, position));

describe('splits', () => {
  test('hold every row exactly once, in every epoch', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 3000 }),
        fc.double({ min: 0.05, max: 0.45, noNaN: true }),
        fc.double({ min: 0.05, max: 0.45, noNaN: true }),
        fc.nat(),
        fc.nat(100),
        (rows, validationSplit, testSplit, seed, epoch) => {
          const splits = new Splits(rows, { validationSplit, testSplit }, seed);
          const all = names.flatMap((name) => order(splits, name, epoch)).sort((a, b) => a - b);
          expect(all).toEqual(Array.from({ length: rows }, (_, row) => row));
          expect(splits.sizes.test).toBe(Math.round(rows * testSplit));
          expect(splits.sizes.validation).toBe(Math.round(rows * validationSplit));
        },
      ),
      { numRuns: 50 },
    );
  });

  test('are the same by the same seed, and others by another', () => {
    const [first, again, other] = [7, 7, 8].map((seed) => {
      const splits = new Splits(1000, { validationSplit: 0.1, testSplit: 0.1 }, seed);
      return names.map((name) => order(splits, name));
    });
    expect(again).toEqual(first);
    for (const [index] of names.entries()) expect(other?.[index]).not.toEqual(first?.[index]);
  });

  test('train in another order in each epoch, whichever is asked for first', () => {
    const splits = new Splits(1000, { validationSplit: 0.1, testSplit: 0.1 }, 7);
    const [zero, one] = [order(splits, 'train', 0), order(splits, 'train', 1)];
    expect(one).not.toEqual(zero);
    expect(order(splits, 'train', 0)).toEqual(zero);
    for (const name of ['validation', 'test'] as const) expect(order(splits, name, 1)).toEqual(order(splits, name, 0));
  });

  test('of nothing are empty, without being asked for', () => {
    expect(new Splits(3, { validationSplit: 0, testSplit: 0 }, 1).sizes).toEqual({ train: 3, validation: 0, test: 0 });
  });

  test.each([
    [
      4,
      { validationSplit: 0.1, testSplit: 0.5 },
      'spec.train.data.validationSplit 0.1 of 4 rows is none: give more rows, or 0.',
    ],
    [
      4,
      { validationSplit: 0.5, testSplit: 0.1 },
      'spec.train.data.testSplit 0.1 of 4 rows is none: give more rows, or 0.',
    ],
    [2, { validationSplit: 0.5, testSplit: 0.5 }, /validationSplit and testSplit leave none of 2 rows to train on/],
  ])('of %i rows by %j are refused', (rows, shares, message) => {
    expect(() => new Splits(rows, shares, 1)).toThrow(message);
  });

  test('have no positions beyond their ends', () => {
    const splits = new Splits(10, { validationSplit: 0.2, testSplit: 0.2 }, 1);
    for (const name of names) {
      expect(() => splits.rowAt(name, 0, splits.sizes[name])).toThrow(RangeError);
      expect(() => splits.rowAt(name, 0, -1)).toThrow(RangeError);
    }
  });

  test('take no memory for rows: a trillion are as quick as ten', () => {
    const splits = new Splits(2 ** 40, { validationSplit: 0.1, testSplit: 0.1 }, 1);
    expect(splits.rowAt('train', 3, 2 ** 39)).toBeLessThan(2 ** 40);
  });
});

describe('batches', () => {
  const content = `x,label\n${Array.from({ length: 500 }, (_, i) => `${i},${i % 7}\n`).join('')}`;
  const options = { data: { validationSplit: 0.1, testSplit: 0.1 } };

  test('of any size, in any order and at the same time, are parts of the same order', async () => {
    for (const memoryBytes of [0, 1024 ** 2]) {
      const dataset = await open('a.csv', content, { ...options, memoryBytes });
      const whole = await rowsIn(dataset, 'train', 2);
      const batches = await Promise.all(
        [390, 0, 100, 250].map(async (from) => {
          const to = Math.min(from + 150, 400);
          const { inputs, labels } = await dataset.read('train', 2, from, to, 'x');
          return { from, to, x: [...(inputs.get('x')?.data ?? [])], labels: [...labels.data].map(Number) };
        }),
      );
      for (const { from, to, x, labels } of batches) {
        expect(x.map((value, i) => [value, labels[i]])).toEqual(whole.slice(from, to));
      }
    }
  });

  test('keep each row together with its label, over all splits', async () => {
    const dataset = await open('a.csv', content, options);
    const all = (await Promise.all(names.map((name) => rowsIn(dataset, name)))).flat();
    expect(new Set(all.map(([x]) => x)).size).toBe(500);
    expect(all.every(([x = 0, label]) => label === x % 7)).toBe(true);
  });

  test('of no rows are empty', async () => {
    const dataset = await open('a.csv', content, options);
    expect(await dataset.read('train', 0, 5, 5, 'x')).toEqual({
      count: 0,
      inputs: new Map([['x', { data: new Float32Array(0), shape: [0, 1] }]]),
      labels: { data: new BigInt64Array(0), shape: [0] },
    });
  });
});
