import { createRequire } from 'node:module';

const { name, version } = createRequire(import.meta.url)('../../package.json') as { name: string; version: string };

/** A deployment serves one version of a model under this name. */
export const modelVersion = '1';

export const serverMetadata = { name, version, extensions: ['binary_tensor_data'] };
