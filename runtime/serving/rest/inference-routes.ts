import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RequestError } from '../../errors.ts';
import { infer } from '../inference-request.ts';
import { modelConfig, modelMetadata, modelStatistics, serverMetadata } from '../protocol.ts';
import type { ServedModel } from '../served-model.ts';
import { parseRestRequest, restAnswer } from './codec.ts';
import { answered, header, type ModelRequest, type RouteOptions } from './requests.ts';

const headerLength = 'inference-header-content-length';

/** The Open Inference Protocol's paths of server and models, and `predict` with the task's natural body. */
export function addInferenceRoutes(app: FastifyInstance, options: RouteOptions): void {
  const { repository, isDraining } = options;
  app.get('/v2', () => serverMetadata);
  app.get('/v2/health/live', () => ({ live: true }));
  app.get('/v2/health/ready', (_request, reply) => {
    const ready = repository.whyNotReady() === undefined && !isDraining();
    return reply.code(ready ? 200 : 503).send({ ready });
  });
  app.get('/v2/models/stats', () => modelStatistics(repository.models));
  for (const path of ['/v2/models/:model', '/v2/models/:model/versions/:version']) addModelRoutes(app, path, options);
}

function addModelRoutes(app: FastifyInstance, path: string, options: RouteOptions): void {
  const { repository, isDraining } = options;
  const find = ({ params: { model, version } }: ModelRequest): ServedModel => repository.find(model, version);
  const findAwake = ({ params: { model, version } }: ModelRequest): Promise<ServedModel> =>
    repository.findAwake(model, version);
  app.get(path, async (request: ModelRequest) => modelMetadata(await findAwake(request)));
  app.get(`${path}/ready`, (request: ModelRequest, reply) => {
    const model = find(request);
    const ready = model.whyNotReady() === undefined && !isDraining();
    return reply.code(ready ? 200 : 503).send({ name: model.name, ready });
  });
  app.get(`${path}/config`, async (request: ModelRequest) => modelConfig(await findAwake(request)));
  app.get(`${path}/stats`, (request: ModelRequest) => modelStatistics([find(request)]));
  app.post(`${path}/infer`, (request: ModelRequest, reply) =>
    answered(request, reply, request.params, options, async (model, body, waiting) => {
      const parsed = parseRestRequest(body, header(request, headerLength), model.requireSignature());
      const outputs = await infer(model, parsed, { ...waiting, timeoutMs: parsed.timeoutMs ?? waiting.timeoutMs });
      const answer = restAnswer(model.name, parsed.id, outputs, parsed.isBinary);
      if (answer.headerLength === undefined) return reply.type('application/json').send(answer.body);
      void reply.header(headerLength, answer.headerLength);
      return reply.type('application/octet-stream').send(answer.body);
    }),
  );
  app.post(`${path}/predict`, (request: ModelRequest, reply) =>
    answered(request, reply, request.params, options, async (model, body, waiting) => {
      const signature = model.requireSignature();
      checkMediaType(request, model.task.bodyTypes);
      const outputs = await model.infer(model.task.toInputs(body, signature), undefined, waiting);
      const text = `{"model_name":${JSON.stringify(model.name)},"predictions":${model.task.toPredictions(outputs)}}`;
      return reply.type('application/json').send(text);
    }),
  );
}

function checkMediaType(request: FastifyRequest, allowed: readonly string[]): void {
  const given = header(request, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (given === undefined || !allowed.includes(given)) {
    throw new RequestError('UnsupportedMediaType', `Content-Type: must be ${allowed.join(' or ')}`);
  }
}
