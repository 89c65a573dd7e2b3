import { runTraining } from '../../runtime/training/process-run.ts';
import type { FaultPoint } from '../../runtime/training/server/fault-points.ts';
import type { WorkerFaultPoint } from '../../runtime/training/worker/fault-points.ts';

/** A training process that kills itself at the place that `TEST_FAULT` names as `POINT:STEP`, if it does: at that step or a later one. */

export type TrainingFaultPoint = FaultPoint | WorkerFaultPoint;

const [point, step] = (process.env.TEST_FAULT ?? '').split(':');

await runTraining(process, (at, atStep) => {
  if (at === point && atStep >= Number(step)) process.kill(process.pid, 'SIGKILL');
});
