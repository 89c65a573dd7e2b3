import type { TrainingReport, TrainingRole } from '../../../runtime/training-contract.ts';
import { type Check, type Finding, firstFinding } from '../checks.ts';
import {
  clip,
  crashCheck,
  isReady,
  normal,
  type PodWords,
  startChecks,
  type UnreadyPod,
  warning,
} from '../pod-checks.ts';
import type { JobState } from './job-state.ts';
import { mountsOf } from './mounts.ts';
import type { TrainingObserved } from './observed.ts';
import { endedWithNode, farewellUntilMs, hasEnded, isLeaving, lossOf } from './pod-state.ts';
import { predecessorsOf, tellsOfLoss } from './predecessors.ts';
import type { RoleState } from './role-state.ts';

interface Subject extends UnreadyPod {
  report: TrainingReport | undefined;
  /** It has to go because nobody wanted it. */
  dismissed: boolean;
}

const wordsOf = (role: 'parameterServers' | 'workers'): PodWords => ({
  resources: `spec.${role}.resources`,
  accelerator: `spec.${role}.accelerator`,
  podTemplate: `spec.${role}.podTemplate`,
  storage: 'the storage and transport of the spec',
  runtime: ({ metadata }) => `the container of pod ${metadata.name}`,
});

/** Faults that say only that others are missing: those others tell more. */
const waitingReasons: readonly string[] = ['WaitingForServers', 'WaitingForWorkers'];

/** What a pod says is the matter with it. */
export function faultOf(report: TrainingReport | undefined): Finding | undefined {
  if (report?.fault === undefined) return undefined;
  const { reason, message, retrying } = report.fault;
  const found = warning(reason, clip(message));
  return retrying ? found : { ...found, terminal: true };
}

/** What becomes of the pod itself. */
const stays: Check<Subject> = {
  name: 'the pod stays',
  find: ({ pod, dismissed }) => {
    if (!isLeaving(pod) && !hasEnded(pod)) return undefined;
    if (dismissed) {
      const message = `pod ${pod.metadata.name}, which nobody wanted for a while, has still to end; it is made anew then`;
      return normal('Resuming', message);
    }
    const { reason, message } = lossOf(pod);
    return warning(reason, `${message}; it is replaced once it is gone`);
  },
};

/** Why a pod that runs is not at work; one that only waits for others has no reason of its own. */
const workChecks = (words: PodWords): readonly Check<Subject>[] => [
  {
    name: 'the pod has no fault of its own',
    find: ({ report }) => {
      const fault = faultOf(report);
      return fault === undefined || waitingReasons.includes(fault.reason) ? undefined : fault;
    },
  },
  {
    name: 'its node stays up',
    find: ({ pod }) => {
      if (!endedWithNode(pod)) return undefined;
      const node = pod.spec?.nodeName === undefined ? 'its node' : `node ${pod.spec.nodeName}`;
      const message = `${words.runtime(pod)} ended with ${node}, which has started again; it is started again as well`;
      return warning('NodeRestarted', message);
    },
  },
  crashCheck(words),
  {
    name: 'the pod is the first of its name',
    find: ({ pod, report }) => {
      const before = predecessorsOf(pod);
      if (!tellsOfLoss(before) || (report !== undefined && report.phase !== 'Preparing')) return undefined;
      return warning(before.reason, `${before.message}; the pod that replaces it is starting`);
    },
  },
];

interface RoleChecks {
  start: readonly Check<UnreadyPod>[];
  work: readonly Check<Subject>[];
}

const checksFor = (words: PodWords): RoleChecks => ({ start: startChecks(words), work: workChecks(words) });

const checks: Readonly<Record<TrainingRole, RoleChecks>> = {
  ParameterServer: checksFor(wordsOf('parameterServers')),
  Worker: checksFor(wordsOf('workers')),
};

export interface PodFinding extends Finding {
  /** The pod cannot even start. */
  blocked: boolean;
}

function podFinding(role: TrainingRole, subject: Subject): PodFinding | undefined {
  const { start, work } = checks[role];
  const staying = stays.find(subject);
  if (staying !== undefined) return { ...staying, blocked: false };
  const starting = firstFinding(start, subject);
  if (starting !== undefined) return { ...starting, blocked: subject.pod.status?.phase === 'Pending' };
  const working = firstFinding(work, subject);
  return working === undefined ? undefined : { ...working, blocked: false };
}

/** The first thing that keeps a pod of this role from its work. */
export function roleFinding(
  { role, present, missing }: RoleState,
  { owner, reports, dismissed }: Pick<TrainingObserved, 'owner' | 'reports' | 'dismissed'>,
  { began, nowMs }: Pick<JobState, 'began' | 'nowMs'>,
): PodFinding | undefined {
  // Before the job trains, all that is missing is about to be created, and is no news.
  const lost = missing.map(({ predecessors }) => predecessors).find(tellsOfLoss);
  if (lost !== undefined && began) {
    const message = `${lost.message}; the pod that replaces it is about to be created`;
    return { ...warning(lost.reason, message), blocked: false };
  }
  const accelerator = role === 'Worker' ? owner.spec.workers.accelerator?.resource : undefined;
  const common = { accelerator, mounts: mountsOf(owner, role), nowMs };
  for (const pod of present.values()) {
    if (isReady(pod) && !isLeaving(pod) && !hasEnded(pod)) continue;
    if (nowMs < (farewellUntilMs(pod) ?? 0)) continue;
    const { name } = pod.metadata;
    const subject = { ...common, pod, report: reports.get(name), dismissed: dismissed.has(name) };
    const finding = podFinding(role, subject);
    if (finding !== undefined) return finding;
  }
  return undefined;
}
