/** Several models in one deployment of a laptop session, with a real runtime process and real requests. */
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { podKind } from '../../cli/local/workloads.ts';
import { Session } from '../../cli/local/session.ts';
import { ModelClient } from '../../client/model-client.ts';
import { createLog } from '../../lib/log.ts';
import type { ModelDeployment, ModelDeploymentStatus } from '../../operator/api/model-deployment.gen.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { eventually } from '../support/eventually.ts';

const root = join(import.meta.dirname, '..', '..');
const example = join(root, 'examples', 'digits');
const timeoutMs = 180_000;
const soon = (look: () => Promise<void> | void): Promise<void> => eventually(look, 60_000, 50);

/** A model for each name; each lies in a folder of its own. */
const several = (...names: string[]): KubeObject => ({
  apiVersion: 'modelyard.dev/v1alpha1',
  kind: 'ModelDeployment',
  metadata: { name: 'readers', namespace: 'default' },
  spec: {
    models: names.map((name) => ({ name, uri: `pvc://models/${name}/`, task: 'ImageClassification' })),
    serving: { memoryBudget: '1Gi' },
  },
});

let folder: string;
let session: Session;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelyard-several-'));
  for (const name of ['first', 'second', 'third']) {
    await cp(join(example, 'model'), join(folder, '.modelyard', 'volumes', 'models', name), { recursive: true });
  }
  session = await Session.start({
    folder: join(folder, '.modelyard'),
    appFolder: root,
    env: process.env,
    // Beside another session of this process.
    seed: process.pid + 1,
    wholeLoopback: process.platform === 'linux',
    log: createLog('operator', 'error'),
    onLine: () => undefined,
  });
}, timeoutMs);

afterAll(async () => {
  await session.stop();
  await rm(folder, { recursive: true, force: true });
}, timeoutMs);

const statusNow = (): ModelDeploymentStatus => {
  const ref = { ...several(), name: 'readers', namespace: 'default' };
  return (session.cluster.get(ref) as ModelDeployment).status ?? {};
};

async function labelOf(model: string): Promise<string | undefined> {
  const { http } = await session.endpoint('default', 'readers');
  const client = ModelClient.rest(`http://${http}`, { model, retries: 0 });
  try {
    return (await client.predict(await readFile(join(example, 'images', 'digit-7-1.png'))))[0]?.label;
  } finally {
    await client.close();
  }
}

const podUids = (): unknown[] => session.cluster.all(podKind).map(({ metadata }) => metadata.uid);
const pid = (): number | undefined =>
  session.cluster.all(podKind).flatMap((pod) => session.kubelet.pidOf(pod) ?? [])[0];
const condition = (type: string) => statusNow().conditions?.find((each) => each.type === type);

test(
  'are loaded when they are asked for, and come and go without another pod',
  async () => {
    await session.apply(several('first', 'second'));
    await soon(() => expect(condition('Ready')?.status).toBe('True'));
    expect(condition('ModelResolved')).toMatchObject({ status: 'Unknown', reason: 'Standby' });
    const before = [podUids(), pid(), statusNow().revision];
    expect(await labelOf('first')).toBe('7');
    await soon(() => expect(statusNow().models?.[0]?.digest).toMatch(/^sha256:/));

    await session.apply(several('first', 'second', 'third', 'fourth'));
    await soon(async () => expect(await labelOf('third')).toBe('7'));
    await expect(labelOf('fourth')).rejects.toMatchObject({ code: 'Unavailable' });
    await soon(() => expect(condition('ModelResolved')).toMatchObject({ status: 'False', reason: 'ModelNotFound' }));
    expect(condition('ModelResolved')?.message).toMatch(/^3 of 4 models without a fault; fourth: /);
    expect(condition('Ready')?.status).toBe('True');
    expect(statusNow().modelSummary).toBe('4 models, 1 faulty');

    await session.apply(several('second', 'third'));
    await soon(() => expect(labelOf('first')).rejects.toMatchObject({ code: 'NotFound' }));
    expect(await labelOf('second')).toBe('7');
    await soon(() => expect(condition('ModelResolved')).toMatchObject({ status: 'True', reason: 'Pinned' }));
    expect(statusNow().models?.map(({ name }) => name)).toEqual(['second', 'third']);
    expect([podUids(), pid(), statusNow().revision]).toEqual(before);
  },
  timeoutMs,
);
