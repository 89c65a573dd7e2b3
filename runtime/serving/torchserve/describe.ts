import { limits } from '../limits.ts';
import { processAgeMs } from '../process-age.ts';
import type { ServedModel } from '../served-model.ts';
import { shownUri } from '../../store/source.ts';
import { torchServeVersion } from './find.ts';

/** A model's URI without credentials and query, which may be a signature. */
export const modelUrl = ({ report: { uri } }: ServedModel): string => (URL.canParse(uri) ? shownUri(new URL(uri)) : '');

/** A model as TorchServe describes one: durations in milliseconds or, where they are called timeouts, in seconds; memory in bytes. */
export async function describeModel(model: ServedModel, loadedAtStartup: boolean, nowMs: number): Promise<object> {
  const { batchMaxSize, batchMaxDelayMs, queueMaxLength, timeoutMs, executionProvider } = model.settings;
  const isGpu = executionProvider === 'cuda';
  const count = model.isUnloaded ? 0 : 1;
  const { queueLength } = model;
  return {
    modelName: model.name,
    modelVersion: torchServeVersion,
    modelUrl: modelUrl(model),
    runtime: 'onnxruntime',
    minWorkers: count,
    maxWorkers: count,
    batchSize: model.isBatchable ? batchMaxSize : 1,
    maxBatchDelay: batchMaxDelayMs,
    responseTimeout: Math.ceil(timeoutMs / 1_000),
    startupTimeout: limits.loadTimeoutMs / 1_000,
    parallelType: '',
    parallelLevel: 0,
    deviceType: isGpu ? 'gpu' : 'cpu',
    continuousBatching: false,
    useJobTicket: false,
    useVenv: false,
    stateful: false,
    loadedAtStartup,
    workers: await workersOf(model, isGpu, nowMs),
    jobQueueStatus: { remainingCapacity: queueMaxLength - queueLength, pendingRequests: queueLength },
  };
}

/** The model's process, where it has one. */
async function workersOf(model: ServedModel, isGpu: boolean, nowMs: number): Promise<object[]> {
  const { pid } = model;
  if (pid === undefined) return [];
  const ageMs = await processAgeMs(pid);
  return [
    {
      id: String(pid),
      ...(ageMs !== undefined && { startTime: new Date(nowMs - ageMs).toISOString() }),
      // TorchServe has no third word.
      status: model.whyNotReady() === undefined ? 'READY' : 'UNLOADING',
      memoryUsage: (await model.measure()) ?? 0,
      pid,
      gpu: isGpu,
      gpuUsage: 'N/A',
    },
  ];
}
