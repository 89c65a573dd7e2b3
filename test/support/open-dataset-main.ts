/**
 * Opens a dataset in a process of its own, where nothing but that takes memory: argument 1 is a `DatasetRequest` as JSON, without
 * its signal. Prints what it is, or why it is refused, and the most memory that the process ever took.
 */
import { readFileSync } from 'node:fs';
import { TrainingFailure } from '../../runtime/errors.ts';
import { openDataset, type DatasetRequest } from '../../runtime/training/data/open-dataset.ts';

const request = JSON.parse(process.argv[2] ?? '') as Omit<DatasetRequest, 'signal'>;
const opened = await openDataset({ ...request, signal: new AbortController().signal }).then(
  async (dataset) => {
    const { rows, badRows, features, classes, split } = dataset;
    await dataset.close();
    return { rows, badRows, features, classes, split };
  },
  (error: unknown) => {
    if (!(error instanceof TrainingFailure)) throw error;
    return { code: error.code, message: error.message };
  },
);

/** Since this program began: what getrusage says would include the process that started it. */
function mostBytes(): number {
  const most = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
  return most === undefined ? process.resourceUsage().maxRSS * 1024 : Number(most) * 1024;
}

console.log(JSON.stringify({ ...opened, mostBytes: mostBytes() }));
