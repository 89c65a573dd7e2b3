import { join } from 'node:path';
import type { DataSpec, TrainingJobFile } from '../../training-contract.ts';
import { invalidData } from './data-failure.ts';
import { findDataFiles } from './data-files.ts';
import type { Dataset } from './dataset.ts';
import { PreparedDataset } from './prepared-dataset.ts';
import { prepare } from './prepare.ts';
import { Splits } from './splits.ts';

export interface DatasetRequest {
  /** The data on this machine: a file with the name it was given, or a folder. */
  source: { path: string; digest: string };
  data: DataSpec;
  loss: TrainingJobFile['loss'];
  seed: number;
  /** A folder that is there, for one dataset alone. What it takes: 4 bytes for each number, 1 for each level of an image's pixel. */
  workFolder: string;
  /** Prepared rows that take no more than this are held in memory. */
  memoryBytes: number;
  signal: AbortSignal;
}

/**
 * Reads data once, from beginning to end, into rows of one size, which are then read in any order. Memory is bounded, whatever the size
 * of the data. The same content, spec and seed give the same rows in the same order on every machine.
 *
 * @throws TrainingFailure of reasons DataNotFound, InvalidData, BadRows, StorageFull, OutOfMemory; or why the signal was aborted
 */
export async function openDataset(request: DatasetRequest): Promise<Dataset> {
  const { source, data, loss, seed, workFolder, memoryBytes, signal } = request;
  if (data.text) throw invalidData('spec.train.data.text is not served yet: models of text cannot be trained.');
  const files = await findDataFiles(source.path);
  const prepared = await prepare({ files, data, loss, path: join(workFolder, 'rows.bin'), memoryBytes, signal });
  try {
    return new PreparedDataset(source.digest, prepared, new Splits(prepared.rows, data, seed), data.scale);
  } catch (error) {
    await prepared.file.close();
    throw error;
  }
}
