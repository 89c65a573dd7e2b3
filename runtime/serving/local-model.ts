import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServingConfig } from '../config.ts';
import { ModelFault } from '../errors.ts';
import type { Resolve } from './served-model.ts';

export function resolveLocal(config: ServingConfig): Resolve {
  return async () => {
    try {
      const modelPath = fileURLToPath(config.modelUri);
      const digest = `sha256:${createHash('sha256')
        .update(await readFile(modelPath))
        .digest('hex')}`;
      return { modelPath, directory: dirname(modelPath), digest };
    } catch {
      throw new ModelFault({
        reason: 'ModelNotFound',
        message: `There is no model at ${config.modelUri}.`,
        retrying: true,
      });
    }
  };
}
