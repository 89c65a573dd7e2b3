import { createRequire } from 'node:module';
import type { DataType, TensorSignature } from '../contract.ts';
import { modelVersion, type ModelRepository } from './model-repository.ts';
import type { ServedModel } from './served-model.ts';

/**
 * What the Open Inference Protocol says of a server and its models, under the protocol's own names: REST writes it as
 * JSON, gRPC as the messages of the same fields.
 */

const { name, version } = createRequire(import.meta.url)('../../package.json') as { name: string; version: string };

const platform = 'onnxruntime_onnx';

export const serverMetadata = {
  name,
  version,
  extensions: [
    'binary_tensor_data',
    'classification',
    'model_configuration',
    'model_repository',
    'parameters',
    'schedule_policy',
    'statistics',
  ],
} as const;

/** Throws RequestError while the model was never loaded. */
export function modelMetadata(model: ServedModel): object {
  const { inputs, outputs } = model.requireSignature();
  const described = (tensors: readonly TensorSignature[]): object[] =>
    tensors.map(({ name, dataType, shape }) => ({ name, datatype: dataType, shape }));
  return {
    name: model.name,
    versions: [modelVersion],
    platform,
    inputs: described(inputs),
    outputs: described(outputs),
  };
}

const configType = (dataType: DataType): string => `TYPE_${dataType === 'BYTES' ? 'STRING' : dataType}`;

/** As Triton's model_config.proto has it. Throws RequestError while the model was never loaded. */
export function modelConfig(model: ServedModel): object {
  const { inputs, outputs } = model.requireSignature();
  const { isBatchable } = model;
  const { batchMaxSize, batchMaxDelayMs, executionProvider } = model.settings;
  const described = (tensors: readonly TensorSignature[]): object[] =>
    tensors.map(({ name, dataType, shape }) => ({
      name,
      data_type: configType(dataType),
      dims: isBatchable ? shape.slice(1) : shape,
    }));
  return {
    name: model.name,
    platform,
    backend: 'onnxruntime',
    version_policy: { latest: { num_versions: 1 } },
    max_batch_size: isBatchable ? batchMaxSize : 0,
    input: described(inputs),
    output: described(outputs),
    instance_group: [{ name: model.name, count: 1, kind: executionProvider === 'cuda' ? 'KIND_GPU' : 'KIND_CPU' }],
    ...(isBatchable && {
      dynamic_batching: { preferred_batch_size: [], max_queue_delay_microseconds: Math.round(batchMaxDelayMs * 1000) },
    }),
  };
}

export function modelStatistics(models: readonly ServedModel[]): object {
  return {
    model_stats: models.map((model) => ({ name: model.name, version: modelVersion, ...model.statistics.snapshot() })),
  };
}

interface ModelIndex {
  name: string;
  version: string;
  state: 'READY' | 'LOADING' | 'UNAVAILABLE';
  reason: string;
}

export function repositoryIndex({ models }: ModelRepository, readyOnly: boolean): ModelIndex[] {
  const index = models.map((model): ModelIndex => {
    const reason = model.whyNotReady();
    const { phase } = model.report;
    const isGone = phase === 'Failed' || phase === 'Unloaded' || phase === 'Draining';
    return {
      name: model.name,
      version: modelVersion,
      state: reason === undefined ? 'READY' : isGone ? 'UNAVAILABLE' : 'LOADING',
      reason: reason ?? (phase === 'Standby' ? 'loaded when it is asked for' : ''),
    };
  });
  return readyOnly ? index.filter(({ state }) => state === 'READY') : index;
}
