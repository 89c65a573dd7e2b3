import type { ByteReader } from './byte-reader.ts';
import { invalidData } from './data-failure.ts';
import {
  bytesOf,
  elementsOf,
  headerLength,
  parseHeader,
  preludeBytes,
  widthOf,
  type ArrayHeader,
  type NumberArray,
} from './numpy-array.ts';

/** One array in NumPy's format, read from its first row to its last. */
export class ArrayReader {
  readonly header: ArrayHeader;
  /** Numbers in a row. */
  readonly width: number;
  readonly rowBytes: number;
  readonly #name: string;
  readonly #bytes: ByteReader;

  private constructor(name: string, header: ArrayHeader, bytes: ByteReader) {
    this.#name = name;
    this.#bytes = bytes;
    this.header = header;
    this.width = widthOf(header);
    this.rowBytes = this.width * header.type.bytes;
  }

  /**
   * @param name as messages name the array
   * @param length bytes of the whole array, its header included
   * @throws TrainingFailure of reason InvalidData where it is none, or is longer or shorter than its header says
   */
  static async open(name: string, bytes: ByteReader, length: number): Promise<ArrayReader> {
    const prelude = await bytes.read(preludeBytes);
    const rest = await bytes.read(headerLength(prelude, name) - preludeBytes);
    const header = parseHeader(Buffer.concat([prelude, rest]), name);
    if (header.length + bytesOf(header) !== length) {
      throw invalidData(
        `${name} has the shape (${header.shape.join(', ')}), but ${length - header.length} bytes of elements.`,
      );
    }
    return new ArrayReader(name, header, bytes);
  }

  /** The numbers of the next rows, one row behind the other. */
  async read(rows: number): Promise<NumberArray> {
    const bytes = await this.#bytes.read(rows * this.rowBytes);
    if (bytes.length < rows * this.rowBytes) throw invalidData(`${this.#name} ends too early.`);
    return elementsOf(bytes, this.header.type);
  }

  async close(): Promise<void> {
    await this.#bytes.close();
  }
}

const readAtOnceBytes = 1024 * 1024;

/** How many rows to read at once, and so on to the last of them. */
export function* rowBlocks(rows: number, rowBytes: number): Generator<{ first: number; count: number }> {
  const most = Math.max(1, Math.floor(readAtOnceBytes / rowBytes));
  for (let first = 0; first < rows; first += most) yield { first, count: Math.min(most, rows - first) };
}
