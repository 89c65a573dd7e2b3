/**
 * Reads one parquet file for the process that started this one. Apart, because a file may claim to decode to anything: then
 * this process ends, and no other. It ends with the channel to its parent.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib';
import {
  parquetMetadataAsync,
  parquetScan,
  parquetSchema,
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
  type RowGroup,
} from 'hyparquet';
import type { ParquetAnswer, ParquetRequest } from './parquet-messages.ts';

const mebi = 1024 * 1024;
/** Of the footer, and of one page. */
const footerBytes = 64 * mebi;
const pageBytes = 512 * mebi;
/** Of a column within a row group: as it lies in the file, and decoded, where it can only be decoded whole. */
const chunkBytes = 1024 * mebi;
/** Decoded at once of columns that can be decoded in parts. */
const windowBytes = 16 * mebi;

const cure = 'write it with smaller row groups (row_group_size)';

/** Native decompressors; each stops where a page turns out larger than it says. */
const inflate =
  (decompress: (input: Uint8Array, options: { maxOutputLength: number }) => Uint8Array) =>
  (input: Uint8Array, length: number): Uint8Array => {
    if (length > pageBytes) throw new Error(`a page of ${length} bytes is too large; ${cure}`);
    return decompress(input, { maxOutputLength: length });
  };

const compressors: Compressors = {
  GZIP: inflate(gunzipSync),
  BROTLI: inflate(brotliDecompressSync),
  ZSTD: inflate(zstdDecompressSync),
  LZ4: refuse,
  LZ4_RAW: refuse,
  LZO: refuse,
};

function refuse(): never {
  throw new Error('it is compressed in a way that is not supported; write it with snappy, zstd, gzip or brotli');
}

function bufferOf(file: FileHandle, byteLength: number): AsyncBuffer {
  return {
    byteLength,
    slice: async (start, end = byteLength) => {
      if (!(start >= 0 && start <= end && end <= byteLength)) throw new Error('it points beyond its end');
      if (end - start > chunkBytes) throw new Error(`a part of ${end - start} bytes is too large; ${cure}`);
      const content = new ArrayBuffer(end - start);
      for (let done = 0; done < content.byteLength;) {
        const { bytesRead } = await file.read(new Uint8Array(content, done), { position: start + done });
        if (bytesRead === 0) throw new Error('it ends too early');
        done += bytesRead;
      }
      return content;
    },
  };
}

class ParquetReader {
  readonly columns: string[];
  readonly #file: AsyncBuffer;
  readonly #metadata: FileMetaData;
  #blocks: AsyncGenerator<ArrayLike<unknown>[]> | undefined;

  private constructor(file: AsyncBuffer, metadata: FileMetaData) {
    this.#file = file;
    this.#metadata = metadata;
    this.columns = parquetSchema(metadata).children.map(({ element }) => element.name);
  }

  static async open(path: string): Promise<ParquetReader> {
    const handle = await open(path);
    const file = bufferOf(handle, (await handle.stat()).size);
    const end = Buffer.from(await file.slice(Math.max(0, file.byteLength - 8), file.byteLength));
    if (end.length < 8 || end.toString('latin1', 4) !== 'PAR1') throw new Error('it does not end in PAR1');
    if (end.readUInt32LE() > footerBytes) throw new Error('its footer is too large');
    const metadata = await parquetMetadataAsync(file, { geoparquet: false });
    const rows = metadata.row_groups.reduce((sum, { num_rows }) => sum + Number(num_rows), 0);
    if (rows !== Number(metadata.num_rows)) throw new Error('its parts hold other rows than its footer says');
    return new ParquetReader(file, metadata);
  }

  async next(columns: string[]): Promise<ArrayLike<unknown>[] | undefined> {
    this.#blocks ??= this.#read(columns);
    const next = await this.#blocks.next();
    return next.done === true ? undefined : next.value;
  }

  async *#read(columns: string[]): AsyncGenerator<ArrayLike<unknown>[]> {
    const scan = await parquetScan({ file: this.#file, metadata: this.#metadata, columns, compressors, utf8: false });
    let groupStart = 0;
    for (const group of this.#metadata.row_groups) {
      const groupEnd = groupStart + Number(group.num_rows);
      const sizes = columns.map((column) => this.#sizeOf(group, column));
      const windows = Math.ceil(sizes.reduce((sum, { bytes }) => sum + bytes, 0) / windowBytes);
      const step = Math.max(1, Math.ceil((groupEnd - groupStart) / Math.max(1, windows)));
      for (let from = groupStart; from < groupEnd; from += step) {
        const to = Math.min(groupEnd, from + step);
        const cells: ArrayLike<unknown>[] = [];
        for (const [index, column] of columns.entries()) {
          // What is decoded whole is kept by the scan, and handed out in parts.
          if (sizes[index]?.isNested) await scan.readColumn({ column, rowStart: groupStart, rowEnd: groupEnd });
          const values = await scan.readColumn({ column, rowStart: from, rowEnd: to });
          if (values.length !== to - from) throw new Error(`the column ${column} holds too few values`);
          cells.push(compact(values));
        }
        yield cells;
      }
      groupStart = groupEnd;
    }
  }

  /** About how much memory a column of a row group takes when decoded. */
  #sizeOf(group: RowGroup, column: string): { bytes: number; isNested: boolean } {
    const chunks = group.columns.flatMap(({ meta_data }) =>
      meta_data?.path_in_schema[0] === column ? [meta_data] : [],
    );
    const isNested = chunks.some(({ path_in_schema }) => path_in_schema.length > 1);
    const bytes = chunks.reduce(
      (sum, { num_values, total_uncompressed_size }) =>
        sum + Math.max(8 * Number(num_values), Number(total_uncompressed_size)),
      0,
    );
    if (isNested && bytes > chunkBytes) {
      throw new Error(`the column ${column} takes ${bytes} bytes in a group of ${group.num_rows} rows; ${cure}`);
    }
    return { bytes, isNested };
  }
}

/** Numbers as typed arrays, which travel faster. */
function compact(values: ArrayLike<unknown>): ArrayLike<unknown> {
  if (!Array.isArray(values)) return values;
  if (values.every((value) => typeof value === 'number')) return Float64Array.from(values);
  return values.map((value: unknown) => (Array.isArray(value) ? compact(value) : value));
}

let reader: ParquetReader | undefined;

async function answer(request: ParquetRequest): Promise<ParquetAnswer> {
  if (request.type === 'Open') {
    reader = await ParquetReader.open(request.path);
    return { type: 'Opened', columns: reader.columns };
  }
  const cells = await reader?.next(request.columns);
  return cells ? { type: 'Rows', cells } : { type: 'End' };
}

/** Without the path that the system's errors hold. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'syscall' in error && 'code' in error ? String(error.code) : error.message;
}

process.on('message', (request: ParquetRequest) => {
  void answer(request)
    .catch((error: unknown): ParquetAnswer => {
      return { type: 'Failed', message: messageOf(error) };
    })
    .then((message) => process.send?.(message));
});
