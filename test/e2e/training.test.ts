import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { writeDigits } from '../../examples/digits/data.ts';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import type { TrainingJob } from '../../operator/api/training-job.gen.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { certificateAuthority } from '../cluster/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { rowOf, watchTable } from './job-table.ts';
import { JobTrace } from './job-trace.ts';
import { claim, filler, nodeVolume, storageEndpoint } from './manifests.ts';
import { images, namespaces, setStage, type Stage } from './stage.ts';
import { statusesOf, untruths } from './truth.ts';

interface Pod {
  metadata: { name: string; uid: string; deletionTimestamp?: string };
  status: {
    phase: string;
    containerStatuses?: { restartCount: number; state: { terminated?: { exitCode: number } } }[];
  };
}

const { team } = namespaces;
const root = join(import.meta.dirname, '..', '..');
const example = (file: string) => join(root, 'examples', 'digits', file);

/** Rows of the smaller data set: enough for a model that is accepted, and worse than one that sees all. */
const fewRows = 4_000;

let stage: Stage;
let trace: JobTrace;
const cleanups: (() => Promise<void>)[] = [];

/** Digits as two folders of one file each: all, and the first few. */
async function digitData(folder: string): Promise<Record<string, string>> {
  const [all, few] = [join(folder, 'all'), join(folder, 'few')];
  const path = await writeDigits(all);
  const lines = (await readFile(path, 'utf8')).split('\n').slice(0, fewRows + 1);
  await mkdir(few);
  await writeFile(join(few, 'digits.csv'), `${lines.join('\n')}\n`);
  return { 'all-digits': all, 'few-digits': few, 'digits-images': example('images') };
}

/** The claims `data`, with a few digits, and `models`, which is empty. */
async function setClaims(): Promise<void> {
  const { cluster } = stage;
  for (const name of ['data', 'models']) {
    if (cluster.isOurs) {
      const path = join(dirname(cluster.kubeconfig), 'volumes', name);
      await mkdir(path, { recursive: true });
      const node = await kubectl('get', 'nodes', '--output', 'jsonpath={.items[0].metadata.name}');
      await stage.apply(nodeVolume(team, name, node, path));
    }
    await stage.apply(claim(team, name, cluster.isOurs ? '' : undefined));
  }
  await stage.apply(filler(team, images.caller, '/data/few-digits', 'data'));
  await inTeam('wait', '--for=jsonpath={.status.phase}=Succeeded', '--timeout=120s', 'pod/fill-data');
  await inTeam('delete', 'pod', 'fill-data');
}

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-digits-'));
  try {
    stage = await setStage(await digitData(folder));
    cleanups.push(() => stage.stop());
  } finally {
    await rm(folder, { recursive: true });
  }
  await stage.call('upload.ts', storageEndpoint, 'data', '', '/data/all-digits');
  await Promise.all([stage.install('v1'), setClaims()]);
  trace = await JobTrace.start(stage.cluster.kubeconfig, team);
  cleanups.unshift(() => trace.stop());
}, 3_600_000);

afterAll(async () => {
  for (const cleanup of cleanups) await cleanup();
}, 60_000);

const kubectl = (...args: string[]) => stage.cluster.kubectl(args);
const inTeam = (...args: string[]) => kubectl('--namespace', team, ...args);

async function job(name: string): Promise<TrainingJob> {
  return JSON.parse(await inTeam('get', 'trainingjob', name, '--output', 'json')) as TrainingJob;
}

async function deployment(): Promise<ModelDeployment> {
  return JSON.parse(await inTeam('get', 'modeldeployment', 'digits', '--output', 'json')) as ModelDeployment;
}

const trainingPods = (name: string) => stage.get<Pod>(team, 'pods', `modelyard.dev/job=${name}`);

async function servingPods(): Promise<Pod[]> {
  const all = await stage.get<Pod>(team, 'pods', 'modelyard.dev/deployment=digits');
  return all.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** Waits until a job is over, and gives it. A job that fails says why. */
async function untilOver(name: string): Promise<TrainingJob> {
  await eventually(
    async () => expect(['Succeeded', 'Failed']).toContain((await job(name)).status?.phase),
    420_000,
    1_000,
  );
  const over = await job(name);
  expect(over.status).toMatchObject({ phase: 'Succeeded' });
  return over;
}

/** Waits until every container of a job has ended, and gives their exit codes. */
async function exitCodes(name: string): Promise<(number | undefined)[]> {
  let codes: (number | undefined)[] = [];
  await eventually(async () => {
    codes = (await trainingPods(name)).map(({ status }) => status.containerStatuses?.[0]?.state.terminated?.exitCode);
    expect(codes).not.toContain(undefined);
  }, 60_000);
  return codes;
}

/** Of an example, one object that is named, and changed. */
async function exampleJob(change: (job: TrainingJob) => void): Promise<KubeObject> {
  const [document] = parseAllDocuments(await readFile(example('train-s3.yaml'), 'utf8'));
  const object = document?.toJS() as TrainingJob & KubeObject;
  object.metadata.namespace = team;
  change(object);
  return object;
}

/** How many of the held-out digits the deployment names rightly, over REST; `digit-7-1.png` shows a 7. */
async function rightAnswers(): Promise<number> {
  const answers = JSON.parse(
    await stage.call('classify-all.ts', `digits.${team}.svc`, 'digits', '/data/digits-images'),
  ) as Record<string, string>;
  expect(Object.keys(answers)).toHaveLength(20);
  return Object.entries(answers).filter(([file, label]) => file.split('-')[1] === label).length;
}

const accuracyOf = ({ status }: TrainingJob): number => Number(status?.output?.testMetrics?.accuracy);

describe('a model that is trained on a cluster, and then served', () => {
  let first: TrainingJob;
  let second: TrainingJob;

  test('the example of the laptop trains on volumes, and kubectl tells the truth about it all the way', async () => {
    await stage.cluster.kubectl(['apply', '--namespace', team, '--filename', example('train-and-serve.yaml')]);
    const table = await watchTable(stage.cluster.kubeconfig, team, 'digits');
    try {
      first = await untilOver('digits');
      expect(await exitCodes('digits')).toEqual([0, 0, 0, 0, 0]);
    } finally {
      await table.stop();
    }
    expect(untruths(trace.seen(), 'digits', { endMs: performance.now() })).toEqual([]);
    const statuses = statusesOf(trace.seen(), 'digits').map(({ status }) => status);
    const phases = statuses.map(({ phase }) => phase).filter((phase, index, all) => phase !== all[index - 1]);
    expect(phases.filter((phase) => phase !== undefined)).toEqual(['Starting', 'Running', 'Succeeded']);
    const rows = statuses.map((status) => rowOf('digits', status));
    for (const row of table.rows()) expect(rows).toContain(row);
    expect(table.rows().at(-1)).toBe(rows.at(-1));
  }, 600_000);

  test('a ModelDeployment serves what was accepted and answers rightly', async () => {
    await inTeam('wait', '--for=condition=Ready', '--timeout=180s', 'modeldeployment/digits');
    const { status } = await deployment();
    expect(status?.trained).toMatchObject({ job: 'digits', digest: first.status?.output?.digest });
    expect(await rightAnswers()).toBeGreaterThanOrEqual(18);
  }, 240_000);

  test('a better model of the lineage, from S3, rolls out without one failed request', async () => {
    await stage.apply(await exampleJob(() => undefined));
    await inTeam('scale', 'modeldeployment/digits', '--replicas=2');
    second = await untilOver('digits-s3');
    expect(accuracyOf(second)).toBeGreaterThan(accuracyOf(first));
    await eventually(async () => {
      expect((await deployment()).status?.trained?.job).toBe('digits-s3');
    }, 60_000);
  }, 900_000);
});
