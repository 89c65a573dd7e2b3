import type { FastifyInstance } from 'fastify';
import type { ModelRepository } from '../model-repository.ts';
import type { RegisteredModels } from '../registered-models.ts';
import type { ServedModel } from '../served-model.ts';
import { describeModel, modelUrl } from './describe.ts';
import { badRequest, notAllowed } from './errors.ts';
import { find, torchServeVersion, type ModelRequest } from './find.ts';
import { Parameters } from './parameters.ts';
import { register, registerParameters } from './register.ts';

export interface ManagementOptions {
  repository: ModelRepository;
  /** Absent on a cluster, where only the spec names models. */
  registered: RegisteredModels | undefined;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** Of a page, where the client does not say. */
const pageSize = 100;

/** The calls of TorchServe's management API. */
export function addManagementRoutes(app: FastifyInstance, options: ManagementOptions): void {
  const { repository, registered, now } = options;
  app.get('/models', (request) => {
    const parameters = new Parameters(request, ['limit', 'next_page_token']);
    const limit = parameters.whole('limit', 1, 1_000) ?? pageSize;
    const begin = parameters.whole('next_page_token', 0, 999_999_999) ?? 0;
    const models = repository.models.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    const end = begin + limit;
    return {
      ...(end < models.length && { nextPageToken: String(end) }),
      models: models.slice(begin, end).map((model) => ({ modelName: model.name, modelUrl: modelUrl(model) })),
    };
  });
  app.post('/models', async (request) => {
    if (!registered)
      throw notAllowed('Models are not registered by clients: the ModelDeployment names what is served here.');
    return { status: await register(new Parameters(request, registerParameters), registered) };
  });
  for (const path of ['/models/:model', '/models/:model/:version']) {
    app.get(path, async (request: ModelRequest) => {
      // Metadata of handlers that make some; ours do not.
      new Parameters(request, ['customized']);
      const { model: name, version } = request.params;
      const model = find(repository, version === 'all' ? { model: name } : request.params);
      return [await describeModel(model, registered?.has(name) !== true, now())];
    });
    app.put(path, async (request: ModelRequest, reply) => {
      const { model: name, version } = request.params;
      const { workers, asked, isSynchronous } = scaleIn(new Parameters(request, scaleParameters));
      const model = find(repository, request.params);
      repository.controlled(name);
      const scaled = scale(model, workers);
      if (!isSynchronous) {
        scaled.catch((error: unknown) => request.log.error({ err: error, model: name }, 'a model could not be scaled'));
        return reply.code(202).send({ status: 'Processing worker updates...' });
      }
      await scaled;
      const which = version === undefined ? '' : `, version: ${torchServeVersion}`;
      const why = asked > workers ? ` (one process serves a model; ${asked} were asked for)` : '';
      return reply.send({ status: `Workers scaled to ${workers} for model: ${name}${which}${why}` });
    });
    app.delete(path, async (request: ModelRequest) => {
      new Parameters(request, ['synchronous', 'timeout']);
      const { model: name } = request.params;
      find(repository, request.params);
      if (registered?.has(name) === true) {
        await registered.remove(name);
        return { status: `Model "${name}" unregistered` };
      }
      await repository.unload(name);
      return { status: `Model "${name}" unloaded; the spec goes on naming it, and scaling it to 1 loads it again` };
    });
  }
  app.put('/models/:model/:version/set-default', (request: ModelRequest) => {
    new Parameters(request, []);
    const { model: name, version = '' } = request.params;
    find(repository, request.params);
    // It is the only version, so it is the default already.
    return { status: `Default version successfully updated for model "${name}" to "${version}"` };
  });
}

const scaleParameters = ['min_worker', 'max_worker', 'number_gpu', 'synchronous', 'timeout'];
const maxWorkers = 1_000;

/** What a call wants of workers, of which a model has one or none. */
function scaleIn(parameters: Parameters): { workers: 0 | 1; asked: number; isSynchronous: boolean } {
  const asked = parameters.whole('min_worker', 0, maxWorkers) ?? 1;
  if ((parameters.whole('max_worker', 0, maxWorkers) ?? asked) < asked)
    throw badRequest('max_worker cannot be less than min_worker.');
  return { workers: asked === 0 ? 0 : 1, asked, isSynchronous: parameters.flag('synchronous') ?? false };
}

async function scale(model: ServedModel, workers: 0 | 1): Promise<void> {
  if (workers === 0) return model.unload();
  const isThere = model.pid !== undefined && model.whyNotReady() === undefined;
  if (!isThere) await model.load();
}
