import type { TensorSignature } from '../contract.ts';
import { invalid } from '../errors.ts';
import { classified } from './classification.ts';
import type { Waiting } from './scheduler.ts';
import type { ServedModel } from './served-model.ts';
import type { Tensor } from './tensor.ts';

/** What a request of the Open Inference Protocol asks for, whichever front it came through. */
export interface InferenceRequest {
  inputs: Tensor[];
  /** Absent: all. */
  outputs: RequestedOutput[] | undefined;
  /** The client's patience. */
  timeoutMs: number | undefined;
  priority: number | undefined;
}

export interface RequestedOutput {
  name: string;
  /** As so many of its highest elements instead of as it is. */
  classification: number | undefined;
}

/** Runs a request on its model. Rejects with RequestError. */
export async function infer(
  model: ServedModel,
  { inputs, outputs, priority }: InferenceRequest,
  waiting: Waiting,
): Promise<Tensor[]> {
  const names = outputs?.map(({ name }) => name);
  const answer = await model.infer(inputs, names, { ...waiting, priority });
  if (!outputs?.some(({ classification }) => classification !== undefined)) return answer;
  const counts = new Map(outputs.map(({ name, classification }) => [name, classification]));
  return answer.map((output) => {
    const count = counts.get(output.name);
    return count === undefined ? output : classified(output, count, model.isBatchable);
  });
}

/**
 * @param classification the parameter of that name, if any
 * @param path names the output in errors
 */
export function requestedOutput(
  name: string,
  classification: unknown,
  known: readonly TensorSignature[],
  path: string,
): RequestedOutput {
  if (!known.some((output) => output.name === name))
    throw invalid(`${path}.name: the model has no output ${JSON.stringify(name.slice(0, 200))}`);
  if (classification === undefined) return { name, classification };
  const count = wholeOf(classification);
  if (count === undefined || count < 1)
    throw invalid(`${path}.parameters.classification: must be a whole number of at least 1`);
  return { name, classification: count };
}

/** None means all. */
export function requestedOutputs(outputs: RequestedOutput[]): RequestedOutput[] | undefined {
  if (new Set(outputs.map(({ name }) => name)).size < outputs.length) throw invalid('outputs: a name is given twice');
  return outputs.length === 0 ? undefined : outputs;
}

/** @param timeout the parameter of that name, if any: microseconds, as the schedule policy extension has it */
export function requestedTimeoutMs(timeout: unknown): number | undefined {
  if (timeout === undefined) return undefined;
  const microseconds = wholeOf(timeout);
  if (microseconds === undefined || microseconds < 0)
    throw invalid('parameters.timeout: must be a whole number of microseconds');
  return microseconds === 0 ? undefined : microseconds / 1000;
}

/** @param priority the parameter of that name, if any: 0 is the standard one, as the schedule policy extension has it */
export function requestedPriority(priority: unknown): number | undefined {
  if (priority === undefined) return undefined;
  const level = wholeOf(priority);
  if (level === undefined || level < 0) throw invalid('parameters.priority: must be a whole number of at least 0');
  return level === 0 ? undefined : level;
}

function wholeOf(value: unknown): number | undefined {
  const number = typeof value === 'bigint' ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) ? number : undefined;
}
