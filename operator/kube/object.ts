/** The shapes every Kubernetes object shares. Raw JSON throughout: no Date, no dropped field. */

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  /** RFC 3339. */
  creationTimestamp?: string;
  /** RFC 3339; set once deletion has begun. */
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  finalizers?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  managedFields?: unknown[];
}

export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

/** A kind as the API server's URLs name it. */
export interface ResourceKind {
  /** `v1`, or `GROUP/VERSION`. */
  apiVersion: string;
  kind: string;
  /** Lower case, as in URLs. */
  plural: string;
  /** False for kinds without a namespace, such as Node. */
  namespaced: boolean;
}

/** Names one object. `namespace` is absent for kinds without one. */
export interface ObjectRef {
  apiVersion: string;
  kind: string;
  name: string;
  namespace?: string;
  /** Where given, a removal applies only to this incarnation. */
  uid?: string;
}

/** `NAMESPACE/NAME`, or `NAME` for kinds without a namespace. */
export type Key = string;

export function keyOf(object: { metadata: { name: string; namespace?: string } }): Key {
  const { namespace, name } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}

export function refOf(object: KubeObject): ObjectRef {
  const { name, namespace, uid } = object.metadata;
  return {
    apiVersion: object.apiVersion,
    kind: object.kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  };
}

/** The controller among the owners, if there is one. */
export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((owner) => owner.controller === true);
}
