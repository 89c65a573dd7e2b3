import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { localDevices } from '../../cli/local/devices.ts';
import { Session } from '../../cli/local/session.ts';
import { podKind } from '../../cli/local/workloads.ts';
import { ModelClient } from '../../client/model-client.ts';
import { createLog } from '../../lib/log.ts';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { eventually } from '../support/eventually.ts';

const root = join(import.meta.dirname, '..', '..');
const example = join(root, 'examples', 'digits');
const timeoutMs = 180_000;
const gpu = 'nvidia.com/gpu';

const digits = (name: string, count: number): KubeObject => ({
  apiVersion: 'modelyard.dev/v1alpha1',
  kind: 'ModelDeployment',
  metadata: { name, namespace: 'default' },
  spec: {
    model: { uri: 'pvc://models/digits/', task: 'ImageClassification' },
    accelerator: { resource: gpu, count },
  },
});

test(
  'a laptop gives a deployment its GPUs, and says so where it has no more',
  async () => {
    const { [gpu]: all = [] } = await localDevices(process.env);
    const folder = await mkdtemp(join(tmpdir(), 'modelyard-gpu-'));
    await cp(join(example, 'model'), join(folder, '.modelyard', 'volumes', 'models', 'digits'), { recursive: true });
    const lines: string[] = [];
    const session = await Session.start({
      folder: join(folder, '.modelyard'),
      appFolder: root,
      env: process.env,
      seed: process.pid,
      wholeLoopback: process.platform === 'linux',
      log: createLog('operator', 'error'),
      onLine: (_, line) => lines.push(line),
    });
    const readyOf = (name: string) => {
      const ref = { apiVersion: 'modelyard.dev/v1alpha1', kind: 'ModelDeployment', name, namespace: 'default' };
      const { status } = session.cluster.get(ref) as ModelDeployment;
      return status?.conditions?.find(({ type }) => type === 'Ready');
    };
    try {
      await session.apply(digits('first', all.length));
      await eventually(() => expect([readyOf('first')?.status, lines]).toEqual(['True', expect.anything()]), 60_000);
      const { http } = await session.endpoint('default', 'first');
      const client = ModelClient.rest(`http://${http}`, { model: 'first' });
      const [best] = await client.predict(await readFile(join(example, 'images', 'digit-7-1.png')));
      expect(best?.label).toBe('7');
      const config = (await (await fetch(`http://${http}/v2/models/first/config`)).json()) as object;
      expect(config).toMatchObject({ instance_group: [{ kind: 'KIND_GPU' }] });
      await client.close();
      const [pod] = session.cluster.all(podKind);
      const environment = await readFile(`/proc/${pod && session.kubelet.pidOf(pod)}/environ`, 'utf8');
      expect(environment.split('\0')).toContain(`CUDA_VISIBLE_DEVICES=${all.join()}`);
      await session.apply(digits('second', 1));
      await eventually(() => expect(readyOf('second')?.message).toContain(`1 Insufficient ${gpu}`), 60_000);
    } finally {
      await session.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
  timeoutMs,
);
