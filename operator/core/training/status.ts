import type { TrainingJobStatus } from '../../api/training-job.gen.ts';
import type { PlannedEvent } from '../plan.ts';
import { acceptanceOf } from './acceptance.ts';
import { conditionsOf } from './conditions.ts';
import { acceptanceEvents, jobEvents } from './events.ts';
import { rfc3339 } from './figures.ts';
import type { JobState } from './job-state.ts';
import type { TrainingInputs, TrainingObserved } from './observed.ts';
import { progressOf, resultOf } from './progress.ts';
import type { Verdict } from './verdict.ts';

export interface Told {
  status: TrainingJobStatus;
  events: PlannedEvent[];
}

type Times = Pick<TrainingJobStatus, 'startTime' | 'activeTime' | 'activeSeconds' | 'completionTime' | 'image'>;

/** When the job ran. Its clock stands still while it is suspended, however long its pods take to end. */
function timesOf(
  { owner, pods, refusals }: TrainingObserved,
  state: JobState,
  { ending, refused = false }: Verdict,
  inputs: TrainingInputs,
): Times {
  const before = owner.status ?? {};
  // A quota may leave no room for even one pod.
  if (before.startTime === undefined && pods.length === 0 && (refused || refusals.length > 0)) return {};
  const now = rfc3339(inputs.now);
  const activeTime = state.suspended ? undefined : (before.activeTime ?? now);
  const ran = before.activeSeconds ?? (activeTime === undefined ? undefined : 0);
  const activeSeconds = state.suspended && before.activeTime !== undefined ? Math.round(state.activeMs / 1_000) : ran;
  const startTime = before.startTime ?? activeTime;
  return {
    ...(startTime === undefined ? {} : { startTime, image: before.image ?? inputs.image }),
    ...(activeTime === undefined ? {} : { activeTime }),
    ...(activeSeconds === undefined ? {} : { activeSeconds }),
    ...(ending === undefined ? {} : { completionTime: now }),
  };
}

/** The whole status of a job that runs, or has just ended, and the Events for what changed in it. */
export function statusOf(observed: TrainingObserved, state: JobState, verdict: Verdict, inputs: TrainingInputs): Told {
  const { metadata, spec, status: before = {} } = observed.owner;
  const { now } = inputs;
  const { ending } = verdict;
  const measured = progressOf(state.progress, observed.farewell, state.training && ending === undefined, before, now);
  const result = ending?.output === undefined ? {} : resultOf(ending.output, spec, measured, now);
  const acceptance = result.output === undefined ? undefined : acceptanceOf(spec.acceptance, result.output.testMetrics);
  const observedGeneration = metadata.generation ?? 0;
  return {
    events: [...jobEvents(state, verdict, before), ...acceptanceEvents(acceptance, before)],
    status: {
      observedGeneration,
      phase: verdict.phase,
      ...measured,
      ...result,
      ...(acceptance === undefined ? {} : { output: { ...result.output, accepted: acceptance.accepted } }),
      parameterServers: state.servers.status,
      workers: state.workers.status,
      backoff: state.backoff,
      ...timesOf(observed, state, verdict, inputs),
      conditions: conditionsOf(
        {
          ...verdict,
          acceptance,
          checkpointStep: { ...measured, ...result }.checkpointStep,
          tls: spec.transport !== undefined,
        },
        before.conditions ?? [],
        observedGeneration,
        now,
      ),
    },
  };
}
