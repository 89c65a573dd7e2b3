import { createReadStream } from 'node:fs';
import Papa from 'papaparse';
import { invalidData, shown } from './data-failure.ts';
import { limits } from './limits.ts';
import { RecordCutter } from './record-cutter.ts';
import { isBadEncoding, utf8Decoder } from './utf8.ts';
import type { Column, DataFile, Format, Selection, TableRow } from './table.ts';

/** Comma-separated values with a header, UTF-8, as RFC 4180 has it: quotes where a cell holds commas, quotes or line breaks. */
export const csv: Format = { columns, rows };

const readAtOnceBytes = 64 * 1024;

async function columns(file: DataFile): Promise<Column[]> {
  for await (const [header] of records(file))
    if (header) return [...headerOf(file, header)].map(([name]) => ({ name }));
  throw invalidData(`${file.name} is empty; its first row must name the columns.`);
}

async function* rows(file: DataFile, selection: Selection): AsyncGenerator<TableRow[]> {
  let width = 0;
  let places: number[] = [];
  /** Of the row before; the header has 0. */
  let number = -1;
  for await (const block of records(file)) {
    const result: TableRow[] = [];
    for (const cells of block) {
      number += 1;
      if (number === 0) {
        const header = headerOf(file, cells);
        width = cells.length;
        places = selection.columns.map((name) => placeOf(file, header, name));
      } else if (cells.length === width) {
        result.push({ number, cells: places.map((place) => cells[place]) });
      } else {
        const problem = `has ${cells.length} cells, but the header names ${width} columns`;
        result.push({ number, cells: [], problem });
      }
    }
    yield result;
  }
}

/** The place of each column. */
function headerOf(file: DataFile, cells: readonly string[]): Map<string, number> {
  if (cells.length > limits.columns) {
    throw invalidData(`${file.name} names ${cells.length} columns, and at most ${limits.columns} are possible.`);
  }
  const header = new Map<string, number>();
  for (const [place, cell] of cells.entries()) {
    const name = cell.trim();
    if (header.has(name)) throw invalidData(`${file.name}: the header names the column ${shown(name)} twice.`);
    header.set(name, place);
  }
  return header;
}

function placeOf(file: DataFile, header: ReadonlyMap<string, number>, name: string): number {
  const place = header.get(name);
  if (place === undefined) throw invalidData(`${file.name} has no column ${shown(name)}.`);
  return place;
}

/** The cells of all rows, the header among them, without rows that are blank. */
async function* records(file: DataFile): AsyncGenerator<string[][]> {
  const cutter = new RecordCutter();
  let count = 0;
  for await (const text of decoded(file)) {
    const block = parse(file, cutter.add(text), count);
    count += block.length;
    if (cutter.waiting > limits.rowLength) {
      throw invalidData(
        `${file.name}: row ${count} is longer than ${limits.rowLength} characters. Is a quote never closed?`,
      );
    }
    if (block.length > 0) yield block;
  }
  const last = parse(file, cutter.rest(), count);
  if (last.length > 0) yield last;
}

async function* decoded(file: DataFile): AsyncGenerator<string> {
  const decoder = utf8Decoder();
  const decode = (bytes?: Buffer): string => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode();
    } catch (error) {
      if (!isBadEncoding(error)) throw error;
      throw invalidData(`${file.name} is not encoded as UTF-8; save it so.`);
    }
  };
  for await (const bytes of createReadStream(file.path, { highWaterMark: readAtOnceBytes }))
    yield decode(bytes as Buffer);
  yield decode();
}

/**
 * @param text whole rows
 * @param before rows before them
 */
function parse(file: DataFile, text: string, before: number): string[][] {
  if (text === '') return [];
  const { data, errors } = Papa.parse<string[]>(text.endsWith('\n') ? text.slice(0, -1) : text, {
    delimiter: ',',
    newline: '\n',
  });
  const unpaired = errors[0];
  // Where a row ends can no longer be known.
  if (unpaired) throw invalidData(`${file.name}: the quotes of row ${before + (unpaired.row ?? 0)} do not pair up.`);
  return data.filter((cells) => {
    const end = cells.length - 1;
    cells[end] = cells[end]?.replace(/\r$/, '') ?? '';
    return cells.length > 1 || cells[0]?.trim() !== '';
  });
}
