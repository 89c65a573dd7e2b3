import type { TrainingJobStatus } from '../../api/training-job.gen.ts';
import { findCondition } from '../../api/conditions.ts';
import type { Finding } from '../checks.ts';
import type { Pod } from '../objects.ts';
import type { PlannedEvent } from '../plan.ts';
import { clip } from '../pod-checks.ts';
import type { Acceptance } from './acceptance.ts';
import type { JobState } from './job-state.ts';
import { failureOf } from './pod-state.ts';
import { predecessorsOf } from './predecessors.ts';
import type { RoleState } from './role-state.ts';
import type { Verdict } from './verdict.ts';

/** Pods that are told of by name at a time. */
const maxPods = 5;

const event = ({ type, reason, message }: Finding, action: string): PlannedEvent => ({
  type,
  reason,
  action,
  note: message,
});

const reasonOf = (status: TrainingJobStatus, type: string): string | undefined =>
  findCondition(status.conditions ?? [], type)?.reason;

/** What became of a pod was a reason of the job's state, and so was told with it. */
const isKnown = (message: string, { conditions = [] }: TrainingJobStatus): boolean =>
  conditions.some((condition) => message !== '' && condition.message.startsWith(message));

/** The most recent, by a time that each has. */
const latest = (pods: readonly Pod[], timeOf: (pod: Pod) => string, howMany: number): Pod[] =>
  pods.toSorted((a, b) => (timeOf(a) > timeOf(b) ? -1 : 1)).slice(0, Math.min(howMany, maxPods));

/** One for each container that failed and each pod that was replaced since the last status, as far as pods still tell of it. */
function lossEvents({ role, present, status }: RoleState, told: TrainingJobStatus): PlannedEvent[] {
  const before = role === 'Worker' ? told.workers : told.parameterServers;
  const pods = [...present.values()];
  const failed = pods.filter((pod) => failureOf(pod) !== undefined);
  const replaced = pods.filter((pod) => (predecessorsOf(pod)?.evictions ?? 0) > 0);
  const failures = latest(
    failed,
    (pod) => failureOf(pod)?.finishedAt ?? '',
    status.restarts - (before?.restarts ?? 0),
  ).map((pod): PlannedEvent => {
    const { exitCode, message, reason } = failureOf(pod) ?? {};
    const said = clip(message ?? reason ?? '');
    const on = pod.spec?.nodeName === undefined ? '' : ` on node ${pod.spec.nodeName}`;
    const note = `the container of pod ${pod.metadata.name}${on} ended with exit code ${exitCode ?? 'unknown'}${said === '' ? '' : `: ${said}`}; it is started again`;
    return { type: 'Warning', reason: 'ContainerFailed', action: 'Restart', note };
  });
  const replacements = latest(
    replaced,
    (pod) => pod.metadata.creationTimestamp ?? '',
    status.evictions - (before?.evictions ?? 0),
  ).flatMap((pod): PlannedEvent[] => {
    const earlier = predecessorsOf(pod);
    if (earlier === undefined || isKnown(earlier.message, told)) return [];
    return [
      { type: 'Warning', reason: earlier.reason, action: 'Replace', note: `${earlier.message}; it was replaced` },
    ];
  });
  return [...failures, ...replacements];
}

function scaleEvents({ workers }: JobState, before: TrainingJobStatus): PlannedEvent[] {
  const [from, to] = [before.workers?.desired, workers.status.desired];
  if (from === undefined || from === to) return [];
  return [
    { type: 'Normal', reason: 'Scaled', action: 'Scale', note: `spec.workers.replicas went from ${from} to ${to}` },
  ];
}

/** Whether the model may be served, where that is new. */
export function acceptanceEvents(acceptance: Acceptance | undefined, before: TrainingJobStatus): PlannedEvent[] {
  if (acceptance === undefined || reasonOf(before, 'Accepted') === acceptance.reason) return [];
  return [event({ type: acceptance.accepted ? 'Normal' : 'Warning', ...acceptance }, 'Judge')];
}

/** An Event for everything that happened to a job since its last status: to its pods, and to itself. */
export function jobEvents(state: JobState, verdict: Verdict, before: TrainingJobStatus): PlannedEvent[] {
  const { phase, finding, trouble, ending } = verdict;
  const losses =
    ending === undefined ? [...lossEvents(state.servers, before), ...lossEvents(state.workers, before)] : [];
  const moved = before.phase !== phase || reasonOf(before, 'Running') !== finding.reason;
  // A pod that failed is told of already.
  const degraded = trouble !== undefined && losses.length === 0 && reasonOf(before, 'Degraded') !== trouble.reason;
  return [
    ...losses,
    ...scaleEvents(state, before),
    ...(moved ? [event(finding, 'Reconcile')] : []),
    ...(degraded ? [event(trouble, 'Reconcile')] : []),
  ];
}
