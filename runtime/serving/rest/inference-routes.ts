import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RequestError } from '../../errors.ts';
import { isReady, type FrontOptions } from '../front-options.ts';
import { infer } from '../inference-request.ts';
import { modelConfig, modelMetadata, modelStatistics, serverMetadata } from '../protocol.ts';
import { release } from '../release.ts';
import type { ServedModel } from '../served-model.ts';
import { parseRestRequest, restAnswer } from './codec.ts';
import { answered, header, headerLength, jsonAnswer, type ModelRequest } from './requests.ts';

/** The Open Inference Protocol's paths of server and models, and `predict` with the task's natural body. */
export function addInferenceRoutes(app: FastifyInstance, options: FrontOptions): void {
  const { repository } = options;
  app.get('/v2', () => serverMetadata);
  app.get('/v2/health/live', () => ({ live: true }));
  app.get('/v2/health/ready', (_request, reply) => {
    const ready = isReady(options);
    return reply.code(ready ? 200 : 503).send({ ready });
  });
  app.get('/v2/models/stats', () => modelStatistics(repository.models));
  for (const path of ['/v2/models/:model', '/v2/models/:model/versions/:version']) addModelRoutes(app, path, options);
}

function addModelRoutes(app: FastifyInstance, path: string, options: FrontOptions): void {
  const { repository } = options;
  const find = ({ params: { model, version } }: ModelRequest): ServedModel => repository.find(model, version);
  const findAwake = ({ params: { model, version } }: ModelRequest): Promise<ServedModel> =>
    repository.findAwake(model, version);
  app.get(path, async (request: ModelRequest) => modelMetadata(await findAwake(request)));
  app.get(`${path}/ready`, (request: ModelRequest, reply) => {
    const model = find(request);
    const ready = isReady(options, model);
    return reply.code(ready ? 200 : 503).send({ name: model.name, ready });
  });
  app.get(`${path}/config`, async (request: ModelRequest) => modelConfig(await findAwake(request)));
  app.get(`${path}/stats`, (request: ModelRequest) => modelStatistics([find(request)]));
  app.post(`${path}/infer`, (request: ModelRequest, reply) =>
    answered(request, reply, request.params, options, async (model, body, waiting) => {
      const parsed = parseRestRequest(body, header(request, headerLength), model.requireSignature());
      const outputs = await infer(model, parsed, {
        ...waiting,
        timeoutMs: parsed.timeoutMs ?? waiting.timeoutMs,
        onSent: () => release(body),
      });
      const answer = restAnswer(model.name, parsed.id, outputs, parsed.isBinary);
      // They are in the answer, as text or as bytes.
      for (const { data } of outputs) release(data);
      return answer;
    }),
  );
  app.post(`${path}/predict`, (request: ModelRequest, reply) =>
    answered(request, reply, request.params, options, async (model, body, waiting) => {
      const signature = model.requireSignature();
      checkMediaType(request, model.task.bodyTypes);
      const outputs = await model.infer(model.task.toInputs(body, signature), undefined, waiting);
      return jsonAnswer(
        `{"model_name":${JSON.stringify(model.name)},"predictions":${model.task.toPredictions(outputs)}}`,
      );
    }),
  );
}

function checkMediaType(request: FastifyRequest, allowed: readonly string[]): void {
  const given = header(request, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (given === undefined || !allowed.includes(given)) {
    throw new RequestError('UnsupportedMediaType', `Content-Type: must be ${allowed.join(' or ')}`);
  }
}
