import { RequestError, type RequestErrorCode } from '../../errors.ts';
import type { ExplainRequest, Explanation } from '../../explain/request.ts';

/** What the answering thread says to the thread that explains. `id` names an explanation, `call` one run of its model. */
export type ExplainCommand =
  | { type: 'explain'; id: number; request: ExplainRequest }
  | { type: 'predicted'; call: number; values: Float32Array | Float64Array }
  | { type: 'unpredicted'; call: number; error: Thrown }
  | { type: 'abort'; id: number };

/** And what that one says. */
export type ExplainNotice =
  | { type: 'predict'; id: number; call: number; batch: Float32Array | readonly string[]; count: number }
  | { type: 'explained'; id: number; explanation: Explanation }
  | { type: 'failed'; id: number; error: Thrown };

/** An error on its way between threads, which keep no classes. */
export interface Thrown {
  /** Of a RequestError. */
  code: RequestErrorCode | undefined;
  message: string;
  retryAfterSeconds: number | undefined;
  stack: string | undefined;
}

export function thrownOf(error: unknown): Thrown {
  const { message, stack } = error instanceof Error ? error : new Error('something that is no error was thrown');
  const { code, retryAfterSeconds } = error instanceof RequestError ? error : {};
  return { code, message, retryAfterSeconds, stack };
}

export function errorOf({ code, message, retryAfterSeconds, stack }: Thrown): Error {
  if (code !== undefined) return new RequestError(code, message, retryAfterSeconds);
  return Object.assign(new Error(message), stack !== undefined && { stack });
}
