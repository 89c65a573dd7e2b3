import { expect } from '@jest/globals';
import type { KubeObject } from '../../../operator/kube/object.ts';
import { type ModelList, modelsFile, pinFile, type SharedModelReport } from '../../../runtime/contract.ts';
import { digest } from '../../support/played-job.ts';
import type { Platform } from '../platform.ts';
import {
  children,
  childrenOfOne,
  eventually,
  modelDeployment,
  read,
  type Scenario,
  untilCondition,
  untilReady,
  workload,
} from '../steps.ts';

const uriOf = (name: string): string => `s3://models/${name}/`;
const said = (name: string, more: Partial<SharedModelReport> = {}): SharedModelReport => ({
  name,
  uri: uriOf(name),
  phase: 'Standby',
  ...more,
});

function several(namespace: string, names: readonly string[], spec: object = {}): KubeObject {
  const models = names.map((name) => ({ name, uri: uriOf(name) }));
  const { spec: single, ...object } = modelDeployment(namespace, 'digits', spec);
  const { model, ...rest } = single as { model: unknown };
  expect(model).toBeDefined();
  return { ...object, spec: { ...rest, models } };
}

async function file(platform: Platform, namespace: string, name: string, key: string): Promise<unknown> {
  const { data } = await platform.user.get({ apiVersion: 'v1', kind: 'ConfigMap', name, namespace });
  return JSON.parse((data as Record<string, string>)[key] ?? '');
}

const listed = async (platform: Platform, namespace: string): Promise<string[]> =>
  ((await file(platform, namespace, 'digits-serving-models', modelsFile)) as ModelList).models.map(({ name }) => name);

/** What tells whether any pod was replaced. */
async function podsOf(platform: Platform, namespace: string): Promise<unknown> {
  const { metadata } = await workload(platform, namespace);
  const pods = await platform.objects('v1', 'Pod', namespace);
  return { generation: metadata.generation, pods: pods.map((pod) => pod.metadata.uid).sort() };
}

export const severalModels: Scenario[] = [
  {
    name: 'models of a list come, have faults and go, and no pod is replaced',
    run: async (platform) => {
      const namespace = await platform.namespace();
      const english = said('english', { phase: 'Ready', digest });
      platform.node.sharedReport(namespace, 'digits', [english, said('german')]);
      await platform.user.apply(several(namespace, ['english', 'german']));
      await untilCondition(platform, namespace, { type: 'ModelResolved', status: 'Unknown', reason: 'Standby' });
      const first = await untilReady(platform, namespace);
      expect(await children(platform, namespace)).toEqual([...childrenOfOne, 'ConfigMap/digits-serving-models'].sort());
      const before = await podsOf(platform, namespace);

      const fault = { reason: 'ModelNotFound', message: 'there is nothing', retrying: true } as const;
      platform.node.sharedReport(namespace, 'digits', [
        english,
        said('german'),
        said('dutch', { phase: 'Failed', fault }),
      ]);
      await platform.user.apply(several(namespace, ['english', 'german', 'dutch']));
      await eventually(async () => expect(await listed(platform, namespace)).toEqual(['english', 'german', 'dutch']));
      const { message } = await untilCondition(platform, namespace, { type: 'ModelResolved', reason: 'ModelNotFound' });
      expect(message).toContain('dutch: there is nothing');
      const { status } = await untilReady(platform, namespace);
      expect(status).toMatchObject({
        revision: first.status?.revision,
        modelSummary: '3 models, 1 faulty',
        models: [{ name: 'english', digest }, { name: 'german' }, { name: 'dutch', reason: 'ModelNotFound' }],
      });

      platform.node.sharedReport(namespace, 'digits', [english]);
      await platform.user.apply(several(namespace, ['english']));
      await untilCondition(platform, namespace, { type: 'ModelResolved', status: 'True', reason: 'Pinned' });
      expect((await read(platform, namespace)).status?.models).toEqual([
        { name: 'english', uri: uriOf('english'), digest },
      ]);
      await eventually(async () => {
        expect(await listed(platform, namespace)).toEqual(['english']);
        expect(await file(platform, namespace, 'digits-serving-pin', pinFile)).toEqual({ [uriOf('english')]: digest });
      });
      expect(await podsOf(platform, namespace)).toEqual(before);
    },
  },
  {
    name: 'a deployment goes from one model to several and back, and the list goes with them',
    run: async (platform) => {
      const namespace = await platform.namespace();
      await platform.user.apply(modelDeployment(namespace));
      await untilReady(platform, namespace);
      await platform.user.apply(several(namespace, ['english'], { serving: { memoryBudget: '1Gi' } }));
      expect((await untilReady(platform, namespace)).status?.modelSummary).toBe('1 model');
      await platform.user.apply(modelDeployment(namespace));
      await untilReady(platform, namespace);
      await eventually(async () => expect(await children(platform, namespace)).toEqual(childrenOfOne));
    },
  },
];
