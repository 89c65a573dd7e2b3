import type { FastifyRequest } from 'fastify';
import { RequestError } from '../../errors.ts';
import { modelVersion, type ModelRepository } from '../model-repository.ts';
import type { ServedModel } from '../served-model.ts';
import { modelNotFound, versionNotFound } from './errors.ts';

export interface ModelParams {
  model: string;
  version?: string;
}
export type ModelRequest = FastifyRequest<{ Params: ModelParams }>;

/** As TorchServe calls the first version, which is the only one here. */
export const torchServeVersion = '1.0';

/** Throws TorchServeError. */
export function find(repository: ModelRepository, { model: name, version }: ModelParams): ServedModel {
  try {
    const model = repository.find(name);
    if (version !== undefined && version !== torchServeVersion && version !== modelVersion)
      throw versionNotFound(name, version);
    return model;
  } catch (error) {
    if (error instanceof RequestError && error.code === 'NotFound') throw modelNotFound(name);
    throw error;
  }
}
