import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Caller } from './access/access.ts';
import type { FrontOptions } from './front-options.ts';
import { observed, type Protocol } from './observed-request.ts';
import type { Waiting } from './scheduler.ts';
import type { ServedModel } from './served-model.ts';

export interface HttpRequest {
  request: FastifyRequest;
  reply: FastifyReply;
  /** Undefined where nobody has to say who calls. */
  caller: Caller | undefined;
  /** Throws RequestError where nobody serves it. */
  find: () => ServedModel;
  /** How long the client waits. Throws RequestError where it does not say that rightly. */
  patienceMs: () => number | undefined;
}

/** Works on one request of inference that came over HTTP, and observes it. Rejects as `work` does. */
export async function inferredOverHttp<Answer>(
  protocol: Protocol<Answer>,
  { request, reply, caller, find, patienceMs }: HttpRequest,
  { observers }: FrontOptions,
  work: (model: ServedModel, body: Buffer, waiting: Waiting) => Promise<Answer>,
): Promise<Answer> {
  const left = new AbortController();
  reply.raw.once('close', () => {
    // To abort costs a stack trace.
    if (!reply.raw.writableEnded) left.abort();
  });
  const body = bodyOf(request);
  const arrival = {
    path: request.url,
    route: request.routeOptions.url ?? '',
    requestId: request.id,
    headers: request.headers,
    clientAddress: () => request.ip,
    caller,
    bytesIn: body.byteLength,
    find,
  };
  return observed(protocol, arrival, observers, async (model, timeline) => {
    const waiting = { timeoutMs: patienceMs(), signal: left.signal, timeline };
    await model.awake(waiting);
    return work(model, body, waiting);
  });
}

export const bodyOf = ({ body }: FastifyRequest): Buffer => (Buffer.isBuffer(body) ? body : Buffer.alloc(0));
