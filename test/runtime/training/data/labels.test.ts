import { describe, expect, test } from '@jest/globals';
import { datasets, sortedRows } from './datasets.ts';

const { open } = datasets();

const csvOf = (labels: readonly unknown[]): string =>
  `x,label\n${labels.map((label, x) => `${x},${String(label)}\n`).join('')}`;

const jsonlOf = (labels: readonly unknown[]): string =>
  labels.map((label, x) => `${JSON.stringify({ x, label })}\n`).join('');

const numbersIn = async (dataset: Parameters<typeof sortedRows>[0]): Promise<(number | undefined)[]> =>
  (await sortedRows(dataset)).map(([, label]) => label);

describe('classes', () => {
  test.each([
    ['whole numbers from 0', [2, 0, 1, 0], ['0', '1', '2'], [2, 0, 1, 0]],
    [
      'any whole numbers, in their order and not that of text',
      [10, 9, -1, 100],
      ['-1', '9', '10', '100'],
      [2, 1, 0, 3],
    ],
    [
      'whole numbers however written',
      ['1', '1.0', '+1', '01', '2.', '-0', '0'],
      ['0', '1', '2'],
      [1, 1, 1, 1, 2, 0, 0],
    ],
    ['text, sorted', ['pear', 'Apple', 'zoo', 'apple', 'pear'], ['Apple', 'apple', 'pear', 'zoo'], [2, 0, 3, 1, 2]],
    ['text where any is no whole number', ['10', '9', 'x', '09'], ['09', '10', '9', 'x'], [1, 2, 3, 0]],
    ['text without the blanks around it', [' a', 'b ', 'a'], ['a', 'b'], [0, 1, 0]],
    ['fractions, as text', [0.5, 1.5, 0.5], ['0.5', '1.5'], [0, 1, 0]],
    [
      'numbers too large to be told apart, as text',
      ['9007199254740993', '9007199254740992'],
      ['9007199254740992', '9007199254740993'],
      [1, 0],
    ],
  ])('are %s', async (_, labels, classes, numbers) => {
    const dataset = await open('a.csv', csvOf(labels));
    expect(dataset.classes).toEqual(classes);
    expect(await numbersIn(dataset)).toEqual(numbers);
    expect(dataset.label).toEqual({ kind: 'Classes', classes: classes.length });
  });

  test('are booleans, numbers and text of jsonl', async () => {
    expect((await open('a.jsonl', jsonlOf([true, false, true]))).classes).toEqual(['false', 'true']);
    expect((await open('b.jsonl', jsonlOf([3, 1, 3.0]))).classes).toEqual(['1', '3']);
    expect((await open('c.jsonl', jsonlOf(['b', ['a'], 'b']))).classes).toEqual(['a', 'b']);
  });

  test('come as INT64, one for each row', async () => {
    const dataset = await open('a.csv', csvOf([1, 0, 1]));
    const { labels } = await dataset.read('train', 0, 0, 3, 'x');
    expect(labels.data).toBeInstanceOf(BigInt64Array);
    expect(labels.shape).toEqual([3]);
  });

  test('do not begin with those of rows that were left out', async () => {
    const dataset = await open('a.csv', 'x,label\nbad,zebra\n1,cat\n2,dog\n', { data: { maxBadRows: 1 } });
    expect(dataset.classes).toEqual(['cat', 'dog']);
  });

  test('are at most 65,536', async () => {
    const labels = Array.from({ length: 65_537 }, (_, i) => `name ${i}`);
    expect((await open('a.csv', csvOf(labels.slice(1)))).classes).toHaveLength(65_536);
    await expect(open('b.csv', csvOf(labels))).rejects.toMatchObject({
      code: 'InvalidData',
      message: expect.stringMatching(/spec.train.data.label has more than 65536 .* spec.train.loss: MeanSquaredError/),
    });
  });

  test('are at least two', async () => {
    await expect(open('a.csv', csvOf(['cat', 'cat']))).rejects.toMatchObject({
      code: 'InvalidData',
      message: 'spec.train.data.label: all rows have "cat" as "label"; a classifier needs two classes.',
    });
  });

  test.each([
    ['nothing', null, 'is missing'],
    ['blank text', ' ', 'is missing'],
    ['an object', {}, 'is no class (an object)'],
    ['several values', [1, 0], 'is no class (an array)'],
    ['a long text', 'x'.repeat(257), 'is longer than 256 characters'],
  ])('are never %s', async (_, label, problem) => {
    await expect(open('a.jsonl', jsonlOf([0, label, 1]))).rejects.toMatchObject({
      code: 'BadRows',
      message: expect.stringContaining(`a.jsonl row 2, column "label": ${problem}.`),
    });
  });
});

describe('targets of MeanSquaredError', () => {
  test('are one number', async () => {
    const dataset = await open('a.csv', csvOf([0.5, -1, 2]), { loss: 'MeanSquaredError', data: { scale: 10 } });
    expect(dataset.label).toEqual({ kind: 'Values', width: 1 });
    expect(dataset.classes).toBeUndefined();
    expect(await sortedRows(dataset)).toEqual([
      [0, 0.5],
      [10, -1],
      [20, 2],
    ]);
    const { labels } = await dataset.read('train', 0, 0, 2, 'x');
    expect(labels).toMatchObject({ data: expect.any(Float32Array), shape: [2, 1] });
  });

  test('are several numbers of an array', async () => {
    const dataset = await open(
      'a.jsonl',
      jsonlOf([
        [1, 2],
        [3, 4],
      ]),
      { loss: 'MeanSquaredError' },
    );
    expect(dataset.label).toEqual({ kind: 'Values', width: 2 });
    expect(await sortedRows(dataset)).toEqual([
      [0, 1, 2],
      [1, 3, 4],
    ]);
  });

  test('are never text', async () => {
    await expect(open('a.csv', csvOf([1, 'cat']), { loss: 'MeanSquaredError' })).rejects.toMatchObject({
      code: 'BadRows',
      message: expect.stringContaining('a.csv row 2, column "label": is no number ("cat").'),
    });
  });
});
