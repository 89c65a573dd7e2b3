import { RequestError } from '../errors.ts';
import { runtimeErrorText } from '../onnx/runtime-error-text.ts';
import type { RunResult } from './messages.ts';

export type RunFailure = Extract<RunResult, { ok: false }>;

/** The result of a request whose preparation, run or reading failed. */
export function failureOf(error: unknown): RunFailure {
  if (error instanceof RequestError) {
    return { ok: false, reason: error.code === 'InvalidArgument' ? 'Refused' : 'Failed', message: error.message };
  }
  return { ok: false, reason: 'Failed', message: runtimeErrorText(error) };
}
