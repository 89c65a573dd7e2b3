import { createHash, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { servingEnv } from '../../../../runtime/contract.ts';
import {
  trainingEnv,
  trainingPorts,
  type TrainingJobFile,
  type TrainingRole,
} from '../../../../runtime/training-contract.ts';
import { jobIn as usualJob } from '../../../support/training-job.ts';

/** A job of 27 steps, in a folder of its own. */
export interface SmallJob {
  root: string;
  job: TrainingJobFile;
  /** What each pod's loopback address begins with. */
  network: string;
}

/** How a job differs from the usual one. */
export type JobChanges = Omit<Partial<TrainingJobFile>, 'data' | 'optimizer' | 'checkpoint'> & {
  data?: Partial<TrainingJobFile['data']>;
  optimizer?: Partial<TrainingJobFile['optimizer']>;
  checkpoint?: Partial<TrainingJobFile['checkpoint']>;
  /** The share of rows whose label says nothing, so that the best epoch is not the last. */
  noise?: number;
};

/** Ends after 45 steps of 72, since nothing was better than what 18 steps made. */
export const endsEarly: JobChanges = { epochs: 8, noise: 0.4, patience: 3, optimizer: { learningRate: 0.003 } };

export async function createSmallJob({ noise = 0, ...changes }: JobChanges = {}): Promise<SmallJob> {
  const root = await mkdtemp(join(tmpdir(), 'modelyard-job-'));
  await mkdir(join(root, 'data'));
  await writeFile(join(root, 'data', 'rows.csv'), rows(noise));
  const job = jobIn(root, changes);
  await writeFile(join(root, 'job.json'), JSON.stringify(job));
  return { root, job, network: `127.${randomInt(30, 250)}.${randomInt(1, 250)}` };
}

const podName = (role: TrainingRole, index: number): string => `${role === 'Worker' ? 'worker' : 'ps'}-${index}`;

export const podAddress = ({ network }: SmallJob, role: TrainingRole, index: number): string =>
  `${network}.${(role === 'Worker' ? 100 : 1) + index}`;

/** What the operator would set for a pod. */
export function podEnvironment(
  small: SmallJob,
  servers: number,
  role: TrainingRole,
  index: number,
): Record<string, string> {
  const peers = Array.from(
    { length: servers },
    (_, server) => `${podAddress(small, 'ParameterServer', server)}:${trainingPorts.transport}`,
  );
  const name = podName(role, index);
  return {
    [trainingEnv.role]: role,
    [trainingEnv.index]: String(index),
    [trainingEnv.jobFile]: join(small.root, 'job.json'),
    [trainingEnv.parameterServers]: peers.join(','),
    [trainingEnv.terminationLog]: join(small.root, `${name}.words`),
    [servingEnv.podIp]: podAddress(small, role, index),
    [servingEnv.podName]: `job-${name}`,
    [servingEnv.cacheDir]: join(small.root, 'cache', name),
    [servingEnv.allowFileUris]: 'true',
    [servingEnv.logLevel]: 'debug',
  };
}

/** sha256 of every model that the job wrote, by its path. */
export async function modelsOf({ root }: SmallJob): Promise<Record<string, string>> {
  const folder = join(root, 'output');
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(({ name }) =>
    /^model\.onnx$|^history\.csv$/.test(name),
  );
  const digests = files
    .map((file) => join(file.parentPath, file.name))
    .map((path): [string, string] => [
      path.slice(folder.length + 1),
      createHash('sha256').update(readFileSync(path)).digest('hex'),
    ]);
  return Object.fromEntries(digests.sort(([a], [b]) => a.localeCompare(b)));
}

const columns = Array.from({ length: 16 }, (_, column) => `x${column}`);

/** Points around three centres: what a small network learns in a few steps. */
function rows(noise: number): string {
  let state = 7;
  const random = (): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  const lines = Array.from({ length: 330 }, (_, index) => {
    const kind = index % 3;
    const label = random() < noise ? Math.floor(3 * random()) : kind;
    return [...columns.map((_, column) => (Math.sin(kind * 2 + column) + random() - 0.5).toFixed(4)), `kind${label}`];
  });
  return [[...columns, 'label'], ...lines].map((line) => line.join(',')).join('\n');
}

function jobIn(root: string, { data, optimizer, checkpoint, ...changes }: JobChanges): TrainingJobFile {
  const at = (path: string) => ({ uri: pathToFileURL(join(root, path)).href });
  return usualJob(root, {
    model: { kind: 'Mlp', hidden: [128, 64], activation: 'Relu', dropout: 0.2 },
    data: { location: at('data/rows.csv'), ...data },
    optimizer: { ...optimizer },
    batchSize: 32,
    gradientShards: 8,
    checkpoint: { location: at('checkpoints'), every: 5, keep: 2, ...checkpoint },
    output: { location: at('output'), modelName: 'kinds' },
    ...changes,
  });
}
