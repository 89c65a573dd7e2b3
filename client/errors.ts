/** Why a call has no result. `Unavailable` and `TooManyRequests` may be tried again later. */
export type ModelClientErrorCode =
  | 'InvalidArgument'
  /** No valid API key or token was sent. */
  | 'Unauthenticated'
  | 'Forbidden'
  | 'NotFound'
  | 'TooManyRequests'
  | 'Unavailable'
  | 'DeadlineExceeded'
  | 'Cancelled'
  | 'ServerError'
  | 'ProtocolError';

export class ModelClientError extends Error {
  override readonly name = 'ModelClientError';
  readonly code: ModelClientErrorCode;
  /** The HTTP or gRPC status; absent where no answer came. */
  readonly status: number | undefined;

  constructor(
    code: ModelClientErrorCode,
    message: string,
    options: { status?: number | undefined; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.status = options.status;
  }
}
