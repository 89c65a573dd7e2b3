import type { TrainingJobSpec } from '../../api/training-job.gen.ts';
import type { ObjectRef } from '../../kube/object.ts';
import type { Pod } from '../objects.ts';
import type { Removal } from '../plan.ts';
import type { JobState } from './job-state.ts';
import { farewellUntilMs, isLeaving, overdueAtMs, replaceableAtMs } from './pod-state.ts';
import type { RolePod } from './pod.ts';
import type { RoleState } from './role-state.ts';

/** What is to be done about the pods of a job. */
export interface PodPlan {
  create: RolePod[];
  remove: Removal[];
  /** Until time alone changes something; Infinity where it does not. */
  againMs: number;
}

export function podRef({ metadata: { name, namespace, uid } }: Pod): ObjectRef {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  };
}

/**
 * When a pod that is there has to go, in milliseconds since 1970, and how; undefined: it stays, or goes by itself.
 *
 * @param finishing a pod that ends well may do so because the job is over
 */
function departure(pod: Pod, wanted: boolean, finishing: boolean): { atMs: number; removal: Removal } | undefined {
  const overdue = overdueAtMs(pod);
  if (overdue !== undefined) return { atMs: overdue, removal: { ...podRef(pod), gracePeriodSeconds: 0 } };
  if (!wanted) return { atMs: 0, removal: podRef(pod) };
  switch (pod.status?.phase) {
    case 'Failed':
      return { atMs: replaceableAtMs(pod), removal: podRef(pod) };
    case 'Succeeded':
      return finishing
        ? undefined
        : { atMs: Math.max(replaceableAtMs(pod), farewellUntilMs(pod) ?? 0), removal: podRef(pod) };
    default:
      return undefined;
  }
}

function rolePlan({ role, present, extra, missing }: RoleState, state: JobState, held: boolean, now: Date): PodPlan {
  const finishing = state.unheard || state.report?.phase === 'Finishing' || state.report?.phase === 'Succeeded';
  const departures = [
    ...[...present.values()].map((pod) => departure(pod, true, finishing)),
    ...extra.filter((pod) => !held || isLeaving(pod)).map((pod) => departure(pod, false, finishing)),
  ].filter((each) => each !== undefined);
  const nowMs = now.getTime();
  return {
    create: missing.map(({ index, predecessors }) => ({ role, index, predecessors })),
    remove: departures.filter(({ atMs }) => atMs <= nowMs).map(({ removal }) => removal),
    againMs: Math.min(Infinity, ...departures.filter(({ atMs }) => atMs > nowMs).map(({ atMs }) => atMs - nowMs)),
  };
}

/**
 * What is missing is created, all at once; what is not wanted goes; what ended, or cannot end, makes room for its successor. A job that is
 * suspended loses its workers first, so that its servers have nothing to do but to write a checkpoint when they are told to stop.
 */
export function podPlan(state: JobState, { runPolicy }: TrainingJobSpec, now: Date): PodPlan {
  const workersLeft = state.workers.extra.length > 0;
  const servers = rolePlan(state.servers, state, state.suspended && workersLeft, now);
  const workers = rolePlan(state.workers, state, false, now);
  const { activeDeadlineSeconds: deadline } = runPolicy;
  const deadlineMs = deadline === undefined || state.suspended ? Infinity : deadline * 1_000 - state.activeMs;
  return {
    create: [...servers.create, ...workers.create],
    remove: [...servers.remove, ...workers.remove],
    againMs: Math.max(1, Math.min(servers.againMs, workers.againMs, deadlineMs)),
  };
}
