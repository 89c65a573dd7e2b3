import type {
  HistoryPoint,
  JobProgress,
  TrainingFarewell,
  TrainingOutcome,
} from '../../../runtime/training-contract.ts';
import type { TrainingJobSpec, TrainingJobStatus } from '../../api/training-job.gen.ts';
import { scoreOf } from './acceptance.ts';
import { figure, rfc3339 } from './figures.ts';

type Measured = Pick<
  TrainingJobStatus,
  | 'step'
  | 'epoch'
  | 'progress'
  | 'loss'
  | 'metrics'
  | 'samplesPerSecond'
  | 'estimatedCompletionTime'
  | 'recomputedSteps'
  | 'checkpointStep'
  | 'rows'
  | 'badRows'
  | 'history'
>;

/** What the last report said stays when there is none. */
function remembered(status: TrainingJobStatus): Measured {
  const { step, epoch, progress, loss, metrics, recomputedSteps, checkpointStep, rows, badRows, history } = status;
  const known = { step, epoch, progress, loss, metrics, recomputedSteps, checkpointStep, rows, badRows, history };
  return Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
}

const figures = (values: Readonly<Record<string, number>>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, figure(value)]));

const percent = ({ step, totalSteps }: JobProgress): string =>
  `${totalSteps > 0 ? Math.min(100, Math.floor((100 * step) / totalSteps)) : 0}%`;

/** When it will be over; while nothing new is known, what was said before, so that only progress is news. */
function completionTime(job: JobProgress, status: TrainingJobStatus, now: Date): string | undefined {
  if (job.remainingSeconds === undefined) return undefined;
  if (status.step === job.step && status.estimatedCompletionTime !== undefined) return status.estimatedCompletionTime;
  return rfc3339(new Date(now.getTime() + job.remainingSeconds * 1_000));
}

/** How far a job came, where server 0 said it when it was told to stop: never less than is known. */
export const atFarewell = (
  { step = 0, checkpointStep = 0 }: Pick<TrainingJobStatus, 'step' | 'checkpointStep'>,
  farewell: TrainingFarewell,
) => ({
  step: Math.max(step, farewell.step),
  checkpointStep: Math.max(checkpointStep, farewell.checkpointStep),
});

/**
 * Progress as the status has it.
 *
 * @param reported what server 0 reports; undefined while it does not
 * @param farewell what it said when it was told to stop
 * @param training whether steps are done now: only then is there a speed, and only then does a server 0 that knows of fewer steps than
 *   the one before it mean that they are lost
 */
export function progressOf(
  reported: JobProgress | undefined,
  farewell: TrainingFarewell | undefined,
  training: boolean,
  status: TrainingJobStatus,
  now: Date,
): Measured {
  const job = reported && farewell ? { ...reported, ...atFarewell(reported, farewell) } : reported;
  if (job === undefined || (!training && job.step < (status.step ?? 0))) {
    return { ...remembered(status), ...(farewell === undefined ? {} : atFarewell(status, farewell)) };
  }
  const eta = training ? completionTime(job, status, now) : undefined;
  const { loss, samplesPerSecond, checkpointStep, rows, badRows } = job;
  return {
    ...remembered(status),
    step: job.step,
    // Before the data are read, there are none.
    ...(job.totalSteps === 0 ? {} : { epoch: job.epoch }),
    progress: percent(job),
    ...(loss === undefined ? {} : { loss: figure(loss) }),
    ...(Object.keys(job.validationMetrics).length === 0 ? {} : { metrics: figures(job.validationMetrics) }),
    ...(samplesPerSecond === undefined || !training ? {} : { samplesPerSecond: figure(samplesPerSecond) }),
    ...(eta === undefined ? {} : { estimatedCompletionTime: eta }),
    recomputedSteps: job.recomputedSteps,
    ...(checkpointStep === undefined ? {} : { checkpointStep }),
    ...(rows === undefined ? {} : { rows }),
    ...(badRows === undefined ? {} : { badRows }),
    ...(job.history.length === 0 ? {} : { history: job.history.map(historyPoint) }),
  };
}

function historyPoint({ step, loss, validationLoss }: HistoryPoint): NonNullable<TrainingJobStatus['history']>[number] {
  return {
    step,
    loss: figure(loss),
    ...(validationLoss === undefined ? {} : { validationLoss: figure(validationLoss) }),
  };
}

/** What came of a job that succeeded. The last report that was heard may be older than its end. */
export function resultOf(
  output: NonNullable<TrainingOutcome['output']>,
  spec: TrainingJobSpec,
  before: Measured,
  now: Date,
): Pick<TrainingJobStatus, 'output' | 'score' | 'step' | 'progress' | 'checkpointStep'> {
  const { uri, digest, specHash, dataDigest, steps, completedAtMs, testMetrics } = output;
  const score = scoreOf(spec, testMetrics);
  const checkpointStep = furthest(before.checkpointStep, output.checkpointStep);
  return {
    step: Math.max(before.step ?? 0, steps),
    progress: '100%',
    ...(checkpointStep === undefined ? {} : { checkpointStep }),
    ...(score === undefined ? {} : { score }),
    output: {
      uri,
      // A clock that is ahead must not keep later versions from being newer.
      completionTime: rfc3339(new Date(Math.min(completedAtMs, now.getTime()))),
      digest,
      specHash,
      dataDigest,
      // Not rounded: what is judged must be what was measured.
      testMetrics: Object.fromEntries(Object.entries(testMetrics).map(([name, value]) => [name, String(value)])),
    },
  };
}

const furthest = (a: number | undefined, b: number | undefined): number | undefined =>
  a === undefined || b === undefined ? (a ?? b) : Math.max(a, b);
