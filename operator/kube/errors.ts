/** Details of the API server's Status object. */
export interface StatusDetails {
  name?: string;
  kind?: string;
  group?: string;
  uid?: string;
  causes?: { reason?: string; message?: string; field?: string }[];
  retryAfterSeconds?: number;
}

export interface KubeErrorOptions {
  details?: StatusDetails;
  retryAfterMs?: number;
  cause?: unknown;
}

/** What the API server, or the way to it, answered instead of what was asked for. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  /** The HTTP status; 0 where there was no answer, so that nobody knows whether a write was done. */
  readonly status: number;
  /** The reason of the Status object, such as `NotFound`; `Unreachable` or `Timeout` where there was no answer. */
  readonly reason: string;
  readonly details: StatusDetails | undefined;
  /** How long the server asks to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(
    status: number,
    reason: string,
    message: string,
    { details, retryAfterMs, cause }: KubeErrorOptions = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.status = status;
    this.reason = reason;
    this.details = details;
    this.retryAfterMs = retryAfterMs;
  }

  get code(): string {
    return this.reason;
  }
}

const has = (error: unknown, status: number): error is KubeError =>
  error instanceof KubeError && error.status === status;

export const isBadRequest = (error: unknown): error is KubeError => has(error, 400);
export const isNotFound = (error: unknown): error is KubeError => has(error, 404);
/** Both a stale `resourceVersion` or `uid` and a create of what exists already. */
export const isConflict = (error: unknown): error is KubeError => has(error, 409);
export const isAlreadyExists = (error: unknown): error is KubeError =>
  has(error, 409) && error.reason === 'AlreadyExists';
/** A `resourceVersion` or continue token that is too old. */
export const isGone = (error: unknown): error is KubeError => has(error, 410);
export const isInvalid = (error: unknown): error is KubeError => has(error, 422);
export const isForbidden = (error: unknown): error is KubeError => has(error, 403);

/** This process may not write: it does not hold the lease, or cannot be sure that it still does. Nothing was sent. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
  readonly code = 'Fenced';
}

/** Another process leads, or may: this one must end. */
export class LeadershipLostError extends Error {
  override readonly name = 'LeadershipLostError';
  readonly code = 'LeadershipLost';
}
