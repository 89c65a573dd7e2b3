import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import type { Log } from '../../lib/log.ts';
import type { StorageConfig } from '../config.ts';
import { decodeModel } from '../onnx/model.ts';
import { readFloats } from '../onnx/tensors.ts';
import { obtainContent } from '../store/content.ts';
import { resolveModel } from '../store/model.ts';
import type { StoreHooks } from '../store/request.ts';
import type { Location, LocationName, TrainingJobFile } from '../training-contract.ts';
import { buildTrainingGraph } from './autodiff/build-training-graph.ts';
import { notTrainable } from './autodiff/refusal.ts';
import { withoutAliases } from './autodiff/source-model.ts';
import type { Dataset } from './data/dataset.ts';
import { openDataset } from './data/open-dataset.ts';
import { buildModel } from './model/build-model.ts';
import { replaceHead } from './model/replace-head.ts';
import { placeFailure, places } from './places.ts';
import type { TrainingGraph } from './training-graph.ts';

/** Model and data of a job, on this machine. */
export interface Program {
  /** ONNX, as it is before the first step. */
  model: Uint8Array;
  /** `sha256:HEX` of the model file that the job names; undefined where it names none. */
  baseDigest: string | undefined;
  graph: TrainingGraph;
  /** `sha256:HEX` of the graphs: pods whose graphs differ must not work together. */
  digest: string;
  dataset: Dataset;
  /** Gives back the disk space that the data take. */
  close(): Promise<void>;
}

export interface ProgramRequest {
  job: TrainingJobFile;
  storageOf: (name: LocationName, location: Location) => StorageConfig;
  /** A folder for the prepared data, of this process alone. What is in it is removed. */
  workFolder: string;
  signal: AbortSignal;
  log: Log;
}

/** Prepared rows that take no more than this are held in memory. */
const memoryBytes = 256 * 1024 * 1024;

/** Obtains data and model, and derives the graphs. Rejects with TrainingFailure, or with the signal's reason. */
export async function prepareProgram(request: ProgramRequest): Promise<Program> {
  const { job, workFolder } = request;
  const dataset = await obtainDataset(request);
  const close = async (): Promise<void> => {
    await dataset.close();
    await rm(workFolder, { recursive: true, force: true });
  };
  try {
    const { model, baseDigest } = await obtainModel(request, dataset);
    const { loss, freeze } = job;
    const rowShape = dataset.features.shape.slice(1);
    const graph = await buildTrainingGraph(model, { loss, freeze, label: dataset.label, rowShape });
    requireFit(graph, dataset);
    return { model, baseDigest, graph, digest: digestOf(graph), dataset, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The flat vector before the first step. */
export function initialWeights({ model, graph: { layout } }: Pick<Program, 'model' | 'graph'>): Float32Array {
  const { node, initializer } = decodeModel(model).graph;
  const { initializers } = withoutAliases(node, initializer);
  const vector = new Float32Array(layout.total);
  for (const { name, offset } of layout.entries) {
    const tensor = initializers.get(name);
    if (!tensor) throw new Error(`the model has no weight ${JSON.stringify(name)}`);
    vector.set(readFloats(tensor), offset);
  }
  return vector;
}

const hooksOf = ({ signal, log }: ProgramRequest): StoreHooks => ({ onProgress: () => undefined, signal, log });

async function obtainDataset(request: ProgramRequest): Promise<Dataset> {
  const { job, storageOf, workFolder, signal } = request;
  const { data, loss, seed } = job;
  const { uri } = data.location;
  const storage = storageOf('data', data.location);
  const source = await at('data', obtainContent({ uri, ...places.data, storage }, hooksOf(request)));
  await rm(workFolder, { recursive: true, force: true });
  await mkdir(workFolder, { recursive: true });
  return openDataset({ source, data, loss, seed, workFolder, memoryBytes, signal });
}

async function obtainModel(
  request: ProgramRequest,
  { features, label }: Dataset,
): Promise<Pick<Program, 'model' | 'baseDigest'>> {
  const { job, storageOf } = request;
  if (job.model.kind !== 'Onnx') {
    return { model: buildModel(job.model, { features, label, seed: job.seed }), baseDigest: undefined };
  }
  const { uri } = job.model.location;
  const { field } = places.model;
  const storage = storageOf('model', job.model.location);
  const wanted = { uri, field, storage, digest: undefined, pinnedDigest: undefined };
  const { modelPath } = await at('model', resolveModel(wanted, hooksOf(request)));
  const bytes = await readFile(modelPath);
  return {
    model: job.headClasses === undefined ? bytes : replaceHead(bytes, job.headClasses, job.seed),
    baseDigest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
  };
}

const at = <T>(name: LocationName, obtained: Promise<T>): Promise<T> =>
  obtained.catch((error: unknown) => Promise.reject(placeFailure(error, name) as Error));

/** The model must take what the rows hold. */
function requireFit({ inputs }: TrainingGraph, { features }: Dataset): void {
  const [input, ...others] = inputs;
  if (input === undefined || others.length > 0) {
    const names = inputs.map(({ name }) => name).join(', ');
    throw notTrainable(`The model takes the inputs ${names}, and rows of data make one; export it with one input.`);
  }
  const takes = `${input.dataType} of the shape [${input.shape.join(', ')}]`;
  const has = `${features.dataType} of the shape [${features.shape.join(', ')}]`;
  if (takes === has) return;
  throw notTrainable(
    `The model takes ${takes}, and the data have ${has}, where -1 are the rows; set spec.train.data.shape or spec.train.data.features so that they fit.`,
  );
}

function digestOf({ layout, training, evaluation }: TrainingGraph): string {
  const hash = createHash('sha256').update(JSON.stringify(layout)).update(training).update(evaluation);
  return `sha256:${hash.digest('hex')}`;
}
