import type { FastifyReply } from 'fastify';
import { RequestError, type RequestErrorCode } from '../../errors.ts';
import { limits } from '../limits.ts';
import type { Outcome } from '../observed-request.ts';

/** What `type` of an answer can be: TorchServe's exceptions by name, as its clients know them. */
type ExceptionName =
  | 'BadRequestException'
  | 'ConflictStatusException'
  | 'DownloadArchiveException'
  | 'InternalServerException'
  | 'InvalidKeyException'
  | 'InvalidModelException'
  | 'MethodNotAllowedException'
  | 'ModelNotFoundException'
  | 'ModelVersionNotFoundException'
  | 'RequestEntityTooLargeException'
  | 'RequestTimeoutException'
  | 'ResourceNotFoundException'
  | 'ServiceUnavailableException'
  | 'UnsupportedMediaTypeException';

/** An answer that is no success, as TorchServe would give it. Its message may be shown to the client. */
export class TorchServeError extends Error {
  override readonly name = 'TorchServeError';
  readonly code: ExceptionName;
  readonly status: number;

  constructor(status: number, code: ExceptionName, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export const badRequest = (message: string): TorchServeError =>
  new TorchServeError(400, 'BadRequestException', message);

export const modelNotFound = (name: string): TorchServeError =>
  new TorchServeError(404, 'ModelNotFoundException', `Model not found: ${name.slice(0, 200)}`);

export const versionNotFound = (name: string, version: string): TorchServeError =>
  new TorchServeError(
    404,
    'ModelVersionNotFoundException',
    `Model version: ${version.slice(0, 200)} does not exist for model: ${name}`,
  );

export const notAllowed = (message: string): TorchServeError =>
  new TorchServeError(405, 'MethodNotAllowedException', message);

export const resourceNotFound = (): TorchServeError =>
  new TorchServeError(
    404,
    'ResourceNotFoundException',
    'Requested resource is not found, please refer to API document.',
  );

/** What TorchServe says as well when the header is missing. */
export const invalidKey = (): TorchServeError =>
  new TorchServeError(
    400,
    'InvalidKeyException',
    'Token Authorization failed. Token either incorrect, expired, or not provided correctly',
  );

const statusOf: Readonly<Record<RequestErrorCode, [number, ExceptionName]>> = {
  InvalidArgument: [400, 'BadRequestException'],
  Unauthenticated: [400, 'InvalidKeyException'],
  Forbidden: [400, 'InvalidKeyException'],
  NotFound: [404, 'ModelNotFoundException'],
  MethodNotAllowed: [405, 'MethodNotAllowedException'],
  NotAllowed: [405, 'MethodNotAllowedException'],
  TooLarge: [413, 'RequestEntityTooLargeException'],
  UnsupportedMediaType: [415, 'UnsupportedMediaTypeException'],
  Cancelled: [499, 'RequestTimeoutException'],
  LoadFailed: [500, 'InternalServerException'],
  QueueFull: [503, 'ServiceUnavailableException'],
  NotReady: [503, 'ServiceUnavailableException'],
  ModelFailed: [503, 'InternalServerException'],
  ModelCrashed: [503, 'InternalServerException'],
  DeadlineExceeded: [504, 'RequestTimeoutException'],
};

/** Of HTTP, for what became of a request. */
export const statusOfOutcome = (outcome: Outcome): number =>
  outcome === 'ok' ? 200 : outcome === 'Bug' ? 500 : statusOf[outcome][0];

/** Fastify's own errors by their codes; their messages may name internals, so ours replace them. */
const ofFastify: Readonly<Record<string, TorchServeError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: new TorchServeError(
    413,
    'RequestEntityTooLargeException',
    `body: at most ${limits.requestBytes} bytes are allowed`,
  ),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: badRequest('Content-Length: does not match the body'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: badRequest('Content-Type: not a media type'),
  FST_ERR_BAD_URL: badRequest('the path is not a valid URL'),
  FST_ERR_MAX_PARAM_LENGTH: resourceNotFound(),
};

/** What a client sees of an error; undefined of one that nobody expected. */
function shown(error: Error & { code?: string; statusCode?: number }): TorchServeError | undefined {
  if (error instanceof TorchServeError) return error;
  if (error instanceof RequestError) return new TorchServeError(...statusOf[error.code], error.message);
  const known = ofFastify[error.code ?? ''];
  if (known) return known;
  return (error.statusCode ?? 500) < 500 ? badRequest('the request cannot be read') : undefined;
}

export const errorBody = ({ status, code, message }: TorchServeError): object => ({
  code: status,
  type: code,
  message,
});

export function sendError(reply: FastifyReply, error: Error & { code?: string; statusCode?: number }): FastifyReply {
  let answer = shown(error);
  if (!answer) {
    reply.log.error({ err: error }, 'a bug');
    const message = 'internal error; the log has more under this request id';
    answer = new TorchServeError(500, 'InternalServerException', message);
  }
  // Fastify would close the connection under a client that still sends, which then sees no answer.
  if (answer.status === 413) void reply.removeHeader('connection');
  if (error instanceof RequestError && error.retryAfterSeconds !== undefined)
    void reply.header('retry-after', error.retryAfterSeconds);
  return reply.code(answer.status).send(errorBody(answer));
}
