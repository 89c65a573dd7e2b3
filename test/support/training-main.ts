import { writeFileSync } from 'node:fs';
import { runTraining } from '../../runtime/training/process-run.ts';
import type { FaultPoint } from '../../runtime/training/server/fault-points.ts';
import type { WorkerFaultPoint } from '../../runtime/training/worker/fault-points.ts';

/** A training process that kills itself at the place that `TEST_FAULT` names as `POINT:STEP`, and leaves the file `TEST_FAULT_MARK`. */

export type TrainingFaultPoint = FaultPoint | WorkerFaultPoint;

const [point, step] = (process.env.TEST_FAULT ?? '').split(':');

await runTraining(process, (at, atStep) => {
  if (at !== point || atStep < Number(step)) return;
  writeFileSync(process.env.TEST_FAULT_MARK ?? '', `${at} ${atStep}\n`);
  process.kill(process.pid, 'SIGKILL');
});
