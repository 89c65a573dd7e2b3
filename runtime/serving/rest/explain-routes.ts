import type { FastifyInstance } from 'fastify';
import { explanationTensors, instanceExplanations, summaryOf } from '../explain/answer.ts';
import { explainModel, type ModelExplanation } from '../explain/explanation.ts';
import { explainParameters } from '../explain/parameters.ts';
import type { FrontOptions } from '../front-options.ts';
import { requestedTimeoutMs } from '../inference-request.ts';
import type { Waiting } from '../scheduler.ts';
import type { ServedModel } from '../served-model.ts';
import type { Tensor } from '../tensor.ts';
import { parseExplainRequest, restAnswer } from './codec.ts';
import { parseExplainInstances } from './instances.ts';
import { answered, header, headerLength, type ModelRequest } from './requests.ts';

/** What a body asks for, whichever version of the protocol it is written in. */
interface Asked {
  inputs: Tensor[];
  background: Tensor[];
  parameters: Record<string, unknown>;
}

/** `explain` beside `infer` of the Open Inference Protocol, with the same inputs. */
export function addExplainRoutes(app: FastifyInstance, options: FrontOptions): void {
  for (const path of ['/v2/models/:model', '/v2/models/:model/versions/:version'])
    app.post(`${path}/explain`, (request: ModelRequest, reply) =>
      answered(request, reply, request.params, options, async (model, body, waiting) => {
        const asked = parseExplainRequest(body, header(request, headerLength));
        const explanation = await explained(model, asked, waiting);
        return restAnswer(model.name, asked.id, explanationTensors(explanation), () => asked.isBinary, {
          ...summaryOf(explanation),
        });
      }),
    );
}

/** The body of `:explain` of the protocol's first version. Rejects with RequestError. */
export async function explainedInstances(model: ServedModel, body: Buffer, waiting: Waiting): Promise<object> {
  const asked = parseExplainInstances(body, model.requireSignature().inputs);
  const explanation = await explained(model, asked, waiting);
  return { explanations: instanceExplanations(explanation), ...summaryOf(explanation) };
}

function explained(
  model: ServedModel,
  { inputs, background, parameters }: Asked,
  { timeoutMs, signal }: Waiting,
): Promise<ModelExplanation> {
  return explainModel(
    model,
    { inputs, background, parameters: explainParameters(parameters) },
    { timeoutMs: requestedTimeoutMs(parameters.timeout) ?? timeoutMs, signal: signal ?? new AbortController().signal },
  );
}
