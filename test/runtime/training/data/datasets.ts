import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach } from '@jest/globals';
import type { Dataset, SplitName } from '../../../../runtime/training/data/dataset.ts';
import { openDataset, type DatasetRequest } from '../../../../runtime/training/data/open-dataset.ts';
import type { DataSpec } from '../../../../runtime/training-contract.ts';

export const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name);

/** What open-dataset-main.ts prints. */
export interface Opened extends Partial<Pick<Dataset, 'rows' | 'badRows' | 'features' | 'classes' | 'split'>> {
  /** Where it was refused. */
  code?: string;
  message?: string;
  mostBytes: number;
}

const main = fileURLToPath(new URL('../../../support/open-dataset-main.ts', import.meta.url));

export interface Options extends Partial<Omit<DatasetRequest, 'data' | 'source'>> {
  data?: Partial<DataSpec>;
}

/** Folders and datasets of one test file, which are gone after each test. */
export function datasets() {
  const folders: string[] = [];
  const opened: Dataset[] = [];
  afterEach(async () => {
    for (const dataset of opened.splice(0)) await dataset.close();
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
  });

  const folder = async (files: Record<string, string | Uint8Array> = {}): Promise<string> => {
    const path = await mkdtemp(join(tmpdir(), 'modelyard-data-'));
    folders.push(path);
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), content);
    }
    return path;
  };

  /** Of data without splits, unless they are asked for. */
  const requestOf = async (path: string, { data, ...options }: Options): Promise<DatasetRequest> => ({
    source: { path, digest: 'sha256:given' },
    data: {
      location: { uri: 'pvc://data/here' },
      label: 'label',
      scale: 1,
      validationSplit: 0,
      testSplit: 0,
      maxBadRows: 0,
      ...data,
    },
    loss: 'CrossEntropy',
    seed: 1,
    workFolder: await folder(),
    memoryBytes: 1024 ** 2,
    signal: new AbortController().signal,
    ...options,
  });

  const openPath = async (path: string, options: Options = {}): Promise<Dataset> => {
    const dataset = await openDataset(await requestOf(path, options));
    opened.push(dataset);
    return dataset;
  };

  return {
    folder,
    openPath,
    /** Opens and closes it in a process of its own. */
    openApart: async (path: string, options: Options = {}): Promise<Opened> => {
      const request = JSON.stringify({ ...(await requestOf(path, options)), signal: undefined });
      const { stdout } = await promisify(execFile)(process.execPath, [main, request]);
      return JSON.parse(stdout) as Opened;
    },
    /** Opens a file of that name and content. */
    open: async (name: string, content: string | Uint8Array, options: Options = {}): Promise<Dataset> =>
      openPath(join(await folder({ [name]: content }), name), options),
  };
}

/** Features, then labels, of each row of a split, as it comes. */
export async function rowsIn(dataset: Dataset, split: SplitName = 'train', epoch = 0): Promise<number[][]> {
  const { count, inputs, labels } = await dataset.read(split, epoch, 0, dataset.split[split], 'x');
  const features = [...(inputs.get('x')?.data ?? [])].map(Number);
  const targets = [...labels.data].map(Number);
  const [width, targetWidth] = [features.length / count, targets.length / count];
  return Array.from({ length: count }, (_, row) => [
    ...features.slice(row * width, (row + 1) * width),
    ...targets.slice(row * targetWidth, (row + 1) * targetWidth),
  ]);
}

/** The rows of a dataset in an order that does not depend on its shuffling. */
export async function sortedRows(dataset: Dataset): Promise<number[][]> {
  return (await rowsIn(dataset)).sort((a, b) => {
    const at = a.findIndex((value, index) => value !== b[index]);
    return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
  });
}
