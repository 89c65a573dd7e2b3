import type { Finding } from '../checks.ts';
import { firstFinding } from '../checks.ts';
import { labels, servingNames } from '../metadata.ts';
import type { Deployment } from '../objects.ts';
import { isReady } from '../pod-checks.ts';
import { mountsOf } from './mounts.ts';
import { podsOf, type ServingObserved } from './observed.ts';
import { type PodSubject, podChecks, sharedPodChecks } from './pod-checks.ts';

/** How far the pods are from what the spec asks for. */
export interface Rollout {
  desired: number;
  /** Pods that exist, of whatever revision. */
  replicas: number;
  /** Pods that answer, of whatever revision. */
  ready: number;
  /** Pods of the wanted revision that answer. */
  updatedReady: number;
  /** Every pod is of the wanted revision, and as many answer as were asked for. */
  complete: boolean;
}

export function deploymentOf({ owner, children }: ServingObserved): Deployment | undefined {
  const name = servingNames(owner.metadata.name).workload;
  const found = children.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name);
  return found;
}

/** Whether the Deployment's status speaks of the wanted shape and size at all, and what it says. */
export function rolloutOf(observed: ServingObserved, revision: string): Rollout {
  const deployment = deploymentOf(observed);
  const desired = observed.owner.spec.replicas;
  const {
    observedGeneration = 0,
    replicas = 0,
    updatedReplicas = 0,
    readyReplicas = 0,
    availableReplicas = 0,
  } = deployment?.status ?? {};
  const current =
    deployment !== undefined &&
    observedGeneration >= (deployment.metadata.generation ?? 0) &&
    deployment.spec?.replicas === desired &&
    deployment.spec.template?.metadata?.labels?.[labels.revision] === revision;
  return {
    desired,
    replicas,
    ready: readyReplicas,
    updatedReady: podsOf(observed, revision).filter(isReady).length,
    complete: current && replicas === desired && updatedReplicas === desired && availableReplicas === desired,
  };
}

/** Why pods of the wanted revision are not ready. Causes that need somebody come before the course of things. */
export function podFinding(observed: ServingObserved, revision: string, now: Date): Finding | undefined {
  const { spec } = observed.owner;
  const common = { accelerator: spec.accelerator?.resource, mounts: mountsOf(spec), nowMs: now.getTime() };
  const subjects = podsOf(observed, revision)
    .filter((pod) => !isReady(pod))
    .map((pod): PodSubject => ({ ...common, pod, report: observed.reports.get(pod.metadata.name) }));
  const checks = spec.models === undefined ? podChecks : sharedPodChecks;
  const findings = subjects.flatMap((subject) => firstFinding(checks, subject) ?? []);
  return findings.find(({ type }) => type === 'Warning') ?? findings[0];
}
