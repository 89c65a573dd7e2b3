import type { TrainingOutcome } from '../../../runtime/training-contract.ts';
import type { TrainingJobSpec } from '../../api/training-job.gen.ts';
import type { Pod } from '../objects.ts';
import { clip } from '../pod-checks.ts';
import type { JobState } from './job-state.ts';
import { failureOf } from './pod-state.ts';

/** How a job that is over ended. */
export interface Ending {
  succeeded: boolean;
  /** CamelCase. */
  reason: string;
  message: string;
  output: TrainingOutcome['output'];
}

/** The pod whose container failed last. */
function lastFailure({ servers, workers }: JobState): Pod | undefined {
  const finished = (pod: Pod): string => failureOf(pod)?.finishedAt ?? '';
  return [...servers.present.values(), ...workers.present.values()]
    .filter((pod) => failureOf(pod) !== undefined)
    .reduce<Pod | undefined>(
      (last, pod) => (last === undefined || finished(pod) > finished(last) ? pod : last),
      undefined,
    );
}

function backoffExceeded(state: JobState, limit: number): Ending {
  const pod = lastFailure(state);
  const death = pod === undefined ? undefined : failureOf(pod);
  const said = clip(death?.message ?? death?.reason ?? '');
  const last =
    pod === undefined
      ? ''
      : `; the last was that of pod ${pod.metadata.name}, with exit code ${death?.exitCode ?? 'unknown'}${said === '' ? '' : `: ${said}`}`;
  return {
    succeeded: false,
    reason: 'BackoffLimitExceeded',
    message: `containers failed ${state.failures} times without a step in between, more than spec.runPolicy.backoffLimit ${limit}${last}`,
    output: undefined,
  };
}

/**
 * How the job ended, if it has. What the pods say comes first: a job that is trained is trained, however late. A suspended job fails by
 * nothing else, for nothing of it runs.
 */
export function endingOf(state: JobState, { runPolicy }: TrainingJobSpec): Ending | undefined {
  const { outcome, suspended, failures, activeMs } = state;
  if (outcome !== undefined) {
    const { succeeded, reason, message, output } = outcome;
    return { succeeded, reason, message: clip(message), output: succeeded ? output : undefined };
  }
  if (suspended) return undefined;
  if (failures > runPolicy.backoffLimit) return backoffExceeded(state, runPolicy.backoffLimit);
  const { activeDeadlineSeconds: deadline } = runPolicy;
  if (deadline !== undefined && activeMs >= deadline * 1_000) {
    return {
      succeeded: false,
      reason: 'DeadlineExceeded',
      message: `the job ran for the ${deadline} s that spec.runPolicy.activeDeadlineSeconds allows; a job with a longer one goes on from the newest checkpoint`,
      output: undefined,
    };
  }
  return undefined;
}
