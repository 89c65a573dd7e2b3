import { open, rm, type FileHandle } from 'node:fs/promises';
import { systemCode } from '../../store/errors.ts';
import { noRoom } from './data-failure.ts';

const writtenAtOnceBytes = 1024 * 1024;
const readsAtOnce = 8;

/** Writes rows of one size, one behind the other. What the file held before is lost. */
export class RowFileWriter {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #rowBytes: number;
  readonly #buffer: Buffer;
  #used = 0;
  #rows = 0;

  private constructor(path: string, file: FileHandle, rowBytes: number) {
    this.#path = path;
    this.#file = file;
    this.#rowBytes = rowBytes;
    this.#buffer = Buffer.alloc(Math.max(1, Math.floor(writtenAtOnceBytes / rowBytes)) * rowBytes);
  }

  static async create(path: string, rowBytes: number): Promise<RowFileWriter> {
    return new RowFileWriter(path, await open(path, 'w+', 0o600), rowBytes);
  }

  get rows(): number {
    return this.#rows;
  }

  /** Where it is, `flush` must come before the next `append`. */
  get isFull(): boolean {
    return this.#used === this.#buffer.length;
  }

  /** @param row all its bytes, which are copied */
  append(row: Uint8Array): void {
    this.#buffer.set(row, this.#used);
    this.#used += this.#rowBytes;
    this.#rows += 1;
  }

  /** @throws TrainingFailure of reason StorageFull */
  async flush(): Promise<void> {
    try {
      for (let done = 0; done < this.#used;) {
        done += (await this.#file.write(this.#buffer, done, this.#used - done)).bytesWritten;
      }
    } catch (error) {
      if (!['ENOSPC', 'EDQUOT', 'EFBIG'].includes(systemCode(error) ?? '')) throw error;
      throw noRoom('The prepared data do not fit on the disk of the pod: give it more ephemeral storage.');
    }
    this.#used = 0;
  }

  /** Goes over to reading. */
  async finish(memoryBytes: number): Promise<RowFile> {
    await this.flush();
    const bytes = this.#rows * this.#rowBytes;
    const file = new RowFile(this.#path, this.#file, this.#rowBytes);
    if (bytes <= memoryBytes) await file.hold(bytes);
    return file;
  }

  async abandon(): Promise<void> {
    await this.#file.close();
    await rm(this.#path, { force: true });
  }
}

/** Where rows lie: each begins at its offset in the bytes. */
export interface RowPlaces {
  bytes: Buffer;
  offsets: ArrayLike<number>;
}

/** Rows by their numbers, in any order. */
export class RowFile {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #rowBytes: number;
  #held: Buffer | undefined;

  constructor(path: string, file: FileHandle, rowBytes: number) {
    this.#path = path;
    this.#file = file;
    this.#rowBytes = rowBytes;
  }

  /** Reads all into memory, for good. */
  async hold(bytes: number): Promise<void> {
    const content = Buffer.allocUnsafeSlow(bytes);
    await this.#fill(content, 0);
    this.#held = content;
  }

  /** Finds rows, in the given order. They must not be changed. @param memory for so many bytes, or more, where they are on the disk */
  async read(rows: Float64Array, memory: (bytes: number) => Buffer): Promise<RowPlaces> {
    const size = this.#rowBytes;
    if (this.#held) return { bytes: this.#held, offsets: rows.map((row) => row * size) };
    const into = memory(rows.length * size);
    const runs = runsOf(rows);
    const readNext = async (): Promise<void> => {
      for (let run = runs.pop(); run; run = runs.pop()) {
        const places = run.places;
        const bytes = places.length === 1 ? into.subarray((places[0] ?? 0) * size) : Buffer.alloc(places.length * size);
        await this.#fill(bytes.subarray(0, places.length * size), run.from * size);
        if (places.length > 1) places.forEach((place, i) => bytes.copy(into, place * size, i * size, (i + 1) * size));
      }
    };
    await Promise.all(Array.from({ length: Math.min(readsAtOnce, runs.length) }, readNext));
    return { bytes: into, offsets: rows.map((_, index) => index * size) };
  }

  async #fill(buffer: Buffer, position: number): Promise<void> {
    for (let done = 0; done < buffer.length;) {
      const { bytesRead } = await this.#file.read(buffer, done, buffer.length - done, position + done);
      if (bytesRead === 0) throw new Error('the prepared data end too early');
      done += bytesRead;
    }
  }

  /** The file goes, too. */
  async close(): Promise<void> {
    this.#held = undefined;
    await this.#file.close();
    await rm(this.#path, { force: true });
  }
}

/** Rows that lie behind each other in the file, and where each belongs in the result. */
interface Run {
  from: number;
  places: number[];
}

const longestRun = 1_024;

function runsOf(rows: ArrayLike<number>): Run[] {
  const order = Array.from({ length: rows.length }, (_, place) => place);
  order.sort((a, b) => (rows[a] ?? 0) - (rows[b] ?? 0));
  const runs: Run[] = [];
  for (const place of order) {
    const row = rows[place] ?? 0;
    const last = runs[runs.length - 1];
    if (last && last.from + last.places.length === row && last.places.length < longestRun) last.places.push(place);
    else runs.push({ from: row, places: [place] });
  }
  return runs;
}
