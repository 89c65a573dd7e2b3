import { expect } from '@jest/globals';
import type { KubeObject } from '../../../operator/kube/object.ts';
import { servingEnv } from '../../../runtime/contract.ts';
import type { Platform } from '../platform.ts';
import {
  eventually,
  modelDeployment,
  read,
  type Scenario,
  untilCondition,
  untilReady,
  uri,
  workload,
} from '../steps.ts';
import { digest } from '../../support/played-job.ts';

interface PodTemplate {
  metadata: { labels?: object; annotations?: object };
  spec: { containers: Record<string, unknown>[]; [field: string]: unknown };
}

interface Change {
  field: string;
  spec: object;
  /** What must be found in the pod template. */
  template: { metadata?: object; spec?: object; container?: object };
}

const env = (name: string, value: string): Change['template'] => ({
  container: { env: expect.arrayContaining([{ name, value }]) as unknown },
});
const model = (more: object): object => ({ model: { uri, ...more } });
const pods = (podTemplate: object): object => ({ podTemplate });
const toleration = { key: 'gpu', operator: 'Exists', effect: 'NoSchedule' };
const affinity = {
  nodeAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }],
    },
  },
};
const spread = { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'ScheduleAnyway' };
const fromSecret = (key: string): object => ({ name: key, valueFrom: { secretKeyRef: { name: 'models-s3', key } } });

const changes: Change[] = [
  {
    field: 'model.uri',
    spec: { model: { uri: 's3://models/b/' } },
    template: env(servingEnv.modelUri, 's3://models/b/'),
  },
  { field: 'model.digest', spec: model({ digest }), template: env(servingEnv.modelDigest, digest) },
  {
    field: 'model.task',
    spec: model({ task: 'ImageClassification' }),
    template: env(servingEnv.task, 'ImageClassification'),
  },
  {
    field: 'model.storage.endpoint',
    spec: model({ storage: { endpoint: 'http://s3.test:9000' } }),
    template: env(servingEnv.endpoint, 'http://s3.test:9000'),
  },
  {
    field: 'model.storage.region',
    spec: model({ storage: { region: 'eu-1' } }),
    template: env(servingEnv.region, 'eu-1'),
  },
  {
    field: 'model.storage.credentialsSecretRef',
    spec: model({ storage: { credentialsSecretRef: { name: 'models-s3' } } }),
    template: { container: { env: expect.arrayContaining([fromSecret('AWS_ACCESS_KEY_ID')]) as unknown } },
  },
  ...Object.entries({
    'oci://registry.test/models/digits:v1': '.dockerconfigjson',
    'hf://acme/digits': 'HF_TOKEN',
    'gs://models/digits/': 'gcloud-application-credentials.json',
  }).map(([place, key]): Change => ({
    field: `model.storage.credentialsSecretRef of ${place}`,
    spec: { model: { uri: place, storage: { credentialsSecretRef: { name: 'models-s3' } } } },
    template: { container: { env: expect.arrayContaining([fromSecret(key)]) as unknown } },
  })),
  {
    field: 'model.storage.caConfigMapRef',
    spec: model({ storage: { caConfigMapRef: { name: 'ca' } } }),
    template: {
      container: {
        env: expect.arrayContaining([
          { name: servingEnv.storageCa, valueFrom: { configMapKeyRef: { name: 'ca', key: 'ca.crt' } } },
        ]) as unknown,
      },
    },
  },
  {
    field: 'accelerator',
    spec: { accelerator: { resource: 'nvidia.com/gpu', count: 2 } },
    template: { container: { resources: { limits: { 'nvidia.com/gpu': '2' } } } },
  },
  {
    field: 'resources',
    spec: { resources: { limits: { memory: '3Gi' } } },
    template: { container: { resources: { limits: { memory: '3Gi' } } } },
  },
  {
    field: 'serviceAccountName',
    spec: { serviceAccountName: 'mine' },
    template: { spec: { serviceAccountName: 'mine' } },
  },
  {
    field: 'serving.batching.maxSize',
    spec: { serving: { batching: { maxSize: 4 } } },
    template: env(servingEnv.batchMaxSize, '4'),
  },
  {
    field: 'serving.batching.maxDelay',
    spec: { serving: { batching: { maxDelay: '7ms' } } },
    template: env(servingEnv.batchMaxDelayMs, '7'),
  },
  {
    field: 'serving.queue.maxLength',
    spec: { serving: { queue: { maxLength: 9 } } },
    template: env(servingEnv.queueMaxLength, '9'),
  },
  { field: 'serving.timeout', spec: { serving: { timeout: '1m' } }, template: env(servingEnv.timeoutMs, '60000') },
  { field: 'serving.warmup', spec: { serving: { warmup: false } }, template: env(servingEnv.warmup, 'false') },
  {
    field: 'serving.modelControl',
    spec: { serving: { modelControl: 'Explicit' } },
    template: env(servingEnv.modelControl, 'Explicit'),
  },
  {
    field: 'serving.accessLog',
    spec: { serving: { accessLog: 'All' } },
    template: env(servingEnv.accessLog, 'All'),
  },
  {
    field: 'podTemplate.metadata.labels',
    spec: pods({ metadata: { labels: { team: 'a' } } }),
    template: { metadata: { labels: { team: 'a' } } },
  },
  {
    field: 'podTemplate.metadata.annotations',
    spec: pods({ metadata: { annotations: { note: 'b' } } }),
    template: { metadata: { annotations: { note: 'b' } } },
  },
  {
    field: 'podTemplate.nodeSelector',
    spec: pods({ nodeSelector: { disk: 'ssd' } }),
    template: { spec: { nodeSelector: { disk: 'ssd' } } },
  },
  {
    field: 'podTemplate.tolerations',
    spec: pods({ tolerations: [toleration] }),
    template: { spec: { tolerations: [toleration] } },
  },
  { field: 'podTemplate.affinity', spec: pods({ affinity }), template: { spec: { affinity } } },
  {
    field: 'podTemplate.topologySpreadConstraints',
    spec: pods({ topologySpreadConstraints: [spread] }),
    template: { spec: { topologySpreadConstraints: [spread] } },
  },
  {
    field: 'podTemplate.priorityClassName',
    spec: pods({ priorityClassName: 'system-cluster-critical' }),
    template: { spec: { priorityClassName: 'system-cluster-critical' } },
  },
  {
    field: 'podTemplate.runtimeClassName',
    spec: pods({ runtimeClassName: 'nvidia' }),
    template: { spec: { runtimeClassName: 'nvidia' } },
  },
  {
    field: 'podTemplate.schedulerName',
    spec: pods({ schedulerName: 'mine' }),
    template: { spec: { schedulerName: 'mine' } },
  },
  {
    field: 'podTemplate.imagePullSecrets',
    spec: pods({ imagePullSecrets: [{ name: 'pull' }] }),
    template: { spec: { imagePullSecrets: [{ name: 'pull' }] } },
  },
  {
    field: 'podTemplate.securityContext',
    spec: pods({ securityContext: { runAsUser: 1234, fsGroup: 5 } }),
    template: { spec: { securityContext: { runAsUser: 1234, fsGroup: 5, runAsNonRoot: true } } },
  },
  {
    field: 'podTemplate.volumes and volumeMounts',
    spec: pods({ volumes: [{ name: 'extra', emptyDir: {} }], volumeMounts: [{ name: 'extra', mountPath: '/extra' }] }),
    template: {
      spec: { volumes: expect.arrayContaining([{ name: 'extra', emptyDir: {} }]) as unknown },
      container: { volumeMounts: expect.arrayContaining([{ name: 'extra', mountPath: '/extra' }]) as unknown },
    },
  },
];

const templateOf = (deployment: KubeObject): PodTemplate => (deployment.spec as { template: PodTemplate }).template;

/** The revision, once the status speaks of the present spec. */
const revisionNow = (platform: Platform, namespace: string): Promise<string | undefined> =>
  eventually(async () => {
    const { status, metadata } = await read(platform, namespace);
    expect(status?.observedGeneration).toBe(metadata.generation);
    return status?.revision;
  });

/** The field reaches the pods as another revision, and its removal brings the first revision back, to the letter. */
async function rolls(platform: Platform, { spec, template }: Change): Promise<void> {
  const namespace = await platform.namespace();
  await platform.user.apply(modelDeployment(namespace));
  const first = await revisionNow(platform, namespace);
  const before = await eventually(() => workload(platform, namespace));
  await platform.user.apply(modelDeployment(namespace, 'digits', spec));
  await eventually(async () => {
    const after = templateOf(await workload(platform, namespace));
    if (template.metadata !== undefined) expect(after.metadata).toMatchObject(template.metadata);
    if (template.spec !== undefined) expect(after.spec).toMatchObject(template.spec);
    if (template.container !== undefined) expect(after.spec.containers[0]).toMatchObject(template.container);
  });
  expect(await revisionNow(platform, namespace)).not.toBe(first);
  await platform.user.apply(modelDeployment(namespace));
  await eventually(async () => expect(templateOf(await workload(platform, namespace))).toEqual(templateOf(before)));
  expect(await revisionNow(platform, namespace)).toBe(first);
  await untilReady(platform, namespace);
}

export const specChanges: Scenario[] = [
  ...changes.map((change): Scenario => ({
    name: `a change of spec.${change.field} rolls out, and taking it back brings back what was`,
    run: (platform) => rolls(platform, change),
  })),
  {
    name: 'a change of spec.replicas scales without a rollout',
    run: async (platform) => {
      const namespace = await platform.namespace();
      await platform.user.apply(modelDeployment(namespace));
      const { status } = await untilReady(platform, namespace);
      const pod = (await platform.objects('v1', 'Pod', namespace))[0]?.metadata.uid;
      await platform.user.apply(modelDeployment(namespace, 'digits', { replicas: 3 }));
      await untilCondition(platform, namespace, { type: 'Ready', status: 'True' });
      const after = await read(platform, namespace);
      expect(after.status).toMatchObject({ revision: status?.revision, readyReplicas: 3 });
      expect((await platform.objects('v1', 'Pod', namespace)).map(({ metadata }) => metadata.uid)).toContain(pod);
    },
  },
];
