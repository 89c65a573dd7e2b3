import type { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject, ObjectRef } from '../../operator/kube/object.ts';
import type { ServingReport } from '../../runtime/contract.ts';

/** What a node can make of a pod. `Ready` is what every pod becomes unless told otherwise. */
export type PodState =
  'Ready' | 'NotReady' | 'Unschedulable' | 'ImagePullBackOff' | 'CreateContainerConfigError' | 'OOMKilled' | 'Evicted';

/** Plays the node: decides what becomes of the pods of one ModelDeployment, present and future. */
export interface NodeScript {
  pods(namespace: string, deployment: string, state: PodState, message?: string): Promise<void>;
  /** What those pods answer to `GET /report`; undefined: they do not answer. */
  report(namespace: string, deployment: string, model: ServingReport['model'] | undefined): void;
}

export interface Write {
  verb: 'create' | 'apply' | 'replace' | 'applyStatus' | 'remove';
  ref: ObjectRef;
}

/** A place the behaviour suite runs on: the laptop mode, or a real kube-apiserver with KWOK as its node. */
export interface Platform {
  readonly name: string;
  /** A client of the person who writes YAML: admission judges what it writes. */
  readonly user: KubeClient;
  readonly node: NodeScript;
  /** A fresh namespace. */
  namespace(): Promise<string>;
  /** Starts the operator, in this process; the function stops it. */
  startOperator(): Promise<() => Promise<void>>;
  /** Every write the operator made since the last call. */
  operatorWrites(): Write[];
  /** All objects of a kind in a namespace, read past every cache. */
  objects(apiVersion: string, kind: string, namespace: string): Promise<KubeObject[]>;
  stop(): Promise<void>;
}
