import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { TrainingFailure } from '../../errors.ts';
import { invalidData, shown } from './data-failure.ts';
import { limits } from './limits.ts';
import type { ParquetAnswer, ParquetRequest } from './parquet-messages.ts';
import type { Column, DataFile, Format, Selection, TableRow } from './table.ts';

/** Apache Parquet: numbers, text, bytes, and lists of numbers; uncompressed or in Snappy, gzip, Brotli or Zstandard. */
export const parquet = parquetWithin(120_000);

/** @param patienceMs how long decoding one part may take */
export function parquetWithin(patienceMs: number): Format {
  const start = (file: DataFile): ParquetChild => new ParquetChild(file, patienceMs);
  return {
    columns: (file) => columns(start(file)),
    rows: (file, selection) => rows(file, start(file), selection),
  };
}

const program = fileURLToPath(new URL('./parquet-child.ts', import.meta.url));

/** What the process that decodes may use of JavaScript's memory. */
const heapMebibytes = 2_048;

async function columns(child: ParquetChild): Promise<Column[]> {
  try {
    return (await child.open()).map((name) => ({ name }));
  } finally {
    child.close();
  }
}

async function* rows(file: DataFile, child: ParquetChild, { columns: names }: Selection): AsyncGenerator<TableRow[]> {
  try {
    const own = await child.open();
    const missing = names.find((name) => !own.includes(name));
    if (missing !== undefined) throw invalidData(`${file.name} has no column ${shown(missing)}.`);
    let before = 0;
    for (let cells = await child.read(names); cells; cells = await child.read(names)) {
      const block = cells;
      const count = block[0]?.length ?? 0;
      const first = before + 1;
      yield Array.from({ length: count }, (_, row) => ({
        number: first + row,
        cells: block.map((column) => bytesIn(column[row])),
      }));
      before += count;
    }
  } finally {
    child.close();
  }
}

/** Bytes as a Buffer; so are the images of Hugging Face's data sets, `{ bytes, path }`. */
function bytesIn(cell: unknown): unknown {
  if (typeof cell !== 'object' || cell === null) return cell;
  if ('bytes' in cell) return bytesIn(cell.bytes);
  return cell instanceof Uint8Array ? Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength) : cell;
}

/** The process that decodes a file. It dies with its handle, and takes down nobody. */
class ParquetChild {
  readonly #file: DataFile;
  readonly #patienceMs: number;
  readonly #process: ChildProcess;
  /** Resolves with what its end means for the file. */
  readonly #ended: Promise<Error>;

  constructor(file: DataFile, patienceMs: number) {
    this.#file = file;
    this.#patienceMs = patienceMs;
    this.#process = fork(program, {
      env: {},
      execArgv: [`--max-old-space-size=${heapMebibytes}`],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#ended = new Promise((resolve) => {
      this.#process.once('exit', (_code, signal) => resolve(this.#failureOf(signal)));
      this.#process.once('error', resolve);
    });
  }

  /** @returns the names of the columns */
  async open(): Promise<string[]> {
    const answer = await this.#ask({ type: 'Open', path: this.#file.path });
    const names = answer.type === 'Opened' ? answer.columns : [];
    if (names.length > limits.columns) {
      throw invalidData(`${this.#file.name} has ${names.length} columns, and at most ${limits.columns} are possible.`);
    }
    return names;
  }

  /** @returns the cells of each column for the next rows; undefined behind the last */
  async read(names: readonly string[]): Promise<ArrayLike<unknown>[] | undefined> {
    const answer = await this.#ask({ type: 'Read', columns: [...names] });
    return answer.type === 'Rows' ? answer.cells : undefined;
  }

  close(): void {
    this.#process.kill('SIGKILL');
  }

  async #ask(request: ParquetRequest): Promise<ParquetAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<ParquetAnswer>();
    const receive = (message: unknown): void => resolve(message as ParquetAnswer);
    this.#process.once('message', receive);
    void this.#ended.then(reject);
    const timer = setTimeout(() => reject(this.#tooSlow()), this.#patienceMs);
    // Where it cannot be sent the process has ended.
    this.#process.send(request, () => undefined);
    try {
      const answer = await promise;
      if (answer.type !== 'Failed') return answer;
      throw invalidData(`${this.#file.name} is no parquet file that can be read: ${shown(answer.message, 200)}.`);
    } finally {
      clearTimeout(timer);
      this.#process.off('message', receive);
    }
  }

  #tooSlow(): Error {
    return invalidData(`A part of ${this.#file.name} takes longer than ${this.#patienceMs / 1000} seconds to decode.`);
  }

  #failureOf(signal: string | null): Error {
    if (signal !== 'SIGKILL') {
      return invalidData(
        `A part of ${this.#file.name} takes more than ${heapMebibytes} MiB to decode: write it with smaller row groups (row_group_size).`,
      );
    }
    return new TrainingFailure({
      reason: 'OutOfMemory',
      message: `The memory of the pod is not enough to decode ${this.#file.name}: write it with smaller row groups (row_group_size), or give the pod more.`,
      retrying: true,
    });
  }
}
