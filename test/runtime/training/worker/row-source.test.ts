import { beforeEach, expect, test } from '@jest/globals';
import { RowSource } from '../../../../runtime/training/worker/row-source.ts';
import { rowsAt } from './scripted-job.ts';

const reads: string[] = [];
let source: RowSource;

beforeEach(() => {
  reads.length = 0;
  const dataset = {
    read: (split: string, epoch: number, from: number, to: number) => {
      reads.push(`${split} ${epoch}: ${from}-${to}`);
      return Promise.resolve(rowsAt(from, to));
    },
  };
  source = new RowSource(dataset, { rows: 21, batchSize: 8, gradientShards: 2, epochs: 3 }, 'features');
});

test('reads the rows of a shard of a step, in the order of its epoch', async () => {
  expect(await source.rowsOf(0, 1)).toMatchObject({ count: 4 });
  expect(await source.rowsOf(2, 1)).toMatchObject({ count: 3 });
  expect(await source.rowsOf(4, 0)).toMatchObject({ count: 4 });
  expect(reads).toEqual(['train 0: 4-8', 'train 0: 18-21', 'train 1: 8-12']);
});

test('weighs the rows of a batch alike, also those of a last one that is smaller', () => {
  expect([0, 1, 2, 3].map((step) => source.rowWeightOf(step))).toEqual([1 / 8, 1 / 8, 1 / 5, 1 / 8]);
});

test('reads what is expected once, before it is asked for', async () => {
  source.expect(1, [0, 1]);
  source.expect(1, [1]);
  expect(reads).toEqual(['train 0: 8-12', 'train 0: 12-16']);
  await source.rowsOf(1, 0);
  await source.rowsOf(1, 1);
  expect(reads).toHaveLength(2);
});

test('holds the rows of one step ahead and no more', async () => {
  source.expect(0, [0]);
  source.expect(1, [0]);
  await source.rowsOf(0, 0);
  expect(reads).toEqual(['train 0: 0-4', 'train 0: 8-12', 'train 0: 0-4']);
});

test('tells of a read that failed only whoever asks for its rows', async () => {
  const failing = new RowSource(
    { read: () => Promise.reject(new Error('no such rows')) },
    { rows: 21, batchSize: 8, gradientShards: 2, epochs: 3 },
    'features',
  );
  failing.expect(0, [0]);
  await new Promise((resolve) => setImmediate(resolve));
  await expect(failing.rowsOf(0, 0)).rejects.toThrow('no such rows');
});
