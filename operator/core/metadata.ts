import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { KubeObject, ObjectMeta, OwnerReference } from '../kube/object.ts';

/** Labels and annotations of ours. */
export const labels = {
  deployment: 'modelyard.dev/deployment',
  revision: 'modelyard.dev/revision',
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

/** Metadata of an object that serves `owner` and goes when it goes. */
export function childMetadata(owner: KubeObject, name: string): ObjectMeta {
  const { namespace } = owner.metadata;
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: servingLabels(owner.metadata.name),
    ownerReferences: [controllerReference(owner)],
  };
}

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

/** A name for the shape of a pod, such as `v1-3f9c01ab27`: another shape is another revision, and so a rollout. */
export function revisionOf(shape: unknown): string {
  return `${hashVersion}-${bytesToHex(sha256(utf8ToBytes(canonical(shape)))).slice(0, 10)}`;
}
