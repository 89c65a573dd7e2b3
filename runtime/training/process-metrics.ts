import { Gauge, type Registry } from 'prom-client';
import type { JobProgress } from '../training-contract.ts';

type Measured = (job: JobProgress) => number | undefined;

/** What server 0 knows of the whole job, by the names of metrics; NaN while it is not known. */
const gauges: Readonly<Record<string, [help: string, of: Measured]>> = {
  modelyard_training_step: ['Steps done.', ({ step }) => step],
  modelyard_training_steps: ['Steps of the whole job.', ({ totalSteps }) => totalSteps],
  modelyard_training_loss: ['The mean training loss over the last steps.', ({ loss }) => loss],
  modelyard_training_samples_per_second: [
    'Rows that are trained on in a second.',
    ({ samplesPerSecond }) => samplesPerSecond,
  ],
  modelyard_training_recomputed_steps: [
    'Steps that were computed more than once because a parameter server was lost.',
    ({ recomputedSteps }) => recomputedSteps,
  ],
  modelyard_training_checkpoint_step: [
    'Steps that the newest checkpoint holds.',
    ({ checkpointStep }) => checkpointStep,
  ],
  modelyard_training_connected_servers: [
    'Parameter servers that take part.',
    ({ connectedServers }) => connectedServers,
  ],
  modelyard_training_connected_workers: ['Workers that take part.', ({ connectedWorkers }) => connectedWorkers],
};

/** Measures a job whenever somebody asks. */
export function measureJob(registry: Registry, job: () => JobProgress | undefined): void {
  for (const [name, [help, of]] of Object.entries(gauges)) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const known = job();
        this.set((known && of(known)) ?? NaN);
      },
    });
  }
}
