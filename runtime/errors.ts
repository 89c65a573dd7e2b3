import type { Fault } from './contract.ts';
import type { TrainingFault } from './training-contract.ts';

/** What became of a request that has no answer. REST and gRPC each map these to their own status. */
export type RequestErrorCode =
  | 'InvalidArgument'
  | 'NotFound'
  | 'MethodNotAllowed'
  /** The server is set up not to do it. */
  | 'NotAllowed'
  /** Nothing says who calls, or what says so is not valid. */
  | 'Unauthenticated'
  /** Who calls is known, and may not. */
  | 'Forbidden'
  | 'TooLarge'
  | 'UnsupportedMediaType'
  | 'QueueFull'
  | 'NotReady'
  | 'ModelCrashed'
  | 'DeadlineExceeded'
  | 'Cancelled'
  | 'ModelFailed'
  | 'LoadFailed';

/** An error whose message may be shown to the client: it names fields, never paths of the container. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly code: RequestErrorCode;
  /** Where waiting helps: how long, in whole seconds. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: RequestErrorCode, message: string, retryAfterSeconds?: number) {
    super(message);
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export const invalid = (message: string): RequestError => new RequestError('InvalidArgument', message);

/** Why a model does not serve; travels to the operator in the report. */
export class ModelFault extends Error {
  override readonly name = 'ModelFault';
  readonly code = 'ModelFault';
  readonly fault: Fault;

  constructor(fault: Fault, cause?: unknown) {
    super(fault.message, { cause });
    this.fault = fault;
  }
}

/** Why a job does not go on; travels to the operator in the report, or as the outcome. */
export class TrainingFailure extends Error {
  override readonly name = 'TrainingFailure';
  readonly code: TrainingFault['reason'];
  readonly fault: TrainingFault;

  constructor(fault: TrainingFault) {
    super(fault.message);
    this.code = fault.reason;
    this.fault = fault;
  }
}

/** The environment does not make a configuration: the process exits with `exitCodes.badConfiguration`. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
  readonly code = 'BadConfiguration';
}

/** The other end of a model process's socket does not speak our frames. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly code = 'ProtocolError';
}
