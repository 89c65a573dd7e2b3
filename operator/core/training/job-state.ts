import type { JobProgress, TrainingOutcome, TrainingReport } from '../../../runtime/training-contract.ts';
import type { TrainingJobStatus } from '../../api/training-job.gen.ts';
import type { Pod } from '../objects.ts';
import type { TrainingObserved } from './observed.ts';
import { farewellUntilMs, isRunning } from './pod-state.ts';
import { roleState, type RoleState } from './role-state.ts';

/** A job that is not over, as it stands. */
export interface JobState {
  /** When it stands so, in milliseconds since 1970. */
  nowMs: number;
  suspended: boolean;
  servers: RoleState;
  workers: RoleState;
  /** Server 0. */
  coordinator: Pod | undefined;
  /** What server 0 says while its container runs. */
  report: TrainingReport | undefined;
  /** It runs, and nobody has asked it yet since this operator began. */
  unheard: boolean;
  /** What it said last of the whole job, also when it has ended since. */
  progress: JobProgress | undefined;
  outcome: TrainingOutcome | undefined;
  /** Gradients are computed, or the result is written. */
  training: boolean;
  /** It trained since its pods were last wanted: what keeps it from that now is a restart, not a start. */
  began: boolean;
  /** From where failures count against the backoff limit. */
  backoff: Required<NonNullable<TrainingJobStatus['backoff']>>;
  /** Failures since then. */
  failures: number;
  /** How long the job ran, without the time it was suspended. */
  activeMs: number;
}

const tells = ({ succeeded, output }: TrainingOutcome): boolean => !succeeded || output !== undefined;

/** Server 0 alone knows of success; a failure may show in any pod. */
function outcomeOf(
  { lastWords, reports }: TrainingObserved,
  coordinator: Pod | undefined,
): TrainingOutcome | undefined {
  const name = coordinator?.metadata.name ?? '';
  const told = [lastWords.get(name), reports.get(name)?.outcome];
  return (
    told.find((outcome) => outcome !== undefined && tells(outcome)) ??
    [...lastWords.values()].find(({ succeeded }) => !succeeded)
  );
}

/** Without any one server, and without all workers, no step is done: pods tell it sooner than server 0. */
function isStaffed(servers: RoleState, workers: RoleState, nowMs: number): boolean {
  const isAtWork = (pod: Pod): boolean => isRunning(pod) || nowMs < (farewellUntilMs(pod) ?? 0);
  return (
    servers.missing.length === 0 &&
    [...servers.present.values()].every(isAtWork) &&
    [...workers.present.values(), ...workers.extra].some(isAtWork)
  );
}

function activeMsOf(status: TrainingJobStatus | undefined, now: Date): number {
  const { activeSeconds = 0, activeTime } = status ?? {};
  const current = activeTime === undefined ? 0 : Math.max(0, now.getTime() - Date.parse(activeTime));
  return activeSeconds * 1_000 + current;
}

export function stateOf(observed: TrainingObserved, now: Date): JobState {
  const { spec, status } = observed.owner;
  const { suspend: suspended } = spec.runPolicy;
  const servers = roleState(observed, 'ParameterServer', suspended ? 0 : spec.parameterServers.replicas);
  const workers = roleState(observed, 'Worker', suspended ? 0 : spec.workers.replicas);
  const coordinator = [...servers.present.values(), ...servers.extra].find(({ metadata }) =>
    metadata.name.endsWith('-ps-0'),
  );
  const latest = observed.reports.get(coordinator?.metadata.name ?? '');
  const isThere = coordinator !== undefined && isRunning(coordinator);
  const report = isThere ? latest : undefined;
  const nowMs = now.getTime();
  const training = report?.phase === 'Finishing' || (report?.phase === 'Running' && isStaffed(servers, workers, nowMs));
  const before = { step: status?.backoff?.step ?? 0, restarts: status?.backoff?.restarts ?? 0 };
  const step = Math.max(latest?.job?.step ?? 0, before.step);
  const restarts = servers.status.restarts + workers.status.restarts;
  const backoff = step > before.step ? { step, restarts } : before;
  return {
    nowMs,
    suspended,
    servers,
    workers,
    coordinator,
    report,
    unheard: isThere && observed.unheard.has(coordinator.metadata.name),
    progress: latest?.job,
    outcome: outcomeOf(observed, coordinator),
    training,
    began: training || status?.phase === 'Running' || status?.phase === 'Restarting',
    backoff,
    failures: Math.max(0, restarts - backoff.restarts),
    activeMs: activeMsOf(status, now),
  };
}
