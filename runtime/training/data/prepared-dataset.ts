import type { DataInput, LabelSpec } from '../training-graph.ts';
import type { Dataset, Rows, SplitName } from './dataset.ts';
import type { Prepared } from './prepare.ts';
import type { RowPlaces } from './row-file.ts';
import type { Splits } from './splits.ts';

/** Rows of a file as batches. */
export class PreparedDataset implements Dataset {
  readonly digest: string;
  readonly rows: number;
  readonly badRows: number;
  readonly features: DataInput;
  readonly label: LabelSpec;
  readonly featureNames: string[] | undefined;
  readonly classes: string[] | undefined;
  readonly #prepared: Prepared;
  readonly #splits: Splits;
  /** What rows were read into. */
  readonly #spares: Buffer[] = [];
  /** The value of each level of a pixel. */
  readonly #levels: Float32Array;

  /** @param scale of the features */
  constructor(digest: string, prepared: Prepared, splits: Splits, scale: number) {
    const { layout, columns, classes } = prepared;
    this.digest = digest;
    this.rows = prepared.rows;
    this.badRows = prepared.badRows;
    this.features = {
      name: layout.features === 'Levels' ? 'image' : 'features',
      dataType: 'FP32',
      shape: [-1, ...layout.shape],
    };
    this.label =
      layout.label === 'Class'
        ? { kind: 'Classes', classes: classes?.names.length ?? 0 }
        : { kind: 'Values', width: layout.label };
    const [width, ...deeper] = layout.shape;
    this.featureNames = deeper.length === 0 && width === columns.length ? columns : undefined;
    this.classes = classes?.names;
    this.#prepared = prepared;
    this.#splits = splits;
    this.#levels = Float32Array.from({ length: 256 }, (_, level) => (level / 255) * scale);
  }

  get split(): Record<SplitName, number> {
    return this.#splits.sizes;
  }

  async read(split: SplitName, epoch: number, from: number, to: number, inputName: string): Promise<Rows> {
    const { file, layout } = this.#prepared;
    const rows = Float64Array.from({ length: to - from }, (_, i) => this.#splits.rowAt(split, epoch, from + i));
    let spare: Buffer | undefined;
    const places = await file.read(rows, (bytes) => (spare = this.#memoryFor(bytes)));
    const read: Rows = {
      count: rows.length,
      inputs: new Map([[inputName, { data: this.#featuresAt(places), shape: [rows.length, ...layout.shape] }]]),
      labels: this.#labelsAt(places),
    };
    // Not where reading failed: other parts of it may still come.
    if (spare) this.#spares.push(spare);
    return read;
  }

  async close(): Promise<void> {
    await this.#prepared.file.close();
  }

  /** New memory for every read would keep the garbage collector busy. */
  #memoryFor(bytes: number): Buffer {
    const spare = this.#spares.pop();
    return spare && spare.length >= bytes ? spare : Buffer.allocUnsafeSlow(bytes);
  }

  #featuresAt({ bytes, offsets }: RowPlaces): Float32Array<ArrayBuffer> {
    const { layout } = this.#prepared;
    const width = layout.shape.reduce((product, size) => product * size, 1);
    const result = new Float32Array(offsets.length * width);
    for (let row = 0; row < offsets.length; row++) {
      const at = bytes.byteOffset + (offsets[row] ?? 0);
      if (layout.features === 'Numbers') result.set(new Float32Array(bytes.buffer, at, width), row * width);
      else
        new Uint8Array(bytes.buffer, at, width).forEach((level, i) => {
          result[row * width + i] = this.#levels[level] ?? 0;
        });
    }
    return result;
  }

  #labelsAt({ bytes, offsets }: RowPlaces): Rows['labels'] {
    const { layout, classes } = this.#prepared;
    const count = offsets.length;
    const at = (row: number): number => bytes.byteOffset + (offsets[row] ?? 0) + layout.labelAt;
    if (layout.label === 'Class') {
      const data = BigInt64Array.from({ length: count }, (_, row) => {
        const [met = 0] = new Uint32Array(bytes.buffer, at(row), 1);
        return BigInt(classes?.numbers[met] ?? 0);
      });
      return { data, shape: [count] };
    }
    const data = new Float32Array(count * layout.label);
    for (let row = 0; row < count; row++) {
      data.set(new Float32Array(bytes.buffer, at(row), layout.label), row * layout.label);
    }
    return { data, shape: [count, layout.label] };
  }
}
