import type { FastifyInstance, FastifyRequest } from 'fastify';
import { invalid } from '../../errors.ts';
import type { FrontOptions } from '../front-options.ts';
import { bodyOf } from '../http-request.ts';
import { isRecord, parseJson } from '../json.ts';
import { repositoryIndex } from '../protocol.ts';
import type { ModelRequest } from './requests.ts';

/** The model repository extension of the Open Inference Protocol. */
export function addRepositoryRoutes(app: FastifyInstance, { repository }: FrontOptions): void {
  app.post('/v2/repository/index', (request) => {
    const { ready = false } = jsonOf(request);
    if (typeof ready !== 'boolean') throw invalid('ready: must be true or false');
    return repositoryIndex(repository, ready);
  });
  app.post('/v2/repository/models/:model/load', async (request: ModelRequest, reply) => {
    await repository.load(request.params.model, Object.keys(parametersOf(request)));
    return reply.send({});
  });
  app.post('/v2/repository/models/:model/unload', async (request: ModelRequest, reply) => {
    // `unload_dependents`, the one parameter there is, has nothing to act on: no model depends on another.
    parametersOf(request);
    await repository.unload(request.params.model);
    return reply.send({});
  });
}

/** A body may be absent. */
function jsonOf(request: FastifyRequest): Record<string, unknown> {
  const body = bodyOf(request);
  const value = body.byteLength === 0 ? {} : parseJson(body);
  if (!isRecord(value)) throw invalid('body: must be an object');
  return value;
}

function parametersOf(request: FastifyRequest): Record<string, unknown> {
  const { parameters = {} } = jsonOf(request);
  if (!isRecord(parameters)) throw invalid('parameters: must be an object');
  return parameters;
}
