import { expect } from '@jest/globals';
import type { FaultReason } from '../../../runtime/contract.ts';
import type { Platform, PodState } from '../platform.ts';
import {
  children,
  eventually,
  loaded,
  modelDeployment,
  type Scenario,
  untilCondition,
  untilReady,
  uri,
} from '../steps.ts';

interface Trouble {
  what: string;
  state: PodState;
  /** What the node says of the pod. */
  said: string;
  spec?: object;
  reason: string;
  /** A part of the message that a person can act on. */
  names: string;
}

const troubles: Trouble[] = [
  {
    what: 'an image that cannot be pulled',
    state: 'ImagePullBackOff',
    said: 'Back-off pulling image "registry.test/runtime:1": not found',
    reason: 'ImagePullFailed',
    names: 'registry.test/runtime:1',
  },
  {
    what: 'an accelerator that no node has',
    state: 'Unschedulable',
    said: '0/1 nodes are available: 1 Insufficient nvidia.com/gpu.',
    spec: { accelerator: { resource: 'nvidia.com/gpu' } },
    reason: 'AcceleratorUnavailable',
    names: 'nvidia.com/gpu',
  },
  {
    what: 'a pod that finds no node',
    state: 'Unschedulable',
    said: '0/1 nodes are available: 1 Insufficient memory.',
    reason: 'Unschedulable',
    names: 'Insufficient memory',
  },
  {
    what: 'a Secret that is missing',
    state: 'CreateContainerConfigError',
    said: 'secret "models-s3" not found',
    spec: { model: { uri, storage: { credentialsSecretRef: { name: 'models-s3' } } } },
    reason: 'ConfigurationMissing',
    names: 'models-s3',
  },
  {
    what: 'a runtime out of memory',
    state: 'OOMKilled',
    said: '',
    reason: 'OutOfMemory',
    names: 'resources.limits.memory',
  },
];

const faults: [FaultReason, string][] = [
  ['ModelNotFound', 'there is nothing at s3://models/digits/'],
  ['DigestMismatch', 'the content is sha256:bb, the spec wants sha256:aa'],
  ['AccessDenied', 'the storage refused the credentials of the Secret models-s3'],
  ['InvalidModel', 'model.onnx is no ONNX model'],
];

/** The trouble shows in Ready with its cause, and goes when the cause goes. */
async function isNamed(platform: Platform, { state, said, spec, reason, names }: Trouble): Promise<void> {
  const namespace = await platform.namespace();
  await platform.node.pods(namespace, 'digits', state, said);
  await platform.user.apply(modelDeployment(namespace, 'digits', spec));
  const { message } = await untilCondition(platform, namespace, { type: 'Ready', status: 'False', reason });
  expect(message).toContain(names);
  await platform.node.pods(namespace, 'digits', 'Ready');
  await untilReady(platform, namespace);
}

async function faultIsNamed(platform: Platform, reason: FaultReason, message: string): Promise<void> {
  const namespace = await platform.namespace();
  await platform.node.pods(namespace, 'digits', 'NotReady');
  platform.node.report(namespace, 'digits', { uri, phase: 'Failed', fault: { reason, message, retrying: true } });
  await platform.user.apply(modelDeployment(namespace));
  for (const type of ['Ready', 'ModelResolved']) {
    const condition = await untilCondition(platform, namespace, { type, status: 'False', reason });
    expect(condition.message).toContain(message);
  }
  platform.node.report(namespace, 'digits', loaded());
  await platform.node.pods(namespace, 'digits', 'Ready');
  await untilReady(platform, namespace);
  await untilCondition(platform, namespace, { type: 'ModelResolved', status: 'True' });
}

/** Somebody else's object has the name of a child: nothing is applied over it, until it goes. */
async function conflictIsNamed(
  platform: Platform,
  apiVersion: string,
  kind: string,
  name: string,
  body: object,
): Promise<void> {
  const namespace = await platform.namespace();
  const theirs = { apiVersion, kind, metadata: { name, namespace }, ...body };
  await platform.user.apply(theirs);
  const ref = { apiVersion, kind, name, namespace };
  const before = await platform.user.get(ref);

  await platform.user.apply(modelDeployment(namespace));
  const { message } = await untilCondition(platform, namespace, {
    type: 'Ready',
    status: 'False',
    reason: 'NameConflict',
  });
  expect(message).toContain(`${kind} ${name}`);
  const after = await platform.user.get(ref);
  expect([after.metadata.ownerReferences, after.spec]).toEqual([before.metadata.ownerReferences, before.spec]);
  await platform.user.remove(ref);
  await untilReady(platform, namespace);
  expect(await children(platform, namespace)).toContain(`${kind}/${name}`);
}

const podSpec = { containers: [{ name: 'c', image: 'registry.test/theirs:1' }] };
const theirDeployment = {
  spec: {
    replicas: 0,
    selector: { matchLabels: { a: 'b' } },
    template: { metadata: { labels: { a: 'b' } }, spec: podSpec },
  },
};

export const conditions: Scenario[] = [
  ...troubles.map((trouble): Scenario => ({
    name: `${trouble.what} is named in Ready as ${trouble.reason}, and heals`,
    run: (platform) => isNamed(platform, trouble),
  })),
  ...faults.map(([reason, message]): Scenario => ({
    name: `${reason} of the model is named in Ready and ModelResolved, and heals`,
    run: (platform) => faultIsNamed(platform, reason, message),
  })),
  {
    name: "somebody else's Service of the same name is left alone and named, and heals when it goes",
    run: (platform) =>
      conflictIsNamed(platform, 'v1', 'Service', 'digits', { spec: { selector: { a: 'b' }, ports: [{ port: 80 }] } }),
  },
  {
    name: "somebody else's Deployment of the same name is left alone and named, and heals when it goes",
    run: (platform) => conflictIsNamed(platform, 'apps/v1', 'Deployment', 'digits-serving', theirDeployment),
  },
  {
    name: 'a quota that keeps pods away is named, and heals when it is raised',
    run: async (platform) => {
      const namespace = await platform.namespace();
      const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'few', namespace } };
      await platform.user.apply({ ...quota, spec: { hard: { pods: '0' } } });
      await platform.user.apply(modelDeployment(namespace));
      const { message } = await untilCondition(platform, namespace, { type: 'Ready', reason: 'QuotaExceeded' });
      expect(message).toContain('few');
      await platform.user.apply({ ...quota, spec: { hard: { pods: '10' } } });
      await untilReady(platform, namespace);
    },
  },
  {
    name: 'status follows the pods: not ready when they are not, and the old ones answer while a rollout has trouble',
    run: async (platform) => {
      const namespace = await platform.namespace();
      await platform.user.apply(modelDeployment(namespace, 'digits', { replicas: 2 }));
      await untilReady(platform, namespace);
      await platform.node.pods(namespace, 'digits', 'NotReady');
      await untilCondition(platform, namespace, { type: 'Ready', status: 'False' });
      await eventually(async () => {
        const { status } = (await platform.user.get({
          apiVersion: 'modelyard.dev/v1alpha1',
          kind: 'ModelDeployment',
          name: 'digits',
          namespace,
        })) as { status?: { readyReplicas?: number } };
        expect(status?.readyReplicas).toBe(0);
      });
      await platform.node.pods(namespace, 'digits', 'Ready');
      await untilReady(platform, namespace);
    },
  },
];
