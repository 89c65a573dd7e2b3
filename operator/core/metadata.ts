import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { KubeObject, ObjectMeta, OwnerReference } from '../kube/object.ts';

/** Labels and annotations of ours. */
export const labels = {
  deployment: 'modelyard.dev/deployment',
  revision: 'modelyard.dev/revision',
  job: 'modelyard.dev/job',
  /** A `TrainingRole`. */
  role: 'modelyard.dev/role',
  /** The number in the name of a job's pod. */
  index: 'modelyard.dev/index',
  /** On namespaces whose pods may read metrics. */
  metrics: 'modelyard.dev/metrics',
  managedBy: 'app.kubernetes.io/managed-by',
  name: 'app.kubernetes.io/name',
  instance: 'app.kubernetes.io/instance',
  component: 'app.kubernetes.io/component',
} as const;

export const managedBy = 'modelyard';

/** Raised where the way of hashing changes, which rolls every deployment out once. */
const hashVersion = 'v1';

/** Names of what a ModelDeployment owns. */
export const servingNames = (name: string) =>
  ({
    workload: `${name}-serving`,
    pin: `${name}-serving-pin`,
    models: `${name}-serving-models`,
    service: name,
  }) as const;

/** What the pods of a ModelDeployment are found by; it never changes, for a Deployment's selector cannot. */
export const servingSelector = (name: string): Record<string, string> => ({
  [labels.deployment]: name,
  [labels.component]: 'serving',
});

/** Labels of everything that serves one ModelDeployment. */
export const servingLabels = (name: string): Record<string, string> => ({
  [labels.name]: 'modelyard-runtime',
  [labels.instance]: name,
  [labels.managedBy]: managedBy,
  ...servingSelector(name),
});

/** Names of what a TrainingJob owns. */
export const trainingNames = (name: string) =>
  ({
    /** The Service in DNS, the NetworkPolicy and the ServiceAccount. */
    workload: `${name}-training`,
    job: `${name}-training-job`,
    parameterServer: (index: number): string => `${name}-ps-${index}`,
    worker: (index: number): string => `${name}-worker-${index}`,
  }) as const;

/** What the pods of a TrainingJob are found by. */
export const trainingSelector = (name: string): Record<string, string> => ({
  [labels.job]: name,
  [labels.component]: 'training',
});

/** Labels of everything that trains for one TrainingJob. */
const trainingLabels = (name: string): Record<string, string> => ({
  [labels.name]: 'modelyard-runtime',
  [labels.instance]: name,
  [labels.managedBy]: managedBy,
  ...trainingSelector(name),
});

export const selectorText = (selector: Readonly<Record<string, string>>): string =>
  Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

function controllerReference(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

function childMetadata(owner: KubeObject, name: string, ownLabels: Record<string, string>): ObjectMeta {
  const { namespace } = owner.metadata;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: ownLabels,
    ownerReferences: [controllerReference(owner)],
  };
}

/** Metadata of an object that serves `owner`, a ModelDeployment, and goes when it goes. */
export const servingMetadata = (owner: KubeObject, name: string): ObjectMeta =>
  childMetadata(owner, name, servingLabels(owner.metadata.name));

/** Metadata of an object that trains for `owner`, a TrainingJob, and goes when it goes. */
export const trainingMetadata = (owner: KubeObject, name: string): ObjectMeta =>
  childMetadata(owner, name, trainingLabels(owner.metadata.name));

/** JSON with sorted keys: equal for equal data. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value)
    .filter(([, child]) => child !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, child]) => `${JSON.stringify(key)}:${canonical(child)}`);
  return `{${entries.join(',')}}`;
}

const hexOf = (shape: unknown): string => bytesToHex(sha256(utf8ToBytes(canonical(shape))));

/** A name for the shape of a pod, such as `v1-3f9c01ab27`: another shape is another revision, and so a rollout. */
export const revisionOf = (shape: unknown): string => `${hashVersion}-${hexOf(shape).slice(0, 10)}`;

/** `sha256:HEX` of data: equal for equal data, whatever the order of its fields. */
export const digestOf = (data: unknown): string => `sha256:${hexOf(data)}`;
