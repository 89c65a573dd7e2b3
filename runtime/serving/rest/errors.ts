import type { FastifyReply } from 'fastify';
import { RequestError, type RequestErrorCode } from '../../errors.ts';
import type { Outcome } from '../observed-request.ts';

const statusOf: Readonly<Record<RequestErrorCode, number>> = {
  InvalidArgument: 400,
  LoadFailed: 400,
  Unauthenticated: 401,
  NotAllowed: 403,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  TooLarge: 413,
  UnsupportedMediaType: 415,
  QueueFull: 429,
  Cancelled: 499,
  ModelFailed: 500,
  NotReady: 503,
  ModelCrashed: 503,
  DeadlineExceeded: 504,
};

/** As RFC 6750 has them, of those answers that a client can do something about by who it is. */
const challengeOf: Partial<Record<RequestErrorCode, string>> = {
  Unauthenticated: 'Bearer realm="modelyard"',
  Forbidden: 'Bearer realm="modelyard", error="insufficient_scope"',
};

/** The status that a request ends with. */
export const httpStatusOf = (outcome: Outcome): number =>
  outcome === 'ok' ? 200 : outcome === 'Bug' ? 500 : statusOf[outcome];

/** Fastify's own errors by their codes; their messages may name internals, so ours replace them. */
const ofFastify: Readonly<Record<string, RequestError>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: new RequestError('UnsupportedMediaType', 'Content-Type: not a media type'),
  FST_ERR_BAD_URL: new RequestError('InvalidArgument', 'the path is not a valid URL'),
  FST_ERR_MAX_PARAM_LENGTH: new RequestError('NotFound', 'no such path; see GET /v2'),
};

/** zlib's errors while a body is decompressed. */
const isZlib = (code: string | undefined): boolean => code !== undefined && /^Z_[A-Z_]+$/.test(code);

export function sendError(reply: FastifyReply, error: Error & { code?: string; statusCode?: number }): FastifyReply {
  const known = error instanceof RequestError ? error : ofFastify[error.code ?? ''];
  if (known) {
    // Fastify would close the connection under a client that still sends, which then sees no answer.
    if (known.code === 'TooLarge') void reply.removeHeader('connection');
    if (known.retryAfterSeconds !== undefined) void reply.header('retry-after', known.retryAfterSeconds);
    const challenge = challengeOf[known.code];
    if (challenge !== undefined) void reply.header('www-authenticate', challenge);
    return reply.code(statusOf[known.code]).send({ error: known.message });
  }
  if (isZlib(error.code)) return reply.code(400).send({ error: 'body: is not compressed as Content-Encoding says' });
  const status = error.statusCode ?? 500;
  if (status < 500) return reply.code(status).send({ error: 'the request cannot be read' });
  reply.log.error({ err: error }, 'a bug');
  return reply.code(500).send({ error: 'internal error; the log has more under this request id' });
}
