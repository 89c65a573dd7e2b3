import { pinFile, type ServingReport } from '../../../runtime/contract.ts';
import type { ModelDeployment } from '../../api/model-deployment.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { Finding } from '../checks.ts';
import { servingMetadata, labels, servingNames } from '../metadata.ts';
import type { ServingObserved } from './observed.ts';

/** The reports of pods of one revision, in the order of their pods' names. */
export function reportsOf({ pods, reports }: ServingObserved, revision: string): ServingReport[] {
  return pods
    .filter(
      ({ metadata }) => metadata.labels?.[labels.revision] === revision && metadata.deletionTimestamp === undefined,
    )
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .flatMap(({ metadata }) => reports.get(metadata.name) ?? []);
}

/**
 * The content that every pod of this revision must load: what the spec says, else what was pinned before, else what
 * the first pod reports. Another URI, digest or pod shape is another revision, and pins anew.
 */
export function pinnedDigest(observed: ServingObserved, revision: string): string | undefined {
  const { spec, status } = observed.owner;
  if (spec.model.digest !== undefined) return spec.model.digest;
  if (status?.revision === revision && status.model?.uri === spec.model.uri && status.model?.digest !== undefined) {
    return status.model.digest;
  }
  const loaded = reportsOf(observed, revision).find(
    ({ model }) => model.uri === spec.model.uri && model.phase === 'Ready' && model.digest !== undefined,
  );
  return loaded?.model.digest;
}

/** Tells pods that start later what to load. The kubelet renews it in place: pinning restarts nothing. */
export function pin(owner: ModelDeployment, digest: string | undefined): KubeObject {
  const { uri } = owner.spec.model;
  const digests = uri === undefined || digest === undefined ? {} : { [uri]: digest };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: servingMetadata(owner, servingNames(owner.metadata.name).pin),
    data: { [pinFile]: JSON.stringify(digests) },
  };
}

/** A pod that loaded other content before the pin reached it, where the content behind the URI changed in between. */
export function strayFinding(
  observed: ServingObserved,
  revision: string,
  digest: string | undefined,
): Finding | undefined {
  if (digest === undefined) return undefined;
  const stray = reportsOf(observed, revision).find(
    ({ model }) => model.phase === 'Ready' && model.digest !== undefined && model.digest !== digest,
  );
  if (stray === undefined) return undefined;
  const message = `pod ${stray.podName} serves ${stray.model.digest ?? ''}, but ${digest} is pinned; delete the pod to load it again`;
  return { type: 'Warning', reason: 'DigestMismatch', message };
}
