import type { Fault, FaultReason, TensorSignature } from '../contract.ts';
import { ProtocolError } from '../errors.ts';
import type { Frame } from './frames.ts';
import { isDataType } from '../../lib/tensor-codec.ts';
import type { Signature, Tensor } from './tensor.ts';

/** What the front process asks of a model process, and what comes back. Each side checks what the other says. */
export interface LoadMessage {
  type: 'load';
  modelPath: string;
  directory: string;
  task: string;
  executionProvider: 'cpu' | 'cuda';
  threads: number;
  /** Run once on zeros before the model counts as loaded. */
  warmup: boolean;
  /** Find out whether requests may be merged; see `batchable` of the answer. */
  batching: boolean;
}

/** One request of a run. */
export interface RunRequest {
  inputs: Tensor[];
  /** The outputs wanted; absent: all. */
  outputs?: string[];
}

export type RunResult = { ok: true; outputs: Tensor[] } | { ok: false; reason: 'Refused' | 'Failed'; message: string };

/** One run of the model that did not fail. */
export interface Execution {
  /** Along the first dimension of its inputs; 1 where the model does not batch. */
  rows: number;
  inferMs: number;
}

export interface RunTimes {
  executions: Execution[];
  /** Until the first of them began. */
  inputMs: number;
  /** From the requests' arrival in the model process to their answers, all executions included. */
  runMs: number;
}

/** In ONNX Runtime alone. */
export const computeMs = ({ executions }: RunTimes): number =>
  executions.reduce((sum, { inferMs }) => sum + inferMs, 0);

/** `batchable`: a merged run was seen to give each request what it gets alone. */
export type ChildMessage =
  | { type: 'started' }
  | { type: 'phase'; phase: 'Loading' | 'WarmingUp' }
  | { type: 'loaded'; signature: Signature; batchable: boolean }
  | { type: 'fault'; fault: Fault }
  | ({ type: 'result'; id: number; results: RunResult[] } & RunTimes);

export type FrontMessage = LoadMessage | { type: 'run'; id: number; requests: RunRequest[] };

type Described = Omit<Tensor, 'data'>;
interface WireRequest {
  inputs: Described[];
  outputs?: string[];
}
type WireResult = { ok: true; outputs: Described[] } | { ok: false; reason: 'Refused' | 'Failed'; message: string };

const describe = ({ name, dataType, shape }: Tensor): Described => ({ name, dataType, shape });

export function runFrame(id: number, requests: readonly RunRequest[]): { header: object; buffers: Uint8Array[] } {
  const wire: WireRequest[] = requests.map(({ inputs, outputs }) => ({
    inputs: inputs.map(describe),
    ...(outputs && { outputs }),
  }));
  return {
    header: { type: 'run', id, requests: wire },
    buffers: requests.flatMap(({ inputs }) => inputs.map(({ data }) => data)),
  };
}

export function resultFrame(
  id: number,
  results: readonly RunResult[],
  times: RunTimes,
): { header: object; buffers: Uint8Array[] } {
  const wire: WireResult[] = results.map((result) =>
    result.ok ? { ok: true, outputs: result.outputs.map(describe) } : result,
  );
  return {
    header: { type: 'result', id, results: wire, ...times },
    buffers: results.flatMap((result) => (result.ok ? result.outputs.map(({ data }) => data) : [])),
  };
}

/** A message from the front process. Throws ProtocolError. */
export function parseFrontMessage({ header, buffers }: Frame): FrontMessage {
  if (header.type === 'load') {
    return {
      type: 'load',
      modelPath: text(header.modelPath),
      directory: text(header.directory),
      task: text(header.task),
      executionProvider: oneOf(header.executionProvider, ['cpu', 'cuda']),
      threads: whole(header.threads),
      warmup: header.warmup === true,
      batching: header.batching === true,
    };
  }
  if (header.type !== 'run') throw new ProtocolError('the front sent an unknown message');
  const rest = buffers.values();
  const requests = list(header.requests).map((value): RunRequest => {
    const { inputs, outputs } = record(value);
    return { inputs: tensors(inputs, rest), ...(outputs !== undefined && { outputs: list(outputs).map(text) }) };
  });
  return { type: 'run', id: whole(header.id), requests };
}

/** A message from the model process. Throws ProtocolError. */
export function parseChildMessage({ header, buffers }: Frame): ChildMessage {
  switch (header.type) {
    case 'started':
      return { type: 'started' };
    case 'phase':
      return { type: 'phase', phase: oneOf(header.phase, ['Loading', 'WarmingUp']) };
    case 'loaded': {
      const { inputs, outputs } = record(header.signature);
      const signature = { inputs: list(inputs).map(tensorSignature), outputs: list(outputs).map(tensorSignature) };
      return { type: 'loaded', signature, batchable: header.batchable === true };
    }
    case 'fault': {
      const { reason, message, retrying } = record(header.fault);
      return {
        type: 'fault',
        fault: { reason: oneOf(reason, childFaults), message: text(message), retrying: retrying === true },
      };
    }
    case 'result': {
      const rest = buffers.values();
      const results = list(header.results).map((value): RunResult => {
        const result = record(value);
        if (result.ok === true) return { ok: true, outputs: tensors(result.outputs, rest) };
        return { ok: false, reason: oneOf(result.reason, ['Refused', 'Failed']), message: text(result.message) };
      });
      const executions = list(header.executions).map(execution);
      const times = { executions, inputMs: number(header.inputMs), runMs: number(header.runMs) };
      return { type: 'result', id: whole(header.id), results, ...times };
    }
    default:
      throw new ProtocolError('the model process sent an unknown message');
  }
}

const childFaults: readonly FaultReason[] = [
  'InvalidModel',
  'UnsupportedModel',
  'AcceleratorUnavailable',
  'OutOfMemory',
];

function execution(value: unknown): Execution {
  const { rows, inferMs } = record(value);
  return { rows: whole(rows), inferMs: number(inferMs) };
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ProtocolError('expected an object');
  return value as Record<string, unknown>;
}

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new ProtocolError('expected a list');
  return value;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new ProtocolError('expected a string');
  return value;
}

function number(value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new ProtocolError('expected a number');
  return value;
}

function whole(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new ProtocolError('expected a whole number');
  return value as number;
}

function oneOf<T extends string>(value: unknown, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw new ProtocolError(`expected one of ${allowed.join(', ')}`);
  return found;
}

function tensorSignature(value: unknown): TensorSignature {
  const { name, dataType, shape } = record(value);
  if (!isDataType(dataType)) throw new ProtocolError('expected a data type');
  return { name: text(name), dataType, shape: list(shape).map(whole) };
}

function tensors(value: unknown, buffers: Iterator<Uint8Array>): Tensor[] {
  return list(value).map((item) => {
    const data = buffers.next();
    if (data.done === true) throw new ProtocolError('a tensor has no buffer');
    return { ...tensorSignature(item), data: data.value };
  });
}
