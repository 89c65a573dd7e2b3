import { expect } from '@jest/globals';
import { refOf } from '../../../operator/kube/object.ts';
import {
  children,
  childrenOfOne,
  childrenOfTwo,
  eventually,
  expectQuiet,
  loaded,
  modelDeployment,
  read,
} from '../steps.ts';
import {
  refTo,
  type LongScenario,
  type Scenario,
  untilCondition,
  untilQuiet,
  untilReady,
  uri,
  workload,
} from '../steps.ts';
import { digest } from '../../support/played-job.ts';

const quietMs = 3_000;

export const lifecycle: Scenario[] = [
  {
    name: 'a deployment is created with its children and becomes Ready, with counts, address and selector',
    run: async (platform) => {
      const namespace = await platform.namespace();
      await platform.user.apply(modelDeployment(namespace, 'digits', { replicas: 2 }));
      const { status } = await untilReady(platform, namespace);
      expect(await children(platform, namespace)).toEqual(childrenOfTwo);
      expect(status).toMatchObject({
        replicas: 2,
        readyReplicas: 2,
        selector: 'modelyard.dev/deployment=digits,app.kubernetes.io/component=serving',
        model: { uri },
      });
      expect(status?.url).toMatch(/^http:\/\//);
    },
  },
  {
    name: 'removing one incarnation of an object leaves another of the same name, and what is gone already is no error',
    run: async (platform) => {
      const namespace = await platform.namespace();
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'twice', namespace } };
      const first = refOf(await platform.user.apply(object));
      await platform.user.remove(first);
      await platform.user.remove(first);
      const second = await platform.user.apply(object);
      await platform.user.remove(first);
      expect(refOf(await platform.user.get(refTo(object)))).toEqual(refOf(second));
      await platform.user.remove(refOf(second));
      await expect(platform.user.get(refTo(object))).rejects.toMatchObject({ status: 404 });
    },
  },
  {
    name: 'deletion leaves nothing',
    run: async (platform) => {
      const namespace = await platform.namespace();
      const object = modelDeployment(namespace, 'digits', { replicas: 2 });
      await platform.user.apply(object);
      await untilReady(platform, namespace);
      await platform.user.remove(refTo(object));
      await eventually(async () => {
        expect(await children(platform, namespace)).toEqual([]);
        expect(await platform.objects('v1', 'Pod', namespace)).toEqual([]);
      });
    },
  },
  {
    name: 'scaling to zero and back keeps the deployment, and the PodDisruptionBudget comes and goes with a second replica',
    run: async (platform) => {
      const namespace = await platform.namespace();
      await platform.user.apply(modelDeployment(namespace, 'digits', { replicas: 2 }));
      await untilReady(platform, namespace);
      await platform.user.apply(modelDeployment(namespace, 'digits', { replicas: 0 }));
      await untilCondition(platform, namespace, { type: 'Ready', status: 'True', reason: 'ScaledToZero' });
      await eventually(async () => expect(await children(platform, namespace)).toEqual(childrenOfOne));
      await platform.user.apply(modelDeployment(namespace, 'digits', { replicas: 2 }));
      await untilCondition(platform, namespace, { type: 'Ready', status: 'True', reason: 'Ready' });
      await eventually(async () => expect(await children(platform, namespace)).toEqual(childrenOfTwo));
    },
  },
  {
    name: 'the first digest that a pod reports is pinned, without a rollout, and another URI pins anew',
    run: async (platform) => {
      const namespace = await platform.namespace();
      platform.node.report(namespace, 'digits', loaded());
      await platform.user.apply(modelDeployment(namespace));
      const pinned = await untilCondition(platform, namespace, { type: 'ModelResolved', status: 'True' });
      expect(pinned.message).toContain(digest);
      const first = await untilReady(platform, namespace);
      expect(first.status?.model).toMatchObject({ digest, inputs: [{ name: 'image' }], outputs: [{ name: 'logits' }] });
      const pin = { apiVersion: 'v1', kind: 'ConfigMap', name: 'digits-serving-pin', namespace };
      await eventually(async () => {
        const { data } = await platform.user.get(pin);
        expect(Object.values(data as Record<string, string>)).toEqual([JSON.stringify({ [uri]: digest })]);
      });
      expect((await workload(platform, namespace)).metadata.generation).toBe(1);
      const other = `sha256:${'b'.repeat(64)}`;
      platform.node.report(namespace, 'digits', loaded({ uri: 's3://models/other/', digest: other }));
      await platform.user.apply(modelDeployment(namespace, 'digits', { model: { uri: 's3://models/other/' } }));
      await eventually(async () => {
        const { status } = await read(platform, namespace);
        expect(status?.model).toMatchObject({ uri: 's3://models/other/', digest: other });
      });
    },
  },
  {
    name: 'two deployments of one namespace do not touch each other',
    run: async (platform) => {
      const namespace = await platform.namespace();
      for (const name of ['digits', 'letters']) await platform.user.apply(modelDeployment(namespace, name));
      for (const name of ['digits', 'letters']) await untilReady(platform, namespace, name);
      const letters = await workload(platform, namespace, 'letters');
      await platform.user.apply(modelDeployment(namespace, 'digits', { replicas: 2, serving: { timeout: '5s' } }));
      await untilReady(platform, namespace);
      await platform.user.remove(refTo(modelDeployment(namespace)));
      await eventually(async () => expect(await children(platform, namespace)).toEqual([]));
      expect(await children(platform, namespace, 'letters')).toHaveLength(childrenOfOne.length);
      expect((await workload(platform, namespace, 'letters')).metadata.generation).toBe(letters.metadata.generation);
    },
  },
];

export const longLifecycle: LongScenario[] = [
  {
    name: 'once quiet, nothing is written, also not by an operator that starts anew',
    run: async (platform, operator) => {
      const namespace = await platform.namespace();
      platform.node.report(namespace, 'digits', loaded());
      await platform.user.apply(modelDeployment(namespace));
      await untilCondition(platform, namespace, { type: 'ModelResolved', status: 'True' });
      await untilReady(platform, namespace);
      await untilQuiet(platform, [namespace], quietMs);
      const before = await read(platform, namespace);
      await expectQuiet(platform, [namespace], quietMs, operator);
      expect((await read(platform, namespace)).metadata.resourceVersion).toBe(before.metadata.resourceVersion);
    },
  },
  {
    name: 'what changed while no operator ran is made true when one starts',
    run: async (platform, operator) => {
      const namespace = await platform.namespace();
      await platform.user.apply(modelDeployment(namespace));
      await untilReady(platform, namespace);
      await operator.ends();
      await platform.user.apply(modelDeployment(namespace, 'digits', { replicas: 3 }));
      await platform.user.remove({ apiVersion: 'v1', kind: 'Service', name: 'digits', namespace });
      await operator.begins();
      const { status } = await untilReady(platform, namespace);
      expect(status?.readyReplicas).toBe(3);
      expect(await children(platform, namespace)).toEqual(childrenOfTwo);
    },
  },
];
