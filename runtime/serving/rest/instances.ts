import type { TensorSignature } from '../../contract.ts';
import { invalid } from '../../errors.ts';
import { nestedJson, nestedRows } from '../elements.ts';
import { base64Bytes, isRecord, parseJson } from '../json.ts';
import { naturalTensor } from '../natural-tensor.ts';
import type { Tensor } from '../tensor.ts';

/**
 * Bodies of `:predict`, after TensorFlow Serving: `{"instances": [an item for each row]}`, an item being the value of the only
 * input or an object of values by input name; or `{"inputs": ...}`, the same as whole tensors. Bytes are
 * `{"b64": BASE64}`, or a string where they are text. Throws RequestError.
 */
export function parseInstances(
  body: Buffer,
  signature: readonly TensorSignature[],
): { inputs: Tensor[]; byColumn: boolean } {
  const json = parseJson(body);
  if (!isRecord(json)) throw invalid('body: must be an object with instances or inputs');
  const { instances, inputs } = json;
  if ((instances === undefined) === (inputs === undefined))
    throw invalid('body: must have either instances, a list of rows, or inputs, whole tensors');
  const byColumn = inputs !== undefined;
  const path = byColumn ? 'inputs' : 'instances';
  const columns = byColumn ? columnsOf(inputs, signature) : stacked(instances, signature, path);
  return {
    inputs: columns.map(([name, value]) =>
      naturalTensor(name, withBytes(value, path), signature, path, body.byteLength),
    ),
    byColumn,
  };
}

/**
 * Bodies of `:explain`: instances as for `:predict`, beside them a `background` of rows like them, and `parameters`. Throws
 * RequestError.
 */
export function parseExplainInstances(
  body: Buffer,
  signature: readonly TensorSignature[],
): { inputs: Tensor[]; background: Tensor[]; parameters: Record<string, unknown> } {
  const json = parseJson(body);
  if (!isRecord(json)) throw invalid('body: must be an object with instances');
  const { parameters = {} } = json;
  if (!isRecord(parameters)) throw invalid('parameters: must be an object');
  const rows = (path: 'instances' | 'background'): Tensor[] =>
    stacked(json[path], signature, path).map(([name, value]) =>
      naturalTensor(name, withBytes(value, path), signature, path, body.byteLength),
    );
  return {
    inputs: rows('instances'),
    background: json.background === undefined ? [] : rows('background'),
    parameters,
  };
}

/** Rows: those of the only output, or an object for each row. By columns: whole outputs. */
export function predictionsOf(outputs: readonly Tensor[], byColumn: boolean): string {
  const [only] = outputs;
  const single = outputs.length === 1 ? only : undefined;
  if (byColumn) {
    const named = outputs.map((output): [string, string] => [output.name, nestedJson(output)]);
    return `{"outputs":${single ? nestedJson(single) : namedJson(named)}}`;
  }
  const rows = outputs.map(({ shape }) => shape[0]);
  if (rows.some((count) => count === undefined || count !== rows[0]))
    throw invalid('instances: the outputs of this model do not have a row for each instance; send inputs instead');
  if (single) return `{"predictions":${nestedJson(single)}}`;
  const columns = outputs.map((output): [string, string[]] => [output.name, nestedRows(output)]);
  const items = Array.from({ length: rows[0] ?? 0 }, (_, row) =>
    namedJson(columns.map(([name, texts]) => [name, texts[row] ?? 'null'])),
  );
  return `{"predictions":[${items.join()}]}`;
}

const namedJson = (fields: readonly [string, string][]): string =>
  `{${fields.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join()}}`;

/** Values by input name; of a model with one input its value alone will do. */
function columnsOf(inputs: unknown, signature: readonly TensorSignature[]): [string, unknown][] {
  if (isNamed(inputs)) return Object.entries(inputs);
  return [[onlyInput(signature, 'inputs'), inputs]];
}

function stacked(instances: unknown, signature: readonly TensorSignature[], path: string): [string, unknown][] {
  if (!Array.isArray(instances) || instances.length === 0) throw invalid(`${path}: must be a list of at least one row`);
  const rows = instances as unknown[];
  const [first] = rows;
  if (!isNamed(first)) return [[onlyInput(signature, path), rows]];
  const names = Object.keys(first);
  const columns = names.map((name): [string, unknown[]] => [name, []]);
  rows.forEach((row, index) => {
    if (!isNamed(row) || Object.keys(row).length !== names.length || names.some((name) => !(name in row)))
      throw invalid(`${path}[${index}]: must have the same names as ${path}[0]: ${names.join(', ').slice(0, 200)}`);
    for (const [name, column] of columns) column.push(row[name]);
  });
  return columns;
}

const isBase64 = (value: unknown): value is { b64: string } =>
  isRecord(value) && typeof value.b64 === 'string' && Object.keys(value).length === 1;

const isNamed = (value: unknown): value is Record<string, unknown> => isRecord(value) && !isBase64(value);

function onlyInput(signature: readonly TensorSignature[], path: string): string {
  const [input, ...others] = signature;
  if (input && others.length === 0) return input.name;
  const names = signature.map(({ name }) => JSON.stringify(name)).join(', ');
  throw invalid(`${path}: the model has several inputs; give their values by name: ${names}`);
}

function withBytes(value: unknown, path: string): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => withBytes(item, path));
  if (!isBase64(value)) return value;
  const bytes = base64Bytes(value.b64);
  if (!bytes) throw invalid(`${path}: a b64 is not base64`);
  return bytes;
}
