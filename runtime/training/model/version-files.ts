import { createHash } from 'node:crypto';
import { folderDigest } from '../../store/folder.ts';
import type { AcceptanceSpec, HistoryPoint, TrainingJobFile } from '../../training-contract.ts';
import type { Dataset } from '../data/dataset.ts';
import { shortDigest } from '../job-identity.ts';
import { accepts } from './acceptance.ts';

/** What there is to write down once a job has trained. */
export interface TrainedVersion {
  job: TrainingJobFile;
  /** ONNX models. `best` has the lowest validation loss; the same as `last` where nothing was validated. */
  models: { best: Uint8Array; last: Uint8Array };
  /** Steps done when each of them was made. */
  steps: { best: number; last: number };
  /** `sha256:HEX` of the model file that training started from, where the job names one. */
  baseDigest: string | undefined;
  dataset: Pick<Dataset, 'digest' | 'rows' | 'badRows' | 'features' | 'featureNames' | 'classes' | 'split'>;
  /** Of the best model: `loss` and each metric. Empty where the split has no rows. */
  metrics: { validation: Record<string, number>; test: Record<string, number> };
  /** Every point of the loss curve. */
  history: readonly HistoryPoint[];
  software: Software;
}

/** The versions of all that computed the model; `platform` is the operating system and the processor, such as `linux-x64`. */
export interface Software {
  modelyard: string;
  onnxruntime: string;
  node: string;
  platform: string;
}

/** `manifest.json` of a version. It holds no time: the same job on the same software writes the same bytes. */
export interface VersionManifest {
  formatVersion: 1;
  modelName: string;
  job: { namespace: string; name: string };
  specHash: string;
  seed: number;
  /** The model that training started from, where the job names one: its URI, and the SHA-256 of the file. */
  base?: { uri: string; digest: string };
  data: { uri: string; digest: string; rows: number; badRows: number; split: Dataset['split'] };
  steps: { best: number; last: number };
  metrics: TrainedVersion['metrics'];
  acceptance: (AcceptanceSpec & { accepted: boolean }) | { accepted: true };
  software: Software;
  /** What a ModelDeployment serves: a folder of this version, and its digest as the model store computes it. */
  model: { folder: typeof modelFolder; digest: string };
  /** All files of the version but this one, sorted by path. */
  files: { path: string; bytes: number; sha256: string }[];
}

export const modelFolder = 'model';

/** The folder of a version in its lineage: named by all that decides the model's bytes. */
export const versionName = (
  { specHash }: TrainingJobFile,
  { baseDigest, dataset }: Pick<TrainedVersion, 'baseDigest'> & { dataset: Pick<Dataset, 'digest'> },
): string =>
  [specHash, dataset.digest, baseDigest]
    .filter((digest) => digest !== undefined)
    .map(shortDigest)
    .join('-');

export interface VersionFiles {
  manifest: VersionManifest;
  /** By path in the version's folder. The manifest is the last: a folder that has one is whole. */
  files: Map<string, Uint8Array>;
}

/** All files of a version, in the order in which to write them. */
export function versionFiles(trained: TrainedVersion): VersionFiles {
  const { job, models, steps, baseDigest, dataset, metrics, history, software } = trained;
  const contents: Record<string, Uint8Array | undefined> = {
    [`${modelFolder}/model.onnx`]: models.best,
    [`${modelFolder}/config.json`]: config(trained),
    [`${modelFolder}/preprocessor_config.json`]: preprocessing(trained),
    'last/model.onnx': models.last,
    'history.csv': historyCsv(history),
  };
  const files = new Map(
    Object.entries(contents).filter((entry): entry is [string, Uint8Array] => entry[1] !== undefined),
  );
  const { digest, rows, badRows, split } = dataset;
  const manifest: VersionManifest = {
    formatVersion: 1,
    modelName: job.output.modelName,
    job: { namespace: job.namespace, name: job.name },
    specHash: job.specHash,
    seed: job.seed,
    ...(job.model.kind === 'Onnx' &&
      baseDigest !== undefined && { base: { uri: job.model.location.uri, digest: baseDigest } }),
    data: { uri: job.data.location.uri, digest, rows, badRows, split },
    steps,
    metrics,
    acceptance: job.acceptance
      ? { ...job.acceptance, accepted: accepts(job.acceptance, metrics.test) }
      : { accepted: true },
    software,
    model: { folder: modelFolder, digest: digestOfFolder(files, modelFolder) },
    files: [...files]
      .map(([path, content]) => ({ path, bytes: content.byteLength, sha256: hex(content) }))
      .sort((a, b) => (a.path < b.path ? -1 : 1)),
  };
  files.set('manifest.json', json(manifest));
  return { manifest, files };
}

const hex = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

const json = (value: unknown): Uint8Array => Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);

/** As the model store computes it for whoever serves the folder. */
function digestOfFolder(files: ReadonlyMap<string, Uint8Array>, folder: string): string {
  const inside = [...files].filter(([path]) => path.startsWith(`${folder}/`));
  return folderDigest(inside.map(([path, content]) => ({ path: path.slice(folder.length + 1), digest: hex(content) })));
}

/** What a server calls the classes and the columns, and what it multiplies the numbers by. */
function config({ job, dataset: { classes, featureNames } }: TrainedVersion): Uint8Array | undefined {
  if (!classes && !featureNames) return undefined;
  const { scale } = job.data;
  return json({
    ...(classes ? { id2label: Object.fromEntries(classes.entries()) } : { problem_type: 'regression' }),
    ...(featureNames && { feature_names: featureNames, ...(scale !== 1 && { feature_scale: scale }) }),
  });
}

/**
 * How a server makes the model's input of a picture, as the data were made. Numbers of the shape of a picture are levels from 0 to 255
 * where the job scales them; where it does not, they are taken for fractions already, which is what a server gives without this file.
 */
function preprocessing({ job, dataset }: TrainedVersion): Uint8Array | undefined {
  const { image, scale } = job.data;
  const [channels = 0, height = 0, width = 0] = dataset.features.shape.slice(1);
  const isPicture = dataset.features.shape.length === 4 && (channels === 1 || channels === 3);
  if (!image && !(isPicture && scale !== 1)) return undefined;
  return json({
    do_resize: true,
    size: { height, width },
    // Bilinear, as Pillow numbers its filters.
    resample: 2,
    do_rescale: true,
    rescale_factor: image ? scale / 255 : scale,
    do_normalize: false,
  });
}

function historyCsv(history: readonly HistoryPoint[]): Uint8Array {
  const lines = history.map(({ step, loss, validationLoss }) => `${step},${loss},${validationLoss ?? ''}\n`);
  return Buffer.from(['step,loss,validationLoss\n', ...lines].join(''));
}
