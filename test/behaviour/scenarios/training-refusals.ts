import { expect } from '@jest/globals';
import type { KubeObject } from '../../../operator/kube/object.ts';
import type { Platform } from '../platform.ts';
import { eventually, refusalOf, refTo, type Scenario } from '../steps.ts';
import { jobChildren, podsOfTwo, podUids, startedJob } from '../training-steps.ts';
import { untilJob, untilJobSays, untilPods } from '../training-steps.ts';
import { training, trainingJob } from '../../support/played-job.ts';

/** Specs that a cluster admits and the operator can only refuse in a condition, without a pod. */
const stalled: { what: string; spec: object; reason: string; names: string }[] = [
  {
    what: 'asynchronous workers',
    spec: { consistency: { mode: 'Asynchronous' } },
    reason: 'UnsupportedConsistency',
    names: 'spec.consistency.mode',
  },
  {
    what: 'containers of its own',
    spec: { train: undefined, containers: { worker: { image: 'a' } }, parameterServers: { replicas: 0 } },
    reason: 'UnsupportedContainers',
    names: 'spec.containers',
  },
  {
    what: 'a place that cannot be written to',
    spec: { output: { uri: 'https://models.test/', modelName: 'digits' } },
    reason: 'UnsupportedScheme',
    names: 'spec.output.uri',
  },
];

/** Specs that a cluster does not admit. */
const refused: { what: string; spec: object; field: string; says: string }[] = [
  {
    what: 'neither training nor containers',
    spec: { train: undefined },
    field: 'spec',
    says: 'set exactly one of spec.train and spec.containers',
  },
  {
    what: 'a metric that acceptance cannot know',
    spec: { acceptance: { metric: 'f1', atLeast: 0.5 } },
    field: 'spec.acceptance.metric',
    says: 'must be loss or one of spec.train.metrics',
  },
  {
    what: 'no parameter server',
    spec: { parameterServers: { replicas: 0 } },
    field: 'spec.parameterServers.replicas',
    says: 'at least one parameter server',
  },
  { what: 'no worker', spec: { workers: { replicas: 0 } }, field: 'spec.workers.replicas', says: '' },
];

async function conflictIsNamed(platform: Platform, theirs: KubeObject): Promise<void> {
  const { kind, metadata } = theirs;
  const { namespace = '' } = metadata;
  platform.node.trainingReport(namespace, 'digits', training(10));
  const created = await platform.user.apply(theirs);
  await platform.user.apply(trainingJob(namespace));
  const says = await untilJobSays(platform, namespace, { type: 'Running', status: 'False', reason: 'NameConflict' });
  expect(says).toContain(`${kind} ${metadata.name}`);
  expect((await platform.user.get(refTo(theirs))).metadata.uid).toBe(created.metadata.uid);
  await platform.user.remove(refTo(theirs));
  await untilJob(platform, namespace, { phase: 'Running', workers: { ready: 2 } });
  expect(await jobChildren(platform, namespace)).toHaveLength(4);
}

export const trainingRefusals: Scenario[] = [
  ...refused.map(({ what, spec, field, says }): Scenario => ({
    name: `a TrainingJob with ${what} is refused with its field and why`,
    run: async (platform) => {
      const namespace = await platform.namespace();
      const error = await refusalOf(platform.user.apply(trainingJob(namespace, spec)));
      expect(error).toMatchObject({ status: 422, reason: 'Invalid' });
      expect(error.message).toContain(field);
      expect(error.message).toContain(says);
    },
  })),
  ...stalled.map(({ what, spec, reason, names }): Scenario => ({
    name: `a TrainingJob with ${what} is named as ${reason}, and no pod is made`,
    run: async (platform) => {
      const namespace = await platform.namespace();
      await platform.user.apply(trainingJob(namespace, spec));
      await untilJob(platform, namespace, { phase: 'Pending' });
      expect(await untilJobSays(platform, namespace, { type: 'Stalled', status: 'True', reason })).toContain(names);
      expect(await podUids(platform, namespace)).toEqual({});
    },
  })),
  {
    name: 'what a running job may not change is refused with its field',
    run: async (platform) => {
      const namespace = await startedJob(platform);
      const other = trainingJob(namespace, { output: { uri: 's3://models/', modelName: 'letters' } });
      const error = await refusalOf(platform.user.apply(other));
      expect(error).toMatchObject({ status: 422, reason: 'Invalid' });
      expect(error.message).toContain('spec.output cannot change');
    },
  },
  {
    name: 'an image of a training pod that cannot be pulled is named, and the job starts when it can',
    run: async (platform) => {
      const namespace = await platform.namespace();
      await platform.user.apply(trainingJob(namespace));
      await untilPods(platform, namespace, podsOfTwo);
      const message = 'Back-off pulling image "registry.test/runtime:1": not found';
      await platform.node.pod(namespace, 'digits-ps-0', { state: 'ImagePullBackOff', message });
      await untilJob(platform, namespace, { phase: 'Pending' });
      await untilJobSays(platform, namespace, { type: 'Running', status: 'False', reason: 'ImagePullFailed' });
      await platform.node.pod(namespace, 'digits-ps-0', { state: 'Ready' });
      platform.node.trainingReport(namespace, 'digits', training(10));
      await untilJob(platform, namespace, { phase: 'Running' });
    },
  },
  {
    name: 'a quota that keeps training pods away is named, and the job starts when it is raised',
    run: async (platform) => {
      const namespace = await platform.namespace();
      const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'few', namespace } };
      await platform.user.apply({ ...quota, spec: { hard: { pods: '1' } } });
      await platform.user.apply(trainingJob(namespace));
      await untilJob(platform, namespace, { phase: 'Pending' });
      const running = { type: 'Running', status: 'False', reason: 'QuotaExceeded' };
      expect(await untilJobSays(platform, namespace, running)).toContain('few');
      await platform.user.apply({ ...quota, spec: { hard: { pods: '10' } } });
      await eventually(async () => expect(Object.keys(await podUids(platform, namespace))).toEqual(podsOfTwo));
    },
  },
  {
    name: "somebody else's Service with the name of a job's is left alone and named, and the job starts when it goes",
    run: async (platform) => {
      const namespace = await platform.namespace();
      const metadata = { name: 'digits-training', namespace };
      const spec = { selector: { a: 'b' }, ports: [{ port: 80 }] };
      await conflictIsNamed(platform, { apiVersion: 'v1', kind: 'Service', metadata, spec });
    },
  },
  {
    name: "somebody else's pod with the name of a job's is left alone and named, and the job starts when it goes",
    run: async (platform) => {
      const namespace = await platform.namespace();
      const securityContext = {
        runAsNonRoot: true,
        runAsUser: 1,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ['ALL'] },
        seccompProfile: { type: 'RuntimeDefault' },
      };
      const metadata = { name: 'digits-ps-1', namespace };
      const spec = { containers: [{ name: 'c', image: 'registry.test/theirs:1', securityContext }] };
      await conflictIsNamed(platform, { apiVersion: 'v1', kind: 'Pod', metadata, spec });
    },
  },
];
