import type { FastifyInstance, FastifyReply } from 'fastify';
import { isReady, type FrontOptions } from '../front-options.ts';
import { observed, type Protocol } from '../observed-request.ts';
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
  { repository, observers }: FrontOptions,
  work: (model: ServedModel, body: Buffer, waiting: Waiting) => Promise<string>,
): Promise<FastifyReply> {
  const left = new AbortController();
  reply.raw.once('close', () => {
    // To abort costs a stack trace.
    if (!reply.raw.writableEnded) left.abort();
  });
  const { params } = request;
  const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
  const arrival = {
    path: request.url,
    route: request.routeOptions.url ?? '',
    requestId: request.id,
    headers: request.headers,
    clientAddress: () => request.ip,
    caller: undefined,
    bytesIn: body.byteLength,
    find: () => repository.find(params.model, params.version === torchServeVersion ? '' : params.version),
  };
  const answer = await observed(torchServe, arrival, observers, async (model, timeline) => {
    const waiting = { timeoutMs: undefined, signal: left.signal, timeline };
    await model.awake(waiting);
    return work(model, body, waiting);
  }).catch((error: unknown) => {
    // What is not here is said in TorchServe's words.
    find(repository, params);
    throw error;
  });
  return reply.type('application/json').send(answer);
}
