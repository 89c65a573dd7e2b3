/**
 * Opens a dataset in a process of its own, where nothing but that takes memory: argument 1 is a `DatasetRequest` as JSON, without
 * its signal. Prints what it is, or why it is refused, and the most memory that the process ever took.
 */
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
console.log(JSON.stringify({ ...opened, mostBytes: process.resourceUsage().maxRSS * 1024 }));
