import type { FastifyInstance, FastifyReply } from 'fastify';
import { isReady, type FrontOptions } from '../front-options.ts';
import { inferredOverHttp } from '../http-request.ts';
import type { Protocol } from '../observed-request.ts';
import { explainedInstances } from '../rest/explain-routes.ts';
import type { Waiting } from '../scheduler.ts';
import type { ServedModel } from '../served-model.ts';
import { answerOf } from './answer.ts';
import { statusOfOutcome } from './errors.ts';
import { find, torchServeVersion, type ModelRequest } from './find.ts';
import { inputsOf } from './natural-body.ts';

/** The calls of TorchServe's inference API. */
export function addInferenceRoutes(app: FastifyInstance, options: FrontOptions): void {
  app.get('/ping', (_request, reply) => {
    const healthy = isReady(options);
    return reply.code(healthy ? 200 : 503).send({ status: healthy ? 'Healthy' : 'Unhealthy' });
  });
  for (const path of ['/:model', '/:model/:version']) {
    app.route({
      method: ['POST', 'PUT'],
      url: `/predictions${path}`,
      handler: (request: ModelRequest, reply) =>
        answered(request, reply, options, async (model, body, waiting) => {
          const inputs = await inputsOf(model, body, request.headers['content-type']);
          return answerOf(model.task, await model.infer(inputs, undefined, waiting));
        }),
    });
    app.post(`/explanations${path}`, (request: ModelRequest, reply) =>
      answered(request, reply, options, async (model, body, waiting) =>
        JSON.stringify(await explainedInstances(model, body, waiting)),
      ),
    );
  }
}

const torchServe: Protocol<string> = {
  name: 'torchserve',
  statusOf: statusOfOutcome,
  bytesOf: (answer) => Buffer.byteLength(answer),
};

/** Answers one request of inference. Rejects with RequestError or TorchServeError. */
async function answered(
  request: ModelRequest,
  reply: FastifyReply,
  options: FrontOptions,
  work: (model: ServedModel, body: Buffer, waiting: Waiting) => Promise<string>,
): Promise<FastifyReply> {
  const { repository } = options;
  const { params } = request;
  const arrived = {
    request,
    reply,
    caller: undefined,
    find: () => repository.find(params.model, params.version === torchServeVersion ? '' : params.version),
    patienceMs: () => undefined,
  };
  const answer = await inferredOverHttp(torchServe, arrived, options, work).catch((error: unknown) => {
    // What is not here is said in TorchServe's words.
    find(repository, params);
    throw error;
  });
  return reply.type('application/json').send(answer);
}
