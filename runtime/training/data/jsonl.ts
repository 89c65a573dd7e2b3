import { createReadStream } from 'node:fs';
import { isRecord } from '../../serving/json.ts';
import { invalidData, shown } from './data-failure.ts';
import { limits } from './limits.ts';
import { isBadEncoding, utf8Decoder } from './utf8.ts';
import type { Column, DataFile, Format, Selection, TableRow } from './table.ts';

/** One JSON object a line, UTF-8; its keys are the columns. Those of the first line are the columns of the file. */
export const jsonl: Format = { columns, rows };

const readAtOnceBytes = 256 * 1024;

/** Lines shorter than this can do no harm, however they are nested. */
const harmlessBytes = 64 * 1024;

async function columns(file: DataFile): Promise<Column[]> {
  for await (const lines of linesOf(file)) {
    for (const { bytes } of lines) {
      const parsed = parse(bytes);
      if ('object' in parsed) return Object.keys(parsed.object).map((name) => ({ name }));
    }
  }
  throw invalidData(`${file.name} holds no line that is a JSON object.`);
}

async function* rows(file: DataFile, selection: Selection): AsyncGenerator<TableRow[]> {
  for await (const lines of linesOf(file)) yield lines.map((line) => rowOf(line, selection));
}

function rowOf({ number, bytes }: Line, { columns: names, exactly }: Selection): TableRow {
  const parsed = parse(bytes);
  if ('problem' in parsed) return { number, cells: [], problem: parsed.problem };
  const { object } = parsed;
  const other = exactly && otherKey(object, exactly);
  if (other !== undefined) {
    return { number, cells: [], problem: `has the key ${shown(other)}, which the first line has not` };
  }
  return { number, cells: names.map((name) => (Object.hasOwn(object, name) ? object[name] : undefined)) };
}

/** A key that is not among the names. */
function otherKey(object: Record<string, unknown>, names: readonly string[]): string | undefined {
  const keys = Object.keys(object);
  if (keys.length === names.length && names.every((name) => Object.hasOwn(object, name))) return undefined;
  const known = new Set(names);
  return keys.find((key) => !known.has(key));
}

const decoder = utf8Decoder();

function parse(bytes: Buffer | undefined): { object: Record<string, unknown> } | { problem: string } {
  if (!bytes) return { problem: `is longer than ${limits.rowLength} bytes` };
  if (bytes.length > harmlessBytes && isTooNested(bytes)) {
    return { problem: `has brackets deeper than ${limits.nesting}, or more than ${limits.containers} of them` };
  }
  try {
    const value: unknown = JSON.parse(decoder.decode(bytes));
    return isRecord(value) ? { object: value } : { problem: 'is no JSON object' };
  } catch (error) {
    if (error instanceof SyntaxError) return { problem: 'is not JSON' };
    if (isBadEncoding(error)) return { problem: 'is not encoded as UTF-8' };
    throw error;
  }
}

const [quote, backslash, opening, closing] = [0x22, 0x5c, [0x5b, 0x7b], [0x5d, 0x7d]] as const;

/** Said without parsing, for what is parsed may take fifty times the memory of its text. */
function isTooNested(bytes: Buffer): boolean {
  let [depth, containers] = [0, 0];
  let isText = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (isText) {
      if (byte === backslash) i += 1;
      else if (byte === quote) isText = false;
    } else if (byte === quote) isText = true;
    else if (byte === opening[0] || byte === opening[1]) {
      depth += 1;
      containers += 1;
      if (depth > limits.nesting || containers > limits.containers) return true;
    } else if (byte === closing[0] || byte === closing[1]) depth -= 1;
  }
  return false;
}

interface Line {
  /** From 1, blank ones counted. */
  number: number;
  /** Undefined where it is too long. */
  bytes: Buffer | undefined;
}

/** The lines that are not blank. Those too long are skipped while they are read. */
async function* linesOf(file: DataFile): AsyncGenerator<Line[]> {
  const cutter = new LineCutter();
  for await (const bytes of createReadStream(file.path, { highWaterMark: readAtOnceBytes })) {
    yield cutter.add(bytes as Buffer);
  }
  yield cutter.end();
}

class LineCutter {
  /** The parts of the line whose end has not come. */
  #parts: Buffer[] = [];
  #length = 0;
  #number = 1;

  /** @returns the lines that end in these bytes */
  add(bytes: Buffer): Line[] {
    const lines: Line[] = [];
    let from = 0;
    for (let to = bytes.indexOf('\n'); to >= 0; to = bytes.indexOf('\n', from)) {
      this.#take(bytes.subarray(from, to));
      lines.push(...this.end());
      from = to + 1;
    }
    this.#take(bytes.subarray(from));
    return lines;
  }

  /** @returns the line that ends here, unless it is blank */
  end(): Line[] {
    const bytes = this.#length > limits.rowLength ? undefined : Buffer.concat(this.#parts);
    const number = this.#number;
    this.#parts = [];
    this.#length = 0;
    this.#number += 1;
    return bytes?.every(isBlank) ? [] : [{ number, bytes }];
  }

  #take(part: Buffer): void {
    this.#length += part.length;
    if (this.#length > limits.rowLength) this.#parts = [];
    else this.#parts.push(part);
  }
}

const isBlank = (byte: number): boolean => byte === 0x20 || byte === 0x0d || byte === 0x09;
