import { runTraining } from './training/process-run.ts';

await runTraining(process, () => undefined);
