import type { KubeClient } from '../../operator/kube/client.ts';
import type { KubeObject, ObjectRef } from '../../operator/kube/object.ts';
import type { ServingReport, SharedModelReport } from '../../runtime/contract.ts';
import type { TrainingReport } from '../../runtime/training-contract.ts';

/**
 * What a node can make of a pod. `Ready` is what every pod becomes unless told otherwise; a container that `Crashed` was started again, and
 * one that is `Completed` ended well. Of a pod that is `Lost` with its node nobody says that it has gone once it is deleted.
 */
export type PodState =
  | 'Ready'
  | 'NotReady'
  | 'Unschedulable'
  | 'ImagePullBackOff'
  | 'CreateContainerConfigError'
  | 'OOMKilled'
  | 'Evicted'
  | 'Crashed'
  | 'Completed'
  | 'Lost';

/** What becomes of a pod, and what its status says about it. */
export interface PodFate {
  state: PodState;
  /** What the node says, or the container's last words. */
  message?: string;
  /** Of `Crashed`: how often the container was started again, and what it ended with. Once, with 1, where absent. */
  restarts?: number;
  exitCode?: number;
}

/** Plays the node: decides what becomes of pods, and what they answer to `GET /report`. */
export interface NodeScript {
  /** The pods of one ModelDeployment, present and future. */
  pods(namespace: string, deployment: string, state: PodState, message?: string): Promise<void>;
  /** One pod that is there; another of its name is `Ready` again. */
  pod(namespace: string, name: string, fate: PodFate): Promise<void>;
  /** What the pods of a ModelDeployment answer; undefined: nothing. */
  report(namespace: string, deployment: string, model: ServingReport['model'] | undefined): void;
  /** The same where it serves several. */
  sharedReport(namespace: string, deployment: string, models: SharedModelReport[] | undefined): void;
  /** What server 0 of a TrainingJob answers; undefined: nothing. */
  trainingReport(namespace: string, job: string, report: PlayedReport | undefined): void;
}

/** The part of a report that a script decides. */
export type PlayedReport = Pick<TrainingReport, 'phase' | 'fault' | 'job' | 'outcome'>;

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
  /** Every write that operators asked for. */
  operatorWrites(): readonly Write[];
  /** All objects of a kind in a namespace, read past every cache. */
  objects(apiVersion: string, kind: string, namespace: string): Promise<KubeObject[]>;
  stop(): Promise<void>;
}
