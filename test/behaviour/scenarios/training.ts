import { expect } from '@jest/globals';
import { trainingJobKind } from '../../../operator/controllers/kinds.ts';
import type { LongScenario, Scenario } from '../steps.ts';
import { eventually, expectQuiet, modelDeployment, untilQuiet, untilReady } from '../steps.ts';
import { loaded, read } from '../steps.ts';
import {
  changeJob,
  childrenOfJob,
  jobChildren,
  jobRef,
  podsOfTwo,
  podUids,
  readJob,
  startedJob,
  succeededJob,
  untilJob,
  untilJobSays,
  untilPods,
} from '../training-steps.ts';
import { digest, trained, training, trainingJob } from '../../support/played-job.ts';

const quietMs = 3_000;

/** Longer than a job that is over may still take to write or to make anything. */
const stillMs = 6_000;

export const trainingLifecycle: Scenario[] = [
  {
    name: 'a TrainingJob becomes pods, says how they train, and ends with what they made',
    run: async (platform) => {
      const namespace = await platform.namespace();
      await platform.user.apply(trainingJob(namespace, { acceptance: { metric: 'accuracy', atLeast: 0.8 } }));
      await untilPods(platform, namespace, podsOfTwo);
      expect(await jobChildren(platform, namespace)).toEqual(childrenOfJob);
      await untilJob(platform, namespace, {
        phase: 'Starting',
        parameterServers: { desired: 2, created: 2, ready: 2 },
        workers: { desired: 2, created: 2, ready: 2 },
      });
      platform.node.trainingReport(namespace, 'digits', training(10));
      const running = await untilJob(platform, namespace, { phase: 'Running', step: 10 });
      expect(running).toMatchObject({ progress: '10%', loss: '0.5', metrics: { accuracy: '0.8' }, rows: 1_000 });
      await untilJobSays(platform, namespace, { type: 'Running', status: 'True', reason: 'Training' });
      platform.node.trainingReport(namespace, 'digits', trained(0.9));
      const over = await untilJob(platform, namespace, { phase: 'Succeeded' });
      expect(over).toMatchObject({ progress: '100%', score: '0.9', output: { digest, accepted: true } });
      await untilJobSays(platform, namespace, { type: 'Complete', status: 'True', reason: 'Trained' });
      await untilJobSays(platform, namespace, { type: 'Accepted', status: 'True', reason: 'CriterionMet' });
    },
  },
  {
    name: 'a suspended job stops its pods and keeps its step, and goes on when it is resumed',
    run: async (platform) => {
      const namespace = await startedJob(platform);
      const before = await podUids(platform, namespace);
      platform.node.trainingReport(namespace, 'digits', undefined);
      await changeJob(platform, namespace, { runPolicy: { suspend: true } });
      await untilJob(platform, namespace, { phase: 'Suspended', step: 10, workers: { ready: 0 } });
      expect(await podUids(platform, namespace)).toEqual({});
      expect(await jobChildren(platform, namespace)).toEqual(childrenOfJob);
      platform.node.trainingReport(namespace, 'digits', training(20));
      await changeJob(platform, namespace, { runPolicy: { suspend: false } });
      const { parameterServers } = await untilJob(platform, namespace, { phase: 'Running', step: 20 });
      expect(parameterServers).toMatchObject({ restarts: 0, evictions: 0 });
      const after = await podUids(platform, namespace);
      expect(Object.keys(after)).toEqual(podsOfTwo);
      expect(Object.values(before).filter((uid) => Object.values(after).includes(uid))).toEqual([]);
    },
  },
  {
    name: 'a job that is created suspended makes no pod until it is resumed',
    run: async (platform) => {
      const namespace = await platform.namespace();
      await platform.user.apply(trainingJob(namespace, { runPolicy: { suspend: true } }));
      await untilJob(platform, namespace, { phase: 'Suspended' });
      expect(await podUids(platform, namespace)).toEqual({});
      await changeJob(platform, namespace, { runPolicy: { suspend: false } });
      await untilPods(platform, namespace, podsOfTwo);
    },
  },
  {
    name: 'workers are added and taken away while a job runs, and no other pod is touched',
    run: async (platform) => {
      const namespace = await startedJob(platform);
      const before = await podUids(platform, namespace);
      await changeJob(platform, namespace, { workers: { replicas: 4 } });
      await untilPods(platform, namespace, [...podsOfTwo, 'digits-worker-2', 'digits-worker-3']);
      await untilJob(platform, namespace, { phase: 'Running', workers: { desired: 4, ready: 4, evictions: 0 } });
      expect(await podUids(platform, namespace)).toMatchObject(before);
      await changeJob(platform, namespace, { workers: { replicas: 1 } });
      await untilPods(platform, namespace, podsOfTwo.slice(0, 3));
      await untilJob(platform, namespace, { phase: 'Running', workers: { desired: 1, ready: 1, evictions: 0 } });
      expect(before).toMatchObject(await podUids(platform, namespace));
    },
  },
  {
    name: 'a job that is over stops its pods, and its time over, goes with all that it owns',
    run: async (platform) => {
      const namespace = await succeededJob(platform, { runPolicy: { ttlSecondsAfterFinished: 1 } });
      expect(await jobChildren(platform, namespace)).toEqual(childrenOfJob);
      await eventually(async () => {
        await expect(readJob(platform, namespace)).rejects.toMatchObject({ status: 404 });
        expect(await jobChildren(platform, namespace)).toEqual([]);
        expect(await podUids(platform, namespace)).toEqual({});
      });
    },
  },
  {
    name: 'a TrainingJob that is deleted leaves nothing',
    run: async (platform) => {
      const namespace = await startedJob(platform);
      await platform.user.remove(jobRef(namespace));
      await eventually(async () => {
        expect(await jobChildren(platform, namespace)).toEqual([]);
        expect(await podUids(platform, namespace)).toEqual({});
      });
    },
  },
  {
    name: 'what a lineage accepts is served, what it refuses is not, and a job that goes takes nothing along',
    run: async (platform) => {
      const namespace = await succeededJob(platform);
      const { status: job } = await readJob(platform, namespace);
      const uri = job?.output?.uri ?? '';
      platform.node.report(namespace, 'digits', loaded({ uri }));
      await platform.user.apply(modelDeployment(namespace, 'digits', { model: { trained: { name: 'digits' } } }));
      const { status } = await untilReady(platform, namespace);
      expect(status?.trained).toMatchObject({ job: 'digits', uri, digest });
      const better = `sha256:${'b'.repeat(64)}`;
      const betterModel = loaded({ uri: `s3://models/digits/${better.slice(-8)}/model`, digest: better });
      platform.node.report(namespace, 'digits', betterModel);
      for (const [name, atLeast] of [
        ['refused', 0.99],
        ['better', 0.5],
      ] as const) {
        platform.node.trainingReport(namespace, name, trained(0.95, better));
        await platform.user.apply(trainingJob(namespace, { acceptance: { metric: 'accuracy', atLeast } }, name));
        await untilJob(platform, namespace, { phase: 'Succeeded', output: { accepted: atLeast < 0.95 } }, name);
      }
      await eventually(async () => {
        expect((await read(platform, namespace)).status?.trained).toMatchObject({ job: 'better', digest: better });
      });
      for (const name of ['digits', 'refused', 'better']) await platform.user.remove(jobRef(namespace, name));
      await eventually(async () => {
        expect(await platform.objects(trainingJobKind.apiVersion, trainingJobKind.kind, namespace)).toEqual([]);
      });
      const follows = { model: { trained: { name: 'digits' } }, replicas: 2 };
      await platform.user.apply(modelDeployment(namespace, 'digits', follows));
      const after = await untilReady(platform, namespace);
      expect(after.status).toMatchObject({ readyReplicas: 2, trained: { digest: better } });
    },
  },
];

export const longTraining: LongScenario[] = [
  {
    name: 'once quiet, nothing is written of a job that trains, nor of one that is over, nor by an operator that starts anew',
    run: async (platform, operator) => {
      const namespaces = await Promise.all([startedJob(platform), succeededJob(platform)]);
      // Pods of the second that ran would be stopped after half a minute.
      for (const name of podsOfTwo) await platform.node.pod(namespaces[1], name, { state: 'Completed' });
      await untilQuiet(platform, namespaces, stillMs);
      const versions = () =>
        Promise.all(namespaces.map(async (namespace) => (await readJob(platform, namespace)).metadata.resourceVersion));
      const before = await versions();
      await expectQuiet(platform, namespaces, quietMs, operator);
      expect(await versions()).toEqual(before);
    },
  },
  {
    name: 'what changed of a job while no operator ran is made true when one starts',
    run: async (platform, operator) => {
      const namespace = await startedJob(platform);
      const before = await podUids(platform, namespace);
      await operator.ends();
      await changeJob(platform, namespace, { workers: { replicas: 3 } });
      await platform.user.remove({ apiVersion: 'v1', kind: 'Pod', name: 'digits-ps-1', namespace });
      await platform.user.remove({ apiVersion: 'v1', kind: 'Service', name: 'digits-training', namespace });
      await operator.begins();
      await untilPods(platform, namespace, [...podsOfTwo, 'digits-worker-2']);
      await untilJob(platform, namespace, {
        phase: 'Running',
        parameterServers: { ready: 2, evictions: 1 },
        workers: { ready: 3, evictions: 0 },
      });
      expect(await jobChildren(platform, namespace)).toEqual(childrenOfJob);
      const { 'digits-ps-1': lost, ...kept } = before;
      const after = await podUids(platform, namespace);
      expect(after).toMatchObject(kept);
      expect(after['digits-ps-1']).not.toBe(lost);
    },
  },
  {
    name: 'a job that is over makes nothing again, whatever is deleted around it, applied again, or looked at by another operator',
    run: async (platform, operator) => {
      const namespace = await succeededJob(platform);
      for (const name of Object.keys(await podUids(platform, namespace)))
        await platform.user.remove({ apiVersion: 'v1', kind: 'Pod', name, namespace });
      for (const child of await jobChildren(platform, namespace)) {
        const [kind = '', name = ''] = child.split('/');
        const apiVersion = kind === 'NetworkPolicy' ? 'networking.k8s.io/v1' : 'v1';
        await platform.user.remove({ apiVersion, kind, name, namespace });
      }
      await untilQuiet(platform, [namespace], stillMs);
      await operator.ends();
      await platform.user.apply(trainingJob(namespace));
      await changeJob(platform, namespace, { workers: { replicas: 5 }, runPolicy: { suspend: false } });
      await operator.begins();
      await untilJob(platform, namespace, { phase: 'Succeeded' });
      await untilQuiet(platform, [namespace], stillMs);
      expect(await podUids(platform, namespace)).toEqual({});
      expect(await jobChildren(platform, namespace)).toEqual([]);
    },
  },
];
