import type { FastifyInstance, FastifyRequest } from 'fastify';
import { RequestError } from '../../errors.ts';
import { isReady, type FrontOptions } from '../front-options.ts';
import { explainedInstances } from './explain-routes.ts';
import { answered, jsonAnswer } from './requests.ts';
import { parseInstances, predictionsOf } from './instances.ts';

type V1Request = FastifyRequest<{ Params: { target: string } }>;

/** The first version of the protocol, as TensorFlow Serving made it and KServe speaks it. */
export function addV1Routes(app: FastifyInstance, options: FrontOptions): void {
  const { repository } = options;
  app.get('/v1/models', () => ({ models: repository.models.map(({ name }) => name) }));
  app.get('/v1/models/:target', ({ params: { target } }: V1Request, reply) => {
    const model = repository.find(target);
    const ready = isReady(options, model);
    return reply.code(ready ? 200 : 503).send({ name: model.name, ready });
  });
  app.post('/v1/models/:target', (request: V1Request, reply) => {
    const { target } = request.params;
    const colon = target.lastIndexOf(':');
    const verb = target.slice(colon + 1);
    if (colon === -1 || (verb !== 'predict' && verb !== 'explain'))
      throw new RequestError('NotFound', 'no such path; POST /v1/models/NAME:predict is one, and :explain another');
    return answered(request, reply, { model: target.slice(0, colon) }, options, async (model, body, waiting) => {
      if (verb === 'explain') return jsonAnswer(JSON.stringify(await explainedInstances(model, body, waiting)));
      const { inputs, byColumn } = parseInstances(body, model.requireSignature().inputs);
      const outputs = await model.infer(inputs, undefined, waiting);
      return jsonAnswer(predictionsOf(outputs, byColumn));
    });
  });
}
