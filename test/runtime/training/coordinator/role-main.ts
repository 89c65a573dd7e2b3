import { appendFileSync, readFileSync } from 'node:fs';
import { runTraining } from '../../../../runtime/training/process-run.ts';

/**
 * A training process that ends itself with SIGKILL where `MODELYARD_TEST_KILL` says: `POINT:STEP`, at the first time from that step on.
 * It says so in the file `MODELYARD_TEST_KILLED` first.
 */
const [point, step = '0'] = (process.env.MODELYARD_TEST_KILL ?? '').split(':');

await runTraining(process, (reached, at) => {
  if (reached === point && at >= Number(step)) {
    appendFileSync(process.env.MODELYARD_TEST_KILLED ?? '', `${reached}:${at}\n`);
    process.kill(process.pid, 'SIGKILL');
    // Nothing is done after a SIGKILL.
    for (;;) readFileSync('/proc/self/stat');
  }
  return undefined;
});
