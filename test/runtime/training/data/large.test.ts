import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { datasets } from './datasets.ts';

const { folder, openApart } = datasets();

const mebi = 1024 ** 2;
const part = 20_000;

/** A file of columns a, b and label. */
async function csvOf(rows: number): Promise<string> {
  const path = join(await folder(), 'large.csv');
  await using file = await openFile(path, 'w');
  await file.writeFile('a,b,label\n');
  for (let from = 0; from < rows; from += part) {
    const lines = Array.from({ length: part }, (_, i) => `${from + i},${(from + i) % 1000}.5,${(from + i) % 3}\n`);
    await file.writeFile(lines.join(''));
  }
  return path;
}

test('two million rows of csv take no more memory than half a million', async () => {
  const options = { memoryBytes: 0, data: { validationSplit: 0.1, testSplit: 0.1 } };
  const few = await openApart(await csvOf(500_000), options);
  const many = await openApart(await csvOf(2_000_000), options);
  expect(many).toMatchObject({
    rows: 2_000_000,
    badRows: 0,
    split: { train: 1_600_000, validation: 200_000, test: 200_000 },
  });
  expect(many.mostBytes - few.mostBytes).toBeLessThan(100 * mebi);
  expect(many.mostBytes).toBeLessThan(400 * mebi);
});
