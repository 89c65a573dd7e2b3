import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What the serving process counts. Durations in seconds, sizes in requests; `model` is the ModelDeployment's name. */
export function createServingMetrics(registry: Registry) {
  const registers = [registry];
  const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
  return {
    requests: new Counter({
      name: 'modelyard_inference_requests_total',
      help: 'Answered inference requests. protocol: rest or grpc; code: ok or the error, such as QueueFull.',
      labelNames: ['model', 'protocol', 'code'] as const,
      registers,
    }),
    duration: new Histogram({
      name: 'modelyard_inference_duration_seconds',
      help: 'From the arrival of an inference request to its answer.',
      labelNames: ['model', 'protocol'] as const,
      buckets: seconds,
      registers,
    }),
    queueTime: new Histogram({
      name: 'modelyard_inference_queue_duration_seconds',
      help: 'From the arrival of a request in the queue to the begin of its run.',
      labelNames: ['model'] as const,
      buckets: seconds,
      registers,
    }),
    runTime: new Histogram({
      name: 'modelyard_inference_run_duration_seconds',
      help: 'Time of one run in the model process, pre- and post-processing included.',
      labelNames: ['model'] as const,
      buckets: seconds,
      registers,
    }),
    batchSize: new Histogram({
      name: 'modelyard_inference_batch_requests',
      help: 'Requests of one run.',
      labelNames: ['model'] as const,
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
      registers,
    }),
    queueLength: new Gauge({
      name: 'modelyard_inference_queue_requests',
      help: 'Requests that wait for the model.',
      labelNames: ['model'] as const,
      registers,
    }),
    restarts: new Counter({
      name: 'modelyard_model_process_restarts_total',
      help: 'Times that the model process ended and was to be started again.',
      labelNames: ['model'] as const,
      registers,
    }),
    loadTime: new Gauge({
      name: 'modelyard_model_load_seconds',
      help: 'From the start of the model process to its readiness, warm-up included; of the last load.',
      labelNames: ['model'] as const,
      registers,
    }),
    evictions: new Counter({
      name: 'modelyard_model_evictions_total',
      help: 'Times that the model left memory for another one of the same pod.',
      labelNames: ['model'] as const,
      registers,
    }),
    memoryUsed: new Gauge({
      name: 'modelyard_model_memory_bytes',
      help: 'What the processes of the models that share a memory budget hold, as measured, or as expected while they load.',
      registers,
    }),
    memoryBudget: new Gauge({
      name: 'modelyard_model_memory_budget_bytes',
      help: 'What they may hold together.',
      registers,
    }),
    ready: new Gauge({
      name: 'modelyard_model_ready',
      help: '1 while the model can run, else 0.',
      labelNames: ['model'] as const,
      registers,
    }),
  };
}

export type ServingMetrics = ReturnType<typeof createServingMetrics>;
