import type { ServedTask, TensorSignature } from '../../contract.ts';
import type { RunRequest, RunResult } from '../messages.ts';
import type { Signature, Tensor } from '../tensor.ts';

/** Runs the model. Never rejects for what the request or the model is to blame for. */
export type Run = (request: RunRequest) => Promise<RunResult>;

/** What a task makes of one loaded model. Lives in the model process. */
export type PreparedTask = SeparateTask | JointTask;

/** Requests are prepared one by one, and merged where the model's inputs fit together. */
export interface SeparateTask {
  /** What clients send and get, in the words of the Open Inference Protocol. */
  signature: Signature;
  /** A checked request in, the model's own inputs out. Throws RequestError for content that cannot be used. */
  before(request: RunRequest): Promise<RunRequest> | RunRequest;
  /** The model's outputs in, the task's outputs out. */
  after(outputs: Tensor[], request: RunRequest): Tensor[];
}

/** Requests that came together are prepared together, and the task decides which runs they need. */
interface JointTask {
  signature: Signature;
  /** Answers checked requests, each of them. */
  answer(requests: readonly RunRequest[], run: Run): Promise<RunResult[]>;
  /** Whether requests may be answered together: each gets what it gets alone. */
  mergesRequests(run: Run): Promise<boolean>;
}

/**
 * One thing that models do. A new task is one file beside this one, its name in `servedTasks` of runtime/contract.ts, and
 * one line in tasks/index.ts.
 */
export interface Task {
  /** As `spec.model.task` names it. */
  readonly name: ServedTask;
  /** Media types of the natural body of `POST /v2/models/NAME/predict`. */
  readonly bodyTypes: readonly string[];
  /** Inputs that a request may have beside those of the signature. */
  readonly optionalInputs?: readonly TensorSignature[];
  /** In the front process: a natural body as a request. It copies and measures; it never decodes media. */
  toInputs(body: Buffer, signature: Signature): Tensor[];
  /** In the front process: outputs as the JSON text of `predictions`. */
  toPredictions(outputs: readonly Tensor[]): string;
  /** In the model process, once the model is loaded. Throws ModelFault for a model that the task cannot serve. */
  prepare(model: Signature, directory: string): Promise<PreparedTask> | PreparedTask;
}
