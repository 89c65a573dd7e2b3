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

interface LoadCount {
  answers: Record<string, number>;
  failures: Record<string, number>;
}

const { team } = namespaces;
const root = join(import.meta.dirname, '..', '..');
const example = (file: string) => join(root, 'examples', 'digits', file);

/** Of the example on S3: three times as many as it asks for, so that a job is still training when all has been done to it. */
const epochs = 24;
const steps = epochs * 75;
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

/** Waits until a job's status is like that. */
async function untilStatus(name: string, status: object): Promise<void> {
  await eventually(async () => expect((await job(name)).status).toMatchObject(status), 180_000, 500);
}

async function untilStep(name: string, step: number): Promise<void> {
  await eventually(async () => expect((await job(name)).status?.step).toBeGreaterThanOrEqual(step), 240_000, 500);
}

async function suspend(name: string, suspended: boolean): Promise<void> {
  const patch = JSON.stringify({ spec: { runPolicy: { suspend: suspended } } });
  await inTeam('patch', 'trainingjob', name, '--type=merge', '--patch', patch);
}

/** What tells one run of a pod's container from another. */
const runs = (all: Pod[]) =>
  all.map(({ metadata, status }) => [metadata.uid, status.containerStatuses?.[0]?.restartCount]).sort();

/** The phases of a job, each as often as it came. */
function phasesOf(name: string): string[] {
  const phases = statusesOf(trace.seen(), name).flatMap(({ status }) => status.phase ?? []);
  return phases.filter((phase, index) => phase !== phases[index - 1]);
}

/** A Secret as cert-manager makes them, good for all pods of one job. */
async function transportSecret(name: string): Promise<KubeObject> {
  const authority = await certificateAuthority(new Date());
  const { certificate, key } = await authority.peer([`*.${name}-training.${team}.svc`]);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: { namespace: team, name: `${name}-tls` },
    stringData: { 'tls.crt': certificate, 'tls.key': key, 'ca.crt': authority.certificate },
  };
}

/** The longer job of the example, or one that differs from it. */
async function exampleJob(change: (made: TrainingJob) => void = () => undefined): Promise<KubeObject> {
  const [document] = parseAllDocuments(await readFile(example('train-s3.yaml'), 'utf8'));
  const object = document?.toJS() as TrainingJob & KubeObject;
  object.metadata.namespace = team;
  if (object.spec.train !== undefined) object.spec.train.epochs = epochs;
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
    // Between two looks at its pods, this short job may have run from its start to its end.
    expect(phasesOf('digits').filter((phase) => phase !== 'Running')).toEqual(['Starting', 'Succeeded']);
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
    await inTeam('scale', 'modeldeployment/digits', '--replicas=2');
    await inTeam('wait', '--for=jsonpath={.status.readyReplicas}=2', '--timeout=120s', 'modeldeployment/digits');
    const before = await servingPods();
    await stage.apply(await exampleJob());
    await untilStep('digits-s3', 300);
    const load = stage.call('load.ts', `digits.${team}.svc`, 'digits', '/data/digits-images/digit-7-1.png', '2', '20');
    const requests = async () => Number(await stage.read('/tmp/progress'));
    await eventually(async () => expect(await requests()).toBeGreaterThanOrEqual(200), 60_000);
    second = await untilOver('digits-s3');
    expect(accuracyOf(second)).toBeGreaterThan(accuracyOf(first));
    await eventually(async () => {
      const { status } = await deployment();
      expect(status?.trained).toMatchObject({ job: 'digits-s3', digest: second.status?.output?.digest });
      expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
      const uids = (await servingPods()).map(({ metadata }) => metadata.uid);
      expect(uids).toHaveLength(2);
      for (const { metadata } of before) expect(uids).not.toContain(metadata.uid);
    }, 240_000);
    const atRollout = await requests();
    await eventually(async () => expect(await requests()).toBeGreaterThan(atRollout + 500), 120_000);
    await stage.write('/tmp/stop', '');
    const { http, grpc } = JSON.parse(await load) as Record<'http' | 'grpc', LoadCount>;
    for (const { answers, failures } of [http, grpc]) {
      expect(failures).toEqual({});
      expect(Object.keys(answers)).toEqual(['7']);
    }
    expect(await rightAnswers()).toBeGreaterThanOrEqual(18);
  }, 900_000);

  test('a model that acceptance refuses is kept, and never served', async () => {
    const before = runs(await servingPods());
    await stage.apply(
      await exampleJob((hasty) => {
        hasty.metadata.name = 'digits-hasty';
        if (hasty.spec.train !== undefined) hasty.spec.train.epochs = 1;
        hasty.spec.workers.replicas = 1;
        hasty.spec.acceptance = { metric: 'accuracy', atLeast: 0.99 };
      }),
    );
    const { status } = await untilOver('digits-hasty');
    expect(status?.output).toMatchObject({ accepted: false });
    expect(status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Accepted', status: 'False', reason: 'BelowCriterion' }),
    );
    expect(await exitCodes('digits-hasty')).toEqual([0, 0, 0]);
    expect((await deployment()).status?.trained?.job).toBe('digits-s3');
    expect(runs(await servingPods())).toEqual(before);
  }, 600_000);

  test('robbed of pods, resized, suspended and resumed, under mutual TLS, a job makes the same bytes', async () => {
    const name = 'digits-disturbed';
    await stage.apply(await transportSecret(name));
    await stage.apply(
      await exampleJob((disturbed) => {
        disturbed.metadata.name = name;
        disturbed.spec.output.modelName = 'disturbed';
        disturbed.spec.transport = { tlsSecretRef: { name: `${name}-tls` } };
      }),
    );
    await untilStep(name, 20);
    // The object is gone at once, and its process a little later: two of one name run at the same time.
    await inTeam('delete', 'pod', `${name}-ps-1`, '--force', '--grace-period=0');
    await untilStatus(name, { phase: 'Running', parameterServers: { evictions: 1, ready: 2 } });
    await inTeam('delete', 'pod', `${name}-worker-0`, '--wait=false');
    await inTeam('scale', `trainingjob/${name}`, '--replicas=3');
    await untilStatus(name, { phase: 'Running', workers: { evictions: 1, ready: 3 } });
    await untilStep(name, ((await job(name)).status?.step ?? 0) + 1);
    await suspend(name, true);
    await untilStatus(name, { phase: 'Suspended' });
    expect((await job(name)).status?.step).toBeLessThan(steps);
    await suspend(name, false);
    const { status } = await untilOver(name);
    expect(await exitCodes(name)).toEqual([0, 0, 0, 0, 0]);
    expect(status).toMatchObject({ step: steps, output: { digest: second.status?.output?.digest } });
    expect(status?.recomputedSteps).toBeLessThanOrEqual(1);
    expect(status?.conditions).toContainEqual(expect.objectContaining({ type: 'TransportSecured', status: 'True' }));
    expect(untruths(trace.seen(), name, { serversMayDie: true, endMs: performance.now() })).toEqual([]);
    // A status is written in 5 s: what is over sooner may not show.
    const phases = phasesOf(name).filter((phase) => phase !== 'Restarting' && phase !== 'Suspending');
    expect(phases.filter((phase, index) => phase !== phases[index - 1])).toEqual([
      ...['Starting', 'Running', 'Suspended', 'Starting', 'Running', 'Succeeded'],
    ]);
  }, 900_000);

  test('the deployment serves on when the jobs are gone, also from new pods', async () => {
    await inTeam('delete', 'trainingjobs', '--all', '--wait', '--timeout=120s');
    await eventually(async () => {
      expect(await stage.get(team, 'pods', 'app.kubernetes.io/component=training')).toEqual([]);
    }, 120_000);
    const [pod] = await servingPods();
    await inTeam('delete', 'pod', pod?.metadata.name ?? '', '--wait');
    await eventually(async () => {
      const { status } = await deployment();
      expect(status).toMatchObject({ readyReplicas: 2, trained: { job: 'digits-s3' } });
      expect((await servingPods()).map(({ metadata }) => metadata.uid)).not.toContain(pod?.metadata.uid);
    }, 120_000);
    expect(await rightAnswers()).toBeGreaterThanOrEqual(18);
  }, 420_000);

  test('a job that is applied again after it was trained completes without training, and nothing rolls out', async () => {
    const before = runs(await servingPods());
    await stage.apply(await exampleJob());
    const { status } = await untilOver('digits-s3');
    expect(status?.conditions).toContainEqual(
      expect.objectContaining({ type: 'Complete', status: 'True', reason: 'AlreadyTrained' }),
    );
    expect(status?.output).toEqual(second.status?.output);
    // A worker that found no server any more is stopped.
    expect(new Set(await exitCodes('digits-s3'))).toEqual(new Set([0]));
    expect(runs(await servingPods())).toEqual(before);
    await inTeam('delete', 'trainingjob', 'digits-s3', '--wait');
  }, 420_000);

  test('no pod was refused by the restricted standard', async () => {
    const events = await stage.get<{ message?: string }>(team, 'events');
    expect(events.filter(({ message }) => message?.includes('PodSecurity'))).toEqual([]);
  });
});
