import { readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RowFileWriter, type RowFile } from '../../../../runtime/training/data/row-file.ts';
import { datasets } from './datasets.ts';

const { folder, open } = datasets();

const rowBytes = 12;

/** Each row holds its number three times. */
async function written(rows: number, memoryBytes: number): Promise<RowFile> {
  const writer = await RowFileWriter.create(join(await folder(), 'rows.bin'), rowBytes);
  for (let row = 0; row < rows; row++) {
    writer.append(Buffer.from(Uint32Array.of(row, row, row).buffer));
    if (writer.isFull) await writer.flush();
  }
  return writer.finish(memoryBytes);
}

async function numbersOf(file: RowFile, rows: number[]): Promise<number[]> {
  const { bytes, offsets } = await file.read(Float64Array.from(rows), (length) => Buffer.alloc(length + 1, 0xff));
  return Array.from(offsets).flatMap((at) => [...new Uint32Array(bytes.buffer, bytes.byteOffset + at, 3)]);
}

describe('rows of a file', () => {
  const count = 200_000;
  test.each([
    ['from the disk', 0],
    ['from memory', 2 ** 24],
  ])('are read %s in any order, each as often as it is asked for', async (_, memoryBytes) => {
    const file = await written(count, memoryBytes);
    const anyRows = fc.array(fc.oneof(fc.nat(count - 1), fc.nat(20), fc.integer({ min: count - 20, max: count - 1 })));
    await fc.assert(
      fc.asyncProperty(anyRows, async (rows) => {
        expect(await numbersOf(file, rows)).toEqual(rows.flatMap((row) => [row, row, row]));
      }),
      { numRuns: 100 },
    );
    const backwards = Array.from({ length: 5_000 }, (_, i) => count - 1 - i);
    expect(await numbersOf(file, backwards)).toEqual(backwards.flatMap((row) => [row, row, row]));
    await file.close();
  });

  test('are gone with the dataset', async () => {
    const workFolder = await folder();
    const dataset = await open('a.csv', 'x,label\n1,0\n2,1\n', { workFolder });
    expect(await readdir(workFolder)).toEqual(['rows.bin']);
    await dataset.close();
    expect(await readdir(workFolder)).toEqual([]);
  });

  test('that were left behind by a process that died are written over', async () => {
    const workFolder = await folder({ 'rows.bin': 'x'.repeat(1000) });
    const dataset = await open('a.csv', 'x,label\n1,0\n2,1\n', { workFolder, memoryBytes: 0 });
    expect((await dataset.read('train', 0, 0, 2, 'x')).labels.data.length).toBe(2);
  });

  test('that do not fit on the disk are told apart from bad data', async () => {
    const workFolder = await folder();
    await symlink('/dev/full', join(workFolder, 'rows.bin'));
    await expect(open('a.csv', 'x,label\n1,0\n2,1\n', { workFolder })).rejects.toMatchObject({
      code: 'StorageFull',
      fault: { retrying: true },
      message: 'The prepared data do not fit on the disk of the pod: give it more ephemeral storage.',
    });
    expect(await readdir(workFolder)).toEqual([]);
  });
});
