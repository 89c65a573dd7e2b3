import { stat } from 'node:fs/promises';
import { openPromise, type Entry, type ZipFile } from 'yauzl';
import { ArrayReader, rowBlocks } from './array-reader.ts';
import { ByteReader } from './byte-reader.ts';
import { invalidData, shown, unreadable } from './data-failure.ts';
import { limits } from './limits.ts';
import type { NumberArray } from './numpy-array.ts';
import type { Column, DataFile, Format, Selection, TableRow } from './table.ts';

/** Several arrays of NumPy's in a zip file, each with as many rows; their names are the columns. */
export const npz: Format = { columns, rows };

/** So many bytes may come out of a file of any size, and of each of its bytes, so many. */
const inflated = { bytes: 1024 ** 3, timesTheFile: 200 } as const;

async function columns(file: DataFile): Promise<Column[]> {
  return withArchive(file, async (archive) => {
    const result: Column[] = [];
    for (const name of archive.entries.keys()) {
      const array = await archive.open(name);
      await array.close();
      result.push({ name, shape: array.header.shape.slice(1) });
    }
    return result;
  });
}

async function* rows(file: DataFile, { columns: names }: Selection): AsyncGenerator<TableRow[]> {
  const archive = await Archive.open(file);
  const arrays: ArrayReader[] = [];
  try {
    for (const name of names) arrays.push(await archive.open(name));
    const count = sameRows(file, names, arrays);
    const rowBytes = arrays.reduce((sum, array) => sum + array.rowBytes, 0);
    for (const block of rowBlocks(count, rowBytes)) yield await readBlock(arrays, block);
  } catch (error) {
    throw unreadable(file.name, error);
  } finally {
    for (const array of arrays) await array.close();
    archive.close();
  }
}

async function readBlock(
  arrays: readonly ArrayReader[],
  { first, count }: { first: number; count: number },
): Promise<TableRow[]> {
  const blocks: { values: NumberArray; width: number }[] = [];
  for (const array of arrays) blocks.push({ values: await array.read(count), width: array.width });
  return Array.from({ length: count }, (_, row) => ({
    number: first + row + 1,
    cells: blocks.map(({ values, width }) =>
      width === 1 ? values[row] : values.subarray(row * width, (row + 1) * width),
    ),
  }));
}

function sameRows(file: DataFile, names: readonly string[], arrays: readonly ArrayReader[]): number {
  const counts = arrays.map(({ header }) => header.shape[0]);
  const [first = 0] = counts;
  const other = counts.findIndex((count) => count !== first);
  if (other >= 0) {
    throw invalidData(
      `${file.name}: the array ${shown(names[0] ?? '')} has ${first} rows, and ${shown(names[other] ?? '')} has ${counts[other] ?? 0}.`,
    );
  }
  return first;
}

async function withArchive<T>(file: DataFile, use: (archive: Archive) => Promise<T>): Promise<T> {
  const archive = await Archive.open(file);
  try {
    return await use(archive);
  } catch (error) {
    throw unreadable(file.name, error);
  } finally {
    archive.close();
  }
}

class Archive {
  /** By the names of their arrays, in the order of the archive. */
  readonly entries: ReadonlyMap<string, Entry>;
  readonly #file: DataFile;
  readonly #zip: ZipFile;

  private constructor(file: DataFile, zip: ZipFile, entries: Map<string, Entry>) {
    this.#file = file;
    this.#zip = zip;
    this.entries = entries;
  }

  /** @throws TrainingFailure of reason InvalidData where the file is no zip file, or a bomb */
  static async open(file: DataFile): Promise<Archive> {
    const { size } = await stat(file.path);
    let zip: ZipFile | undefined;
    try {
      zip = await openPromise(file.path, { autoClose: false });
      const entries = new Map<string, Entry>();
      let bytes = 0;
      for await (const entry of zip.eachEntry()) {
        entries.set(entry.fileName.replace(/\.npy$/, ''), entry);
        bytes += entry.uncompressedSize;
        if (entries.size > limits.arrays) {
          throw invalidData(`${file.name} holds more than ${limits.arrays} arrays.`);
        }
      }
      if (bytes > Math.max(inflated.bytes, size * inflated.timesTheFile)) {
        throw invalidData(
          `${file.name} says that its ${size} bytes are ${bytes} bytes when inflated: save it with numpy.savez, uncompressed.`,
        );
      }
      return new Archive(file, zip, entries);
    } catch (error) {
      zip?.close();
      throw unreadable(file.name, error);
    }
  }

  async open(name: string): Promise<ArrayReader> {
    const entry = this.entries.get(name);
    if (!entry) throw invalidData(`${this.#file.name} has no array ${shown(name)}.`);
    const bytes = new ByteReader(await this.#zip.openReadStreamPromise(entry));
    try {
      return await ArrayReader.open(`${this.#file.name}: the array ${shown(name)}`, bytes, entry.uncompressedSize);
    } catch (error) {
      await bytes.close();
      throw error;
    }
  }

  close(): void {
    this.#zip.close();
  }
}
