import { readdir, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { systemCode } from '../../store/errors.ts';
import { csv } from './csv.ts';
import { dataNotFound, invalidData, shown, shownList } from './data-failure.ts';
import { jsonl } from './jsonl.ts';
import { npy } from './npy.ts';
import { npz } from './npz.ts';
import { parquet } from './parquet.ts';
import type { DataFile, Format } from './table.ts';

const formats: Record<string, Format> = {
  '.csv': csv,
  '.jsonl': jsonl,
  '.npy': npy,
  '.npz': npz,
  '.parquet': parquet,
};

const known = Object.keys(formats).join(', ');

export interface DataFiles {
  format: Format;
  /** Of that format, in the order of their names. */
  files: [DataFile, ...DataFile[]];
  /** What the paths of images begin at. Undefined where the data are a single file. */
  folder: string | undefined;
}

const extensionOf = (name: string): string => extname(name).toLowerCase();

/** Files that begin with a dot or an underscore are notes of the programs that write data, such as `_SUCCESS`. */
const isData = (name: string): boolean => !/^[._]/.test(name) && extensionOf(name) in formats;

/**
 * The files that make up the data: the file itself, or those in the folder, not in folders within it.
 *
 * @throws TrainingFailure of reason DataNotFound or InvalidData
 */
export async function findDataFiles(path: string): Promise<DataFiles> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    (error: unknown) => {
      if (systemCode(error) !== 'ENOENT') throw error;
      throw dataNotFound('There is nothing at spec.train.data.uri.');
    },
  );
  const names = isFolder ? (await readdir(path)).sort() : [basename(path)];
  const [first, ...others] = names.filter(isData);
  const format = first === undefined ? undefined : formats[extensionOf(first)];
  if (first === undefined || !format) {
    throw dataNotFound(
      isFolder
        ? `The folder of spec.train.data.uri holds none of ${known}, but ${names.length === 0 ? 'nothing' : shownList(names)}.`
        : `The file ${shown(basename(path))} of spec.train.data.uri is none of ${known}.`,
    );
  }
  const extensions = new Set([first, ...others].map(extensionOf));
  if (extensions.size > 1) {
    throw invalidData(
      `The folder of spec.train.data.uri holds ${[...extensions].join(' and ')} files: leave one format, or name a file.`,
    );
  }
  const fileOf = (name: string): DataFile => ({ path: isFolder ? join(path, name) : path, name });
  return {
    format,
    files: [fileOf(first), ...others.map(fileOf)],
    folder: isFolder ? path : undefined,
  };
}
