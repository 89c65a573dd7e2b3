/**
 * Opens a dataset in a process of its own, where nothing but that takes memory: argument 1 is a `DatasetRequest` as JSON, without
 * its signal. Prints what it is, and the most memory that the process ever took.
 */
import { openDataset, type DatasetRequest } from '../../runtime/training/data/open-dataset.ts';

const request = JSON.parse(process.argv[2] ?? '') as Omit<DatasetRequest, 'signal'>;
const dataset = await openDataset({ ...request, signal: new AbortController().signal });
const { rows, badRows, features, classes, split } = dataset;
await dataset.close();
const mostBytes = process.resourceUsage().maxRSS * 1024;
console.log(JSON.stringify({ rows, badRows, features, classes, split, mostBytes }));
