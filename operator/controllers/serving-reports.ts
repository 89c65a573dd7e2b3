import { labels, managedBy, servingNames } from '../core/metadata.ts';
import { isReady } from '../core/pod-checks.ts';
import type { PodReport } from '../core/serving/observed.ts';
import { type Key, keyOf, type KubeObject } from '../kube/object.ts';
import { parseServingReport } from './report-schema.ts';
import type { ReportKind } from './reports.ts';

/** Between two looks at a pod that serves. */
const servingMs = 60_000;
/** The same where several models come and go as they are asked for. */
const sharedMs = 15_000;

/** What passes by itself, and soon. */
const moving: readonly string[] = ['Resolving', 'Downloading', 'Loading', 'WarmingUp'];

/** How long nothing new is expected of a pod that is ready; undefined where something is. */
function calmMs(report: PodReport | undefined): number | undefined {
  if (report?.kind === 'Serving') return report.model.phase === 'Ready' ? servingMs : undefined;
  if (report === undefined || report.models.some(({ phase }) => moving.includes(phase))) return undefined;
  return sharedMs;
}

/** Labels can be put on anything; the owner and the network tell which pods the operator made. */
function ownerOf({ metadata, spec }: KubeObject): Key | undefined {
  const { labels: own = {}, ownerReferences = [], namespace } = metadata;
  const name = own[labels.deployment];
  if (name === undefined || own[labels.managedBy] !== managedBy) return undefined;
  if ((spec as { hostNetwork?: boolean } | undefined)?.hostNetwork === true) return undefined;
  const prefix = `${servingNames(name).workload}-`;
  const made = ownerReferences.some(
    (owner) => owner.controller === true && owner.kind === 'ReplicaSet' && owner.name.startsWith(prefix),
  );
  return made ? keyOf({ metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }) : undefined;
}

/** What pods that serve report: often while they load, now and then afterwards. */
export const servingReports: ReportKind<PodReport> = {
  ownerOf,
  parse: (body, pod) => {
    const report = parseServingReport(body);
    return report?.podName === pod.metadata.name ? report : undefined;
  },
  lifeOf: ({ metadata }) => metadata.uid ?? '',
  pauseMs: (pod, report, eagerMs) => (isReady(pod) ? calmMs(report) : undefined) ?? eagerMs,
};
