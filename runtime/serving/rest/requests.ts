import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalid } from '../../errors.ts';
import type { FrontOptions } from '../front-options.ts';
import { inferredOverHttp } from '../http-request.ts';
import type { Protocol } from '../observed-request.ts';
import type { Waiting } from '../scheduler.ts';
import type { ServedModel } from '../served-model.ts';
import type { RestAnswer } from './codec.ts';
import { httpStatusOf } from './errors.ts';
import { callerOf } from './authorization.ts';

export interface ModelParams {
  model: string;
  version?: string;
}
export type ModelRequest = FastifyRequest<{ Params: ModelParams }>;

/** Where a body's JSON ends and the raw data of its tensors begins. */
export const headerLength = 'inference-header-content-length';

const rest: Protocol<RestAnswer> = {
  name: 'rest',
  statusOf: httpStatusOf,
  bytesOf: ({ body }) => Buffer.byteLength(body),
};

/** Answers one request of inference. Rejects with RequestError. */
export async function answered(
  request: FastifyRequest,
  reply: FastifyReply,
  { model: name, version }: ModelParams,
  options: FrontOptions,
  work: (model: ServedModel, body: Buffer, waiting: Waiting) => Promise<RestAnswer>,
): Promise<FastifyReply> {
  const arrived = {
    request,
    reply,
    caller: callerOf(request),
    find: () => options.repository.find(name, version),
    patienceMs: () => patienceMs(request),
  };
  const answer = await inferredOverHttp(rest, arrived, options, work);
  if (answer.headerLength === undefined) return reply.type('application/json').send(answer.body);
  void reply.header(headerLength, answer.headerLength);
  return reply.type('application/octet-stream').send(answer.body);
}

/** An answer of nothing but JSON. */
export const jsonAnswer = (body: string): RestAnswer => ({ body, headerLength: undefined });

export function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The client's patience in whole or broken seconds. */
function patienceMs(request: FastifyRequest): number | undefined {
  const value = header(request, 'request-timeout');
  if (value === undefined) return undefined;
  const seconds = /^\d{1,9}(\.\d{1,6})?$/.test(value) ? Number(value) : 0;
  if (seconds <= 0) throw invalid('Request-Timeout: must be seconds above 0');
  return seconds * 1000;
}
