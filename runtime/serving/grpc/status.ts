import type { Log } from '../../../lib/log.ts';
import { RequestError, type RequestErrorCode } from '../../errors.ts';
import type { Outcome } from '../observed-request.ts';

/** gRPC's status codes, as far as this server gives them. */
export const grpcStatus = {
  OK: 0,
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

const statusOf: Readonly<Record<RequestErrorCode, number>> = {
  InvalidArgument: grpcStatus.INVALID_ARGUMENT,
  NotFound: grpcStatus.NOT_FOUND,
  MethodNotAllowed: grpcStatus.UNIMPLEMENTED,
  NotAllowed: grpcStatus.PERMISSION_DENIED,
  Unauthenticated: grpcStatus.UNAUTHENTICATED,
  Forbidden: grpcStatus.PERMISSION_DENIED,
  TooLarge: grpcStatus.RESOURCE_EXHAUSTED,
  UnsupportedMediaType: grpcStatus.INVALID_ARGUMENT,
  QueueFull: grpcStatus.RESOURCE_EXHAUSTED,
  Cancelled: grpcStatus.CANCELLED,
  ModelFailed: grpcStatus.INTERNAL,
  LoadFailed: grpcStatus.INVALID_ARGUMENT,
  NotReady: grpcStatus.UNAVAILABLE,
  ModelCrashed: grpcStatus.UNAVAILABLE,
  DeadlineExceeded: grpcStatus.DEADLINE_EXCEEDED,
};

/** The status that a request ends with. */
export const grpcStatusOf = (outcome: Outcome): number =>
  outcome === 'ok' ? grpcStatus.OK : outcome === 'Bug' ? grpcStatus.INTERNAL : statusOf[outcome];

/** How a call ends, as trailers. */
export type Trailers = Record<string, string>;

export const okTrailers: Trailers = { 'grpc-status': '0' };

/** What a client is told of an error. One that nobody expected is logged, and the client learns nothing of it. */
export function failureOf(error: unknown, log: Log): RequestError {
  if (error instanceof RequestError) return error;
  log.error({ err: error }, 'a bug');
  return new RequestError('ModelFailed', 'internal error; the log has more under this request id');
}

export function failureTrailers(error: unknown, log: Log): Trailers {
  const { code, message, retryAfterSeconds } = failureOf(error, log);
  const failure = {
    'grpc-status': String(statusOf[code]),
    'grpc-message': percentEncoded(message.slice(0, longestMessage)),
  };
  if (retryAfterSeconds === undefined) return failure;
  return {
    ...failure,
    'retry-after': String(retryAfterSeconds),
    // gRPC clients with a retry policy wait for this long.
    'grpc-retry-pushback-ms': String(retryAfterSeconds * 1000),
  };
}

/** Clients take some KiB of trailers and fail in words of their own beyond. */
const longestMessage = 1_000;

/** But for the printable characters of ASCII. */
const percentEncoded = (message: string): string =>
  message.replaceAll(/[^\x20-\x24\x26-\x7e]+/g, (text) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join(''),
  );
