import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { modelVersion } from './model-repository.ts';

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

const ofModel = ['model', 'version'] as const;
const ofRequest = [...ofModel, 'protocol', 'code'] as const;

/** Whose a figure is: the ModelDeployment's name and the model's version. */
export const modelLabels = (name: string): { model: string; version: string } => ({
  model: name,
  version: modelVersion,
});

/** Of requests for what nobody serves: what clients make up does not become a label. */
export const noModelLabels = { model: '', version: '' };

/** Requests at this moment; read when somebody asks, as changing a gauge costs more than a number. */
interface ModelLoad {
  inFlight: number;
  waiting: number;
  running: number;
}

/** What the serving process counts. Durations in seconds, sizes in requests unless the name says rows. */
export function createServingMetrics(registry: Registry) {
  const registers = [registry];
  const histogram = (name: string, help: string, buckets = seconds) =>
    new Histogram({ name, help, labelNames: ofModel, buckets, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, labelNames: ofModel, registers });
  const loads = new Map<string, ModelLoad>();
  const level = (name: string, help: string, of: (load: ModelLoad) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ofModel,
      registers,
      collect() {
        for (const [model, load] of loads) this.set(modelLabels(model), of(load));
      },
    });
  level(
    'modelyard_inference_in_flight_requests',
    'Requests that arrived and are not answered.',
    (load) => load.inFlight,
  );
  level('modelyard_inference_queue_requests', 'Requests that wait for the model.', (load) => load.waiting);
  level('modelyard_inference_running_requests', 'Requests that the model runs now.', (load) => load.running);
  return {
    requests: new Counter({
      name: 'modelyard_inference_requests_total',
      help: 'Answered inference requests. protocol: rest, grpc or torchserve; code: ok or the error, such as QueueFull.',
      labelNames: ofRequest,
      registers,
    }),
    duration: new Histogram({
      name: 'modelyard_inference_duration_seconds',
      help: 'From the arrival of an inference request to its answer.',
      labelNames: ofRequest,
      buckets: seconds,
      registers,
    }),
    /** Of a model under this name. */
    loadOf: (model: string): ModelLoad => {
      const load = loads.get(model) ?? { inFlight: 0, waiting: 0, running: 0 };
      loads.set(model, load);
      return load;
    },
    /** Removes every figure of a model that went away, so that models which come and go do not add up. */
    forget: async (model: string): Promise<void> => {
      loads.delete(model);
      await Promise.all(registry.getMetricsAsArray().map(({ name }) => removeSeries(registry, name, model)));
    },
    queueTime: histogram(
      'modelyard_inference_queue_duration_seconds',
      'From the arrival of a request in the queue to the begin of its run.',
    ),
    runTime: histogram(
      'modelyard_inference_run_duration_seconds',
      'Time of one run in the model process, pre- and post-processing included.',
    ),
    computeTime: histogram(
      'modelyard_inference_compute_duration_seconds',
      'Time of one run in ONNX Runtime alone, all its executions together.',
    ),
    batchSize: histogram('modelyard_inference_batch_requests', 'Requests of one run.', sizes),
    batchRows: histogram('modelyard_inference_batch_rows', 'Rows of one execution of the model.', sizes),
    restarts: new Counter({
      name: 'modelyard_model_process_restarts_total',
      help: 'Times that the model process ended and was to be started again.',
      labelNames: ofModel,
      registers,
    }),
    loads: new Counter({
      name: 'modelyard_model_loads_total',
      help: 'Times that the model became ready.',
      labelNames: ofModel,
      registers,
    }),
    evictions: new Counter({
      name: 'modelyard_model_evictions_total',
      help: 'Times that the model left memory for another one of the same pod.',
      labelNames: ofModel,
      registers,
    }),
    memoryUsed: new Gauge({
      name: 'modelyard_models_memory_bytes',
      help: 'What the processes of the models that share a memory budget hold, as measured, or as expected while they load.',
      registers,
    }),
    memoryBudget: new Gauge({
      name: 'modelyard_models_memory_budget_bytes',
      help: 'What they may hold together.',
      registers,
    }),
    torchServeRequests: new Counter({
      name: 'modelyard_torchserve_requests_total',
      help: 'Answered calls on the port for TorchServe. call: method and path, or unknown; status: of HTTP.',
      labelNames: ['call', 'status'] as const,
      registers,
    }),
    cacheRequests: new Counter({
      name: 'modelyard_cache_requests_total',
      help: 'Times that content was looked for in the cache. result: hit, miss (it was downloaded), or damaged (it was there, and removed).',
      labelNames: ['result'] as const,
      registers,
    }),
    cachePruned: new Counter({
      name: 'modelyard_cache_pruned_bytes_total',
      help: 'Bytes that this pod removed from the cache to make room.',
      registers,
    }),
    cacheBytes: new Gauge({
      name: 'modelyard_cache_bytes',
      help: 'What the cache holds, of all pods that share it, as this pod counted it last; downloads count as what they will hold.',
      registers,
    }),
    faults: new Counter({
      name: 'modelyard_model_faults_total',
      help: 'Times that the model could not be had or loaded, or kept failing. reason: as in the condition Ready.',
      labelNames: [...ofModel, 'reason'],
      registers,
    }),
    loadTime: gauge(
      'modelyard_model_load_seconds',
      'From the start of the model process to its readiness, warm-up included; of the last load.',
    ),
    droppedLines: new Counter({
      name: 'modelyard_access_log_dropped_lines_total',
      help: 'Lines of the access log that were left out because nobody read them in time.',
      registers,
    }),
    ready: gauge('modelyard_model_ready', '1 while the model can run, else 0.'),
  };
}

async function removeSeries(registry: Registry, name: string, model: string): Promise<void> {
  const metric = registry.getSingleMetric(name);
  const { values = [] } = (await metric?.get()) ?? {};
  for (const { labels } of values) {
    if (labels.model !== model) continue;
    // A histogram's buckets are one series here.
    const series = Object.entries(labels).filter(([label]) => label !== 'le');
    metric?.remove(Object.fromEntries(series) as Record<string, string | number>);
  }
}

export type ServingMetrics = ReturnType<typeof createServingMetrics>;
