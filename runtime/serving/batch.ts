import type { RunRequest } from './messages.ts';
import { joinBytes, splitBytes } from '../../lib/tensor-codec.ts';
import type { Tensor } from './tensor.ts';

/**
 * Requests with the same key may be merged along axis 0: the same inputs with the same types and the same dimensions
 * after the first. Undefined: this request runs alone.
 */
export function batchKey({ inputs, outputs }: RunRequest): string | undefined {
  const rows = inputs[0]?.shape[0];
  if (rows === undefined || rows === 0 || inputs.some(({ shape }) => shape[0] !== rows)) return undefined;
  const described = inputs.map(({ name, dataType, shape }) => [name, dataType, ...shape.slice(1)]);
  described.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
  return JSON.stringify([described, outputs ?? null]);
}

/** One request out of several with the same batch key, and how many rows each of them brought. */
export function mergeRequests(requests: readonly RunRequest[]): { merged: RunRequest; rows: number[] } {
  const [first, ...others] = requests;
  if (!first) throw new Error('a batch holds at least one request');
  const inputs = first.inputs.map((input): Tensor => {
    const parts = [input, ...others.map((other) => find(other.inputs, input.name))];
    const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
    return { ...input, shape: [rows, ...input.shape.slice(1)], data: concatenate(parts.map(({ data }) => data)) };
  });
  const merged: RunRequest = { inputs, ...(first.outputs && { outputs: first.outputs }) };
  return { merged, rows: requests.map(rowsOf) };
}

/** Of a request to a model that batches. */
export const rowsOf = ({ inputs }: RunRequest): number => inputs[0]?.shape[0] ?? 0;

/** The outputs of each request; undefined where an output does not have one row for each row that went in. */
export function splitOutputs(outputs: readonly Tensor[], rows: readonly number[]): Tensor[][] | undefined {
  const total = rows.reduce((sum, count) => sum + count, 0);
  if (outputs.some(({ shape }) => shape[0] !== total)) return undefined;
  const columns = outputs.map((output) => splitRows(output, rows, total));
  return rows.map((_, index) => columns.flatMap((column) => column[index] ?? []));
}

function splitRows(output: Tensor, rows: readonly number[], total: number): Tensor[] {
  const elements = output.dataType === 'BYTES' ? (splitBytes(output.data) ?? []) : undefined;
  const rowLength = (elements?.length ?? output.data.byteLength) / total;
  let start = 0;
  return rows.map((count) => {
    const from = start * rowLength;
    start += count;
    const to = start * rowLength;
    const data = elements ? joinBytes(elements.slice(from, to)) : output.data.subarray(from, to);
    return { ...output, shape: [count, ...output.shape.slice(1)], data };
  });
}

function find(inputs: readonly Tensor[], name: string): Tensor {
  const input = inputs.find((candidate) => candidate.name === name);
  if (!input) throw new Error('requests of one batch have the same inputs');
  return input;
}

/** Parts that lie behind one another, as they come from a frame, as they are; others in memory aligned for every element type, which Buffer.concat does not promise. */
function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const [first] = parts;
  if (first && areAdjacent(parts)) return new Uint8Array(first.buffer, first.byteOffset, length);
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.byteLength;
  }
  return whole;
}

const areAdjacent = (parts: readonly Uint8Array[]): boolean =>
  parts.every((part, index) => {
    const before = parts[index - 1];
    return !before || (part.buffer === before.buffer && part.byteOffset === before.byteOffset + before.byteLength);
  });
