import type { TrainingJobStatus } from '../../api/training-job.gen.ts';
import { findCondition } from '../../api/conditions.ts';
import { type Finding, firstFinding } from '../checks.ts';
import { normal } from '../pod-checks.ts';
import { refusalChecks } from '../refusal-checks.ts';
import type { Ending } from './ending.ts';
import type { JobState } from './job-state.ts';
import type { TrainingObserved } from './observed.ts';
import { faultOf, roleFinding, type PodFinding } from './pod-findings.ts';
import { laterChecks } from './spec-checks.ts';

type Phase = NonNullable<TrainingJobStatus['phase']>;

/** How a job is, in one word and in one sentence. */
export interface Verdict {
  phase: Phase;
  finding: Finding;
  /** What is the matter with a job that goes on all the same. */
  trouble?: Finding | undefined;
  /** Of a job that is over. */
  ending?: Ending;
  /** No pod is ever made. */
  refused?: boolean;
}

/** A spec that no pod could follow. */
export const refusedBy = (finding: Finding): Verdict => ({ phase: 'Pending', finding, refused: true });

const refusals = refusalChecks({
  lower: 'spec.workers.replicas, or the resources of spec.workers and spec.parameterServers',
  correct: 'what shapes the pods of a TrainingJob cannot change: create another TrainingJob in its place',
});

const count = (ready: number, desired: number, one: string): string =>
  `${ready} of ${desired} ${one}${desired === 1 ? '' : 's'}`;

const readiness = ({ servers, workers }: JobState): string =>
  `${count(servers.status.ready, servers.status.desired, 'parameter server')} and ` +
  `${count(workers.status.ready, workers.status.desired, 'worker')} ready`;

/** What keeps server 0 from training, where no pod is to blame. */
function courseOf(state: JobState): Finding {
  const fault = faultOf(state.report);
  if (fault !== undefined) return fault;
  const there = readiness(state);
  if (state.report?.phase === 'Preparing') return normal('Preparing', `model and data are being read, ${there}`);
  if (state.report?.phase === 'Waiting') return normal('Waiting', `the pods find each other, ${there}`);
  if (state.backoff.step > 0) {
    return normal('Resuming', `pods are starting to go on from the newest checkpoint, ${there}`);
  }
  return normal('Starting', `pods are starting, ${there}`);
}

function ended(ending: Ending): Verdict {
  const { succeeded, reason, message } = ending;
  return succeeded
    ? { phase: 'Succeeded', finding: normal(reason, message), ending }
    : { phase: 'Failed', finding: { type: 'Warning', reason, message, terminal: true }, ending };
}

function suspended(observed: TrainingObserved): Verdict {
  const left = observed.pods.length;
  if (left > 0) {
    const message = `spec.runPolicy.suspend stops the job: ${left} ${left === 1 ? 'pod has' : 'pods have'} still to end`;
    return { phase: 'Suspending', finding: normal('Suspending', message) };
  }
  const step = observed.farewell?.checkpointStep ?? observed.owner.status?.checkpointStep;
  const from =
    step === undefined ? 'go on; no checkpoint is known, so the job may begin anew' : `go on from step ${step}`;
  const message = `spec.runPolicy.suspend keeps pods away; set it to false to ${from}`;
  return { phase: 'Suspended', finding: normal('Suspended', message) };
}

/**
 * A step was done, and none is done now. Until one is, the first cause stands: what follows from it, such as servers that find each
 * other again, is no news.
 */
function restarting(cause: Finding, status: TrainingJobStatus | undefined, trouble: Finding | undefined): Verdict {
  const before = findCondition(status?.conditions ?? [], 'Running');
  const known = status?.phase === 'Restarting' && cause.type === 'Normal' && before !== undefined;
  const finding: Finding = known
    ? { type: 'Warning', reason: before.reason, message: before.message }
    : { ...cause, type: 'Warning' };
  return { phase: 'Restarting', finding, trouble };
}

const isTrouble = (finding: Finding | undefined): finding is Finding => finding?.type === 'Warning';

/** The one thing to say about a job. */
export function verdictOf(observed: TrainingObserved, state: JobState, ending: Ending | undefined): Verdict {
  if (ending !== undefined) return ended(ending);
  const ignored = firstFinding(laterChecks, observed.owner.spec);
  if (state.suspended) return { ...suspended(observed), trouble: ignored };
  const refusal = firstFinding(refusals, observed);
  const servers = roleFinding(state.servers, observed, state);
  const workers = roleFinding(state.workers, observed, state);
  const troubles = [refusal, servers, workers, faultOf(state.report), ignored].filter(isTrouble);
  if (state.training) {
    const finding = normal('Training', `the job trains, ${readiness(state)}`);
    return { phase: 'Running', finding, trouble: troubles[0] };
  }
  const blaming: (PodFinding | undefined)[] = state.workers.status.ready === 0 ? [servers, workers] : [servers];
  const blamed = blaming.find((finding) => finding !== undefined);
  const cause = refusal ?? blamed ?? courseOf(state);
  const trouble = troubles.find(({ reason, message }) => reason !== cause.reason || message !== cause.message);
  if (state.began) return restarting(cause, observed.owner.status, trouble);
  const blocked = refusal !== undefined || blamed?.blocked === true;
  return { phase: blocked ? 'Pending' : 'Starting', finding: cause, trouble };
}
