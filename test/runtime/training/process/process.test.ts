import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from '@jest/globals';
import { adminPaths } from '../../../../runtime/contract.ts';
import { trainingEnv } from '../../../../runtime/training-contract.ts';
import { certificateAuthority } from '../../../cluster/certificates.ts';
import { eventually } from '../../../support/eventually.ts';
import { serverName, TrainingCluster, workerName, type ClusterOptions } from '../../../support/training.ts';

const waitMs = 60_000;
const clusters: TrainingCluster[] = [];
const folders: string[] = [];
afterEach(async () => {
  await Promise.all(clusters.splice(0).map((cluster) => cluster.end()));
  await Promise.all(folders.splice(0).map((folder) => rm(folder, { recursive: true })));
});

async function start(options: ClusterOptions): Promise<TrainingCluster> {
  const cluster = await TrainingCluster.start(options);
  clusters.push(cluster);
  return cluster;
}

describe('the pods of a job', () => {
  test('answer probes, metrics and reports', async () => {
    const cluster = await start({ servers: 1, workers: 1, job: { epochs: 500 } });
    await cluster.reached(20);
    for (const pod of [serverName(0), workerName(0)]) {
      for (const path of [adminPaths.live, adminPaths.ready]) {
        expect((await cluster.get(pod, path))?.status).toBe(200);
      }
    }
    const metrics = await (await cluster.get(workerName(0), adminPaths.metrics))?.text();
    expect(metrics).toMatch(/^modelyard_training_worker_shards_total [1-9]/m);
    expect(metrics).toMatch(/^modelyard_training_worker_transfer_bytes_total\{direction="received"\} [1-9]/m);
    const serverMetrics = await (await cluster.get(serverName(0), adminPaths.metrics))?.text();
    expect(serverMetrics).toMatch(/^modelyard_training_step [1-9]/m);
    expect(serverMetrics).toMatch(/^modelyard_training_loss [0-9.]+$/m);
    expect(await cluster.report(workerName(0))).toEqual({
      version: 1,
      kind: 'Training',
      podName: workerName(0),
      role: 'Worker',
      index: 0,
      phase: 'Running',
    });
    expect(await cluster.report(serverName(0))).toMatchObject({
      role: 'ParameterServer',
      phase: 'Running',
      job: { totalSteps: 5_000, rows: 300, connectedWorkers: 1 },
    });
  }, 100_000);

  test('all exit with 0 when the job is over, and say how it went once', async () => {
    const cluster = await start({ servers: 2, workers: 2 });
    const { outcome } = await cluster.result();
    expect(outcome).toMatchObject({ succeeded: true, reason: 'Trained' });
    for (const pod of [serverName(0), serverName(1), workerName(0), workerName(1)]) {
      expect(await cluster.exitOf(pod)).toEqual({ code: 0, signal: null });
    }
    await expect(cluster.wordsOf(workerName(0))).rejects.toThrow('ENOENT');
  }, 100_000);

  test('find what a job of the same spec made, and run nothing', async () => {
    const cluster = await start({ servers: 2, workers: 1 });
    const first = await cluster.result();
    await cluster.suspend();
    await cluster.resume(0);
    const again = await cluster.result();
    expect(again.outcome).toEqual({
      ...first.outcome,
      reason: 'AlreadyTrained',
      message: expect.any(String) as unknown,
    });
    expect(again.report.job).toMatchObject({ step: 0, history: [] });
  }, 100_000);

  test.each<[string, ClusterOptions['job'], string, RegExp]>([
    ['a column that is not there', { data: { label: 'colour' } }, 'InvalidData', /colour/],
    ['data that are not there', { data: { location: { uri: 'file:///nowhere.csv' } } }, 'DataNotFound', /nowhere/],
    ['a learning rate without bounds', { optimizer: { learningRate: 1e30 } }, 'LossNotFinite', /learningRate/],
  ])(
    'end with the reason that the data or the spec give: %s',
    async (_, job, reason, message) => {
      const cluster = await start({ servers: 1, workers: 1, ...(job && { job }) });
      const { outcome } = await cluster.result();
      expect(outcome).toMatchObject({ succeeded: false, reason, message: expect.stringMatching(message) as unknown });
      expect(await cluster.exitOf(serverName(0))).toEqual({ code: 65, signal: null });
    },
    100_000,
  );

  test('say which variable is wrong', async () => {
    const environment = (pod: string): Record<string, string> =>
      pod === workerName(0) ? { [trainingEnv.index]: 'first' } : {};
    const cluster = await start({ servers: 1, workers: 1, environment });
    expect(await cluster.exitOf(workerName(0))).toEqual({ code: 64, signal: null });
    expect(await cluster.wordsOf(workerName(0))).toContain(trainingEnv.index);
  }, 100_000);

  test('work over mutual TLS, and turn away a worker whose certificate is of another authority', async () => {
    const root = await mkdtemp(join(tmpdir(), 'modelyard-secrets-'));
    folders.push(root);
    const [own, other] = await Promise.all([certificateAuthority(new Date()), certificateAuthority(new Date())]);
    const names = [serverName(0), serverName(1), workerName(0), workerName(1)];
    for (const name of names) {
      const authority = name === workerName(1) ? other : own;
      const { certificate, key } = await authority.peer([name]);
      await mkdir(join(root, name));
      await writeFile(join(root, name, 'tls.crt'), certificate);
      await writeFile(join(root, name, 'tls.key'), key);
      await writeFile(join(root, name, 'ca.crt'), own.certificate);
    }
    const environment = (pod: string): Record<string, string> => ({ [trainingEnv.tlsDir]: join(root, pod) });
    const cluster = await start({ servers: 2, workers: 2, job: { epochs: 500 }, environment });
    await cluster.reached(10);
    await eventually(
      async () => {
        const fault = (await cluster.report(workerName(1)))?.fault;
        expect(fault).toMatchObject({ reason: 'InvalidTransportSecret', retrying: true });
      },
      waitMs,
      50,
    );
    expect((await cluster.report(serverName(0)))?.job?.connectedWorkers).toBe(1);
  }, 100_000);

  test('leave at once when they are told to stop', async () => {
    const cluster = await start({ servers: 1, workers: 2, job: { epochs: 500 } });
    await cluster.reached(20);
    const began = performance.now();
    expect(await cluster.suspend()).toEqual([0, 0, 0]);
    expect(performance.now() - began).toBeLessThan(15_000);
  }, 100_000);
});
