import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { ArrayReader, rowBlocks } from './array-reader.ts';
import { ByteReader } from './byte-reader.ts';
import { invalidData, shown } from './data-failure.ts';
import { limits } from './limits.ts';
import type { Column, DataFile, Format, Selection, TableRow } from './table.ts';

/** One array [rows, columns] of NumPy's; the names of the columns are their numbers, from 0. */
export const npy: Format = {
  naming: 'The columns of an npy file are its numbers, from "0" on; or save an npz file, whose arrays have names.',
  columns,
  rows,
};

async function columns(file: DataFile): Promise<Column[]> {
  const array = await open(file);
  await array.close();
  if (array.width > limits.columns) {
    throw invalidData(`${file.name} has ${array.width} columns, and at most ${limits.columns} are possible: use npz.`);
  }
  return Array.from({ length: array.width }, (_, column) => ({ name: String(column) }));
}

async function* rows(file: DataFile, selection: Selection): AsyncGenerator<TableRow[]> {
  const array = await open(file);
  try {
    const places = selection.columns.map(Number);
    const beyond = places.find((place) => place >= array.width);
    if (beyond !== undefined) throw invalidData(`${file.name} has no column ${shown(String(beyond))}.`);
    for (const { first, count } of rowBlocks(array.header.shape[0], array.rowBytes)) {
      const values = await array.read(count);
      yield Array.from({ length: count }, (_, row) => ({
        number: first + row + 1,
        cells: places.map((place) => values[row * array.width + place]),
      }));
    }
  } finally {
    await array.close();
  }
}

async function open(file: DataFile): Promise<ArrayReader> {
  const { size } = await stat(file.path);
  const bytes = new ByteReader(createReadStream(file.path, { highWaterMark: 256 * 1024 }));
  try {
    return await ArrayReader.open(file.name, bytes, size);
  } catch (error) {
    await bytes.close();
    throw error;
  }
}
