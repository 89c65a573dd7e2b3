import type { TrainingReport } from '../../runtime/training-contract.ts';
import { labels, managedBy, trainingNames } from '../core/metadata.ts';
import type { Pod } from '../core/objects.ts';
import { isReady, runtimeOf } from '../core/pod-checks.ts';
import { isRunning } from '../core/training/pod-state.ts';
import { type Key, keyOf, type KubeObject } from '../kube/object.ts';
import { trainingJobKind } from './kinds.ts';
import { parseTrainingReport } from './report-schema.ts';
import type { ReportKind } from './reports.ts';

/** Pods beside server 0 are asked why they are not ready, but no more of them than one in this time. */
const spacingMs = 20;

/** Labels can be put on anything; the owner, the name and the network tell which pods the operator made. */
function ownerOf({ metadata, spec }: KubeObject): Key | undefined {
  const { labels: own = {}, ownerReferences = [], namespace } = metadata;
  const name = own[labels.job];
  if (name === undefined || own[labels.managedBy] !== managedBy) return undefined;
  if ((spec as { hostNetwork?: boolean } | undefined)?.hostNetwork === true) return undefined;
  const { apiVersion, kind } = trainingJobKind;
  const made = ownerReferences.some(
    (owner) =>
      owner.controller === true && owner.apiVersion === apiVersion && owner.kind === kind && owner.name === name,
  );
  return made ? keyOf({ metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }) : undefined;
}

const coordinates = ({ metadata }: Pod): boolean =>
  metadata.name === trainingNames(metadata.labels?.[labels.job] ?? '').parameterServer(0);

/** What pods that train report: server 0 all the time, the others while they are not ready. */
export const trainingReports: ReportKind<TrainingReport> = {
  ownerOf,
  parse: (body, { metadata }) => {
    const report = parseTrainingReport(body);
    const own = metadata.labels ?? {};
    const itsOwn =
      report?.podName === metadata.name &&
      report.role === own[labels.role] &&
      String(report.index) === own[labels.index];
    return itsOwn ? report : undefined;
  },
  // A container that was started again has its news still to tell.
  lifeOf: (pod) => `${pod.metadata.uid ?? ''}/${runtimeOf(pod)?.restartCount ?? 0}`,
  pauseMs: (pod, _report, eagerMs, unready) => {
    if (!isRunning(pod)) return Infinity;
    if (coordinates(pod)) return eagerMs;
    return isReady(pod) ? Infinity : Math.max(eagerMs, unready * spacingMs);
  },
};
