import { invalid } from '../../errors.ts';
import { encodeElements } from '../elements.ts';
import { isRecord, parseJson } from '../json.ts';
import type { Signature, Tensor } from '../tensor.ts';

/**
 * The body of `predict` for rows: `{"inputs": …}` (or `instances`, as for KServe) of records by column, of lists in the order of the columns, of one record, or
 * of columns by name, each a list. Throws RequestError that names the field.
 *
 * @param signature one input [n] for each column; or one [n, width] whose columns have no names
 */
export function tableBody(body: Buffer, { inputs }: Signature): Tensor[] {
  const content = parseJson(body);
  if (!isRecord(content)) throw invalid('body: must be an object such as {"inputs": [{"column": 1}]}');
  const unknown = Object.keys(content).find((key) => key !== 'inputs' && key !== 'instances');
  if (unknown !== undefined) throw invalid(`body: has the unknown field ${shown(unknown)}; known is inputs`);
  const field = content.instances !== undefined && content.inputs === undefined ? 'instances' : 'inputs';
  const given = content[field];
  if (given === undefined) throw invalid('inputs: is missing');
  const [matrix] = inputs;
  if (matrix?.shape.length === 2) return [matrixOf(given, field, matrix)];
  const columns = new Map<string, readonly unknown[]>();
  const names = inputs.map(({ name }) => name);
  if (isRecord(given)) readColumns(given, field, names, columns);
  else readRows(listOf(given, field), field, names, columns);
  const rows = columns.get(names[0] ?? '')?.length ?? 0;
  return inputs.map(({ name, dataType }) => {
    const data = encodeElements(columns.get(name), dataType, [rows], rows, `${field}.${name}`);
    return { name, dataType, shape: [rows], data };
  });
}

function matrixOf(given: unknown, field: string, { name, dataType, shape }: Signature['inputs'][number]): Tensor {
  const rows = listOf(given, field);
  const first = rows[0];
  const width = shape[1] === undefined || shape[1] === -1 ? (Array.isArray(first) ? first.length : 0) : shape[1];
  if (!rows.every(Array.isArray)) {
    throw invalid(`${field}: must be a list of rows, each a list; the model has no names of columns`);
  }
  const data = encodeElements(rows, dataType, [rows.length, width], rows.length * width, field);
  return { name, dataType, shape: [rows.length, width], data };
}

/** Where no value is a list it is one record. */
function readColumns(
  given: Record<string, unknown>,
  field: string,
  names: readonly string[],
  columns: Map<string, readonly unknown[]>,
): void {
  checkNames(given, field, names);
  const isRecordOfOne = Object.values(given).every((value) => !Array.isArray(value));
  let rows: number | undefined;
  for (const name of names) {
    const values = isRecordOfOne ? [given[name]] : listOf(given[name], `${field}.${name}`);
    if (rows !== undefined && values.length !== rows) {
      throw invalid(`${field}.${name}: has ${values.length} rows where ${names[0] ?? ''} has ${rows}`);
    }
    rows = values.length;
    columns.set(name, values);
  }
}

function readRows(
  rows: readonly unknown[],
  field: string,
  names: readonly string[],
  columns: Map<string, readonly unknown[]>,
): void {
  const values = names.map(() => new Array<unknown>(rows.length));
  rows.forEach((row, index) => {
    const path = `${field}[${index}]`;
    if (Array.isArray(row)) {
      if (row.length !== names.length) {
        throw invalid(`${path}: has ${row.length} values where there are ${names.length} columns: ${listed(names)}`);
      }
      const cells: readonly unknown[] = row;
      values.forEach((column, place) => (column[index] = cells[place]));
    } else if (isRecord(row)) {
      checkNames(row, path, names);
      values.forEach((column, place) => (column[index] = row[names[place] ?? '']));
    } else throw invalid(`${path}: must be an object by column, or a list`);
  });
  names.forEach((name, place) => columns.set(name, values[place] ?? []));
}

function checkNames(record: Record<string, unknown>, path: string, names: readonly string[]): void {
  const missing = names.find((name) => !Object.hasOwn(record, name));
  if (missing !== undefined) throw invalid(`${path}: has no ${shown(missing)}`);
  const known = new Set(names);
  const unknown = Object.keys(record).find((key) => !known.has(key));
  if (unknown !== undefined)
    throw invalid(`${path}: has the unknown column ${shown(unknown)}; known are ${listed(names)}`);
}

function listOf(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(`${path}: must be a list`);
  return value as readonly unknown[];
}

const shown = (name: string): string => JSON.stringify(name.slice(0, 200));

const listed = (names: readonly string[]): string =>
  names.slice(0, 20).map(shown).join(', ') + (names.length > 20 ? ', …' : '');
