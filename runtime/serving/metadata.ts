import { createRequire } from 'node:module';
import { RequestError } from '../errors.ts';

const { name, version } = createRequire(import.meta.url)('../../package.json') as { name: string; version: string };

/** What both fronts say of the server. */
export const serverMetadata = { name, version, extensions: ['binary_tensor_data'] } as const;

/** A deployment serves one version of a model, under this name. */
export const modelVersion = '1';

/** What both fronts say of the model, beside its inputs and outputs. */
export const modelMetadata = { versions: [modelVersion], platform: 'onnxruntime_onnx' } as const;

/** Throws RequestError `NotFound` unless a request means the model that is served. An empty version means any. */
export function checkReference(served: string, wanted: string, wantedVersion = ''): void {
  const shown = JSON.stringify(wanted.slice(0, 200));
  if (wanted !== served)
    throw new RequestError('NotFound', `model ${shown} is not here; this serves ${JSON.stringify(served)}`);
  if (wantedVersion !== '' && wantedVersion !== modelVersion) {
    throw new RequestError('NotFound', `model ${shown} has only the version ${JSON.stringify(modelVersion)}`);
  }
}
