import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Is told what a worker does. Durations in milliseconds. */
export interface WorkerObserver {
  /** So many shards of a step are computed and with all servers. */
  pushed: (step: number, shards: number) => void;
  /** How long it took from a version at hand to the last gradient of it. */
  computed: (ms: number) => void;
  /** How long it took from the last gradient of a version to the next version. */
  waited: (ms: number) => void;
  /** Parameters and gradients, without what carries them. */
  moved: (direction: 'sent' | 'received', bytes: number) => void;
}

/** What a worker counts. Durations in seconds. */
export function observeIn(registry: Registry): WorkerObserver {
  const registers = [registry];
  const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
  const step = new Gauge({
    name: 'modelyard_training_worker_step',
    help: 'The step that this worker last pushed gradients of.',
    registers,
  });
  const shards = new Counter({
    name: 'modelyard_training_worker_shards_total',
    help: 'Gradient shards that were computed and are with all parameter servers.',
    registers,
  });
  const compute = new Histogram({
    name: 'modelyard_training_worker_compute_seconds',
    help: 'From a version of the parameters at hand to the last gradient of it.',
    buckets,
    registers,
  });
  const wait = new Histogram({
    name: 'modelyard_training_worker_wait_seconds',
    help: 'From the last gradient of a version to the next version at hand.',
    buckets,
    registers,
  });
  const transfer = new Counter({
    name: 'modelyard_training_worker_transfer_bytes_total',
    help: 'Parameters and gradients. direction: sent or received.',
    labelNames: ['direction'] as const,
    registers,
  });
  return {
    pushed: (at, count) => {
      step.set(at);
      shards.inc(count);
    },
    computed: (ms) => compute.observe(ms / 1000),
    waited: (ms) => wait.observe(ms / 1000),
    moved: (direction, bytes) => transfer.inc({ direction }, bytes),
  };
}
