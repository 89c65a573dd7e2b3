import type { TrainingJobStatus } from '../../api/training-job.gen.ts';
import { type Condition, findCondition, setCondition } from '../../api/conditions.ts';
import type { Plan } from '../plan.ts';
import { podRef } from './lifecycle.ts';
import { acceptanceOf, scoreOf } from './acceptance.ts';
import { checkpointed } from './conditions.ts';
import { acceptanceEvents } from './events.ts';
import type { TrainingInputs, TrainingObserved } from './observed.ts';
import { atFarewell } from './progress.ts';
import { roleState } from './role-state.ts';
import { hasEnded, overdueAtMs } from './pod-state.ts';

/** Before that, not even a job that wants to go at once goes: ModelDeployments have to hear of what it made. */
const hearingMs = 10_000;

export const isOver = (status: TrainingJobStatus | undefined): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed';

/** How long the pods of a job that succeeded may take to end by themselves. */
const farewellMs = 30_000;

/** Pods that still run are stopped; those that ended stay, with their logs, until the job goes. */
function removals(observed: TrainingObserved, now: Date): { remove: Plan<unknown>['remove']; againMs: number[] } {
  const { phase, completionTime = '' } = observed.owner.status ?? {};
  const waitMs = phase === 'Succeeded' ? Date.parse(completionTime) + farewellMs - now.getTime() : 0;
  const remove: Plan<unknown>['remove'] = [];
  const againMs: number[] = [];
  for (const pod of observed.pods) {
    const overdue = overdueAtMs(pod);
    if (overdue !== undefined && overdue <= now.getTime()) remove.push({ ...podRef(pod), gracePeriodSeconds: 0 });
    else if (overdue !== undefined) againMs.push(overdue - now.getTime());
    else if (hasEnded(pod)) continue;
    else if (waitMs > 0) againMs.push(waitMs);
    else remove.push(podRef(pod));
  }
  return { remove, againMs };
}

/** When the job itself goes, in milliseconds since 1970; undefined: it stays, as does one whose end nobody knows. */
function departureMs({ spec, status }: TrainingObserved['owner'], begun: Date): number | undefined {
  const { ttlSecondsAfterFinished: ttl } = spec.runPolicy;
  const completedMs = Date.parse(status?.completionTime ?? '');
  if (ttl === undefined || Number.isNaN(completedMs)) return undefined;
  return Math.max(completedMs + ttl * 1_000, Math.max(completedMs, begun.getTime()) + hearingMs);
}

/** What may still change in the status of a job that is over: what it is judged by. */
function rejudged(
  { spec }: TrainingObserved['owner'],
  status: TrainingJobStatus,
  observedGeneration: number,
  now: Date,
): { status: TrainingJobStatus; events: Plan<unknown>['events'] } {
  const { output } = status;
  if (output === undefined) return { status: { ...status, observedGeneration }, events: [] };
  const acceptance = acceptanceOf(spec.acceptance, output.testMetrics);
  const measured = Object.entries(output.testMetrics ?? {}).map(([name, value]): [string, number] => [
    name,
    Number(value),
  ]);
  const score = scoreOf(spec, Object.fromEntries(measured)) ?? status.score;
  const before = (status.conditions ?? []) as Condition[];
  const known = findCondition(before, 'Accepted');
  const { accepted, reason, message } = acceptance;
  const condition = {
    type: 'Accepted',
    status: accepted ? 'True' : 'False',
    reason,
    message,
    observedGeneration,
  } as const;
  const same = known?.status === condition.status && known.reason === reason && known.message === message;
  return {
    events: acceptanceEvents(acceptance, status),
    status: {
      ...status,
      observedGeneration,
      ...(score === undefined ? {} : { score }),
      output: { ...output, accepted },
      conditions: same ? before : setCondition(before, condition, now),
    },
  };
}

/** Servers that are stopped because the job failed write a last checkpoint. */
function saved(
  status: TrainingJobStatus,
  farewell: TrainingObserved['farewell'],
  observedGeneration: number,
  now: Date,
): TrainingJobStatus {
  if (farewell === undefined || farewell.checkpointStep <= (status.checkpointStep ?? -1)) return status;
  const condition = { ...checkpointed(farewell.checkpointStep, status.phase), observedGeneration };
  return {
    ...status,
    ...atFarewell(status, farewell),
    conditions: setCondition(status.conditions ?? [], condition, now),
  };
}

/**
 * A job that is over never makes anything again, whatever is deleted around it: all that is known of it is its status.
 */
export function over(observed: TrainingObserved, { now, begun }: TrainingInputs): Plan<TrainingJobStatus> {
  const { generation = 0 } = observed.owner.metadata;
  const status = saved(observed.owner.status ?? {}, observed.farewell, generation, now);
  const { remove, againMs } = removals(observed, now);
  const leaveMs = (departureMs(observed.owner, begun) ?? Infinity) - now.getTime();
  const ready = readyNow(observed);
  const plan = {
    apply: [],
    remove,
    ...rejudged(observed.owner, { ...status, ...ready }, generation, now),
  };
  if (leaveMs <= 0) return { ...plan, removeOwner: true };
  const next = Math.min(...againMs, leaveMs);
  return { ...plan, ...(next === Infinity ? {} : { requeueAfterMs: Math.max(1, next) }) };
}

/** Pods that have still to be stopped may be at work for a moment. */
function readyNow(observed: TrainingObserved): Pick<TrainingJobStatus, 'parameterServers' | 'workers'> {
  const { spec, status = {} } = observed.owner;
  const servers = roleState(observed, 'ParameterServer', spec.parameterServers.replicas).status.ready;
  const workers = roleState(observed, 'Worker', spec.workers.replicas).status.ready;
  return {
    parameterServers: { ...status.parameterServers, ready: servers },
    workers: { ...status.workers, ready: workers },
  };
}
