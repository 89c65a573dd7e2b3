import type { FastifyReply, FastifyRequest } from 'fastify';
import { RequestError, invalid } from '../../errors.ts';
import type { ModelRepository } from '../model-repository.ts';
import type { Waiting } from '../scheduler.ts';
import type { ServedModel } from '../served-model.ts';
import { countAnswer, type ServingMetrics } from '../serving-metrics.ts';

/** What the routes share. */
export interface RouteOptions {
  repository: ModelRepository;
  metrics: ServingMetrics;
  now: () => number;
  /** True once the pod was told to stop. */
  isDraining: () => boolean;
}

export interface ModelParams {
  model: string;
  version?: string;
}
export type ModelRequest = FastifyRequest<{ Params: ModelParams }>;

/** Runs one request of inference, counts it and logs it. Rejects with RequestError. */
export async function answered<Answer>(
  request: FastifyRequest,
  reply: FastifyReply,
  { model: name, version }: ModelParams,
  { repository, metrics, now }: RouteOptions,
  work: (model: ServedModel, body: Buffer, waiting: Waiting) => Promise<Answer>,
): Promise<Answer> {
  const begin = now();
  const left = new AbortController();
  reply.raw.once('close', () => {
    // To abort costs a stack trace.
    if (!reply.raw.writableEnded) left.abort();
  });
  let code = 'ok';
  let model: ServedModel | undefined;
  try {
    model = repository.find(name, version);
    const waiting = { timeoutMs: patienceMs(request), signal: left.signal };
    await model.awake(waiting);
    return await work(model, bodyOf(request), waiting);
  } catch (error) {
    code = error instanceof RequestError ? error.code : 'Bug';
    throw error;
  } finally {
    const durationMs = now() - begin;
    countAnswer(metrics, { protocol: 'rest', model: model?.name, code, durationMs });
    request.log.debug({ code, durationMs }, 'inference');
  }
}

export const bodyOf = ({ body }: FastifyRequest): Buffer => (Buffer.isBuffer(body) ? body : Buffer.alloc(0));

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
