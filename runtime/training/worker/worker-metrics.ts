import { Counter, Gauge, type Registry } from 'prom-client';

/** What a worker counts. Durations in seconds, sizes in bytes. */
export function createWorkerMetrics(registry: Registry) {
  const registers = [registry];
  return {
    step: new Gauge({
      name: 'modelyard_training_worker_step',
      help: 'The step that this worker last pushed gradients of.',
      registers,
    }),
    shards: new Counter({
      name: 'modelyard_training_worker_shards_total',
      help: 'Gradient shards that were computed and are with all parameter servers.',
      registers,
    }),
  };
}
