import type { DataSpec, TrainingJobFile } from '../../training-contract.ts';
import { ClassNames } from './class-names.ts';
import { rowShape, type ChosenColumns } from './columns.ts';
import type { Image } from './images.ts';
import { NumberRow, type CellProblem } from './number-row.ts';

/** What the bytes of a prepared row are, little-endian: the features, zeros up to a multiple of 4, the label. */
export interface RowLayout {
  /** Float32 numbers, or the levels of an image's pixels, a byte each. */
  features: 'Numbers' | 'Levels';
  /** Of the features. */
  shape: number[];
  /** Bytes before the label. */
  labelAt: number;
  /** Float32 numbers of the label; 'Class' where it is one uint32, as `ClassNames` met it. */
  label: 'Class' | number;
  /** Bytes of a row. */
  length: number;
}

/** Makes rows of bytes of rows of cells. The first good row settles the layout. */
export class RowEncoder {
  readonly #data: DataSpec;
  readonly #chosen: ChosenColumns;
  readonly #features: NumberRow;
  readonly #target: NumberRow;
  readonly #classes: ClassNames | undefined;
  readonly #class = new Uint32Array(1);
  readonly #classBytes = new Uint8Array(this.#class.buffer);
  #encoded: { layout: RowLayout; bytes: Buffer } | undefined;

  constructor(data: DataSpec, loss: TrainingJobFile['loss'], chosen: ChosenColumns) {
    this.#data = data;
    this.#chosen = chosen;
    this.#features = new NumberRow(chosen.features, data.scale);
    this.#target = new NumberRow([chosen.label], 1);
    this.#classes = loss === 'CrossEntropy' ? new ClassNames(chosen.label) : undefined;
  }

  /** Of all rows; undefined before the first good one. */
  get layout(): RowLayout | undefined {
    return this.#encoded?.layout;
  }

  /** Undefined where labels are numbers. */
  get classes(): ClassNames | undefined {
    return this.#classes;
  }

  /**
   * @param cells those of the features or of the image, then that of the label
   * @param image what is in the cell of the image, where there is one
   * @returns the row, until the next one is encoded; or what is wrong with it
   */
  encode(cells: ArrayLike<unknown>, image: Image | undefined): { bytes: Buffer } | CellProblem {
    const features = this.#readFeatures(cells, image);
    if ('problem' in features) return features;
    const labelCell = cells[image ? 1 : this.#chosen.features.length];
    const label = this.#readLabel(labelCell);
    if ('problem' in label) return { column: this.#chosen.label, problem: label.problem };
    const { layout, bytes } = (this.#encoded ??= this.#settle(features.bytes, label.bytes));
    bytes.set(features.bytes, 0);
    bytes.set(label.bytes, layout.labelAt);
    return { bytes };
  }

  #readFeatures(cells: ArrayLike<unknown>, image: Image | undefined): { bytes: Uint8Array } | CellProblem {
    if (!image) return this.#features.read(cells, 0) ?? this.#features;
    return 'problem' in image ? { column: this.#chosen.image ?? '', ...image } : { bytes: image.pixels };
  }

  #readLabel(cell: unknown): { bytes: Uint8Array } | { problem: string } {
    if (!this.#classes) return this.#target.read([cell], 0) ?? this.#target;
    const found = this.#classes.nameIn(cell);
    if ('problem' in found) return found;
    this.#class[0] = this.#classes.indexOf(found.name);
    return { bytes: this.#classBytes };
  }

  #settle(features: Uint8Array, label: Uint8Array): { layout: RowLayout; bytes: Buffer } {
    const { image } = this.#data;
    const labelAt = Math.ceil(features.length / 4) * 4;
    const length = labelAt + label.length;
    const layout: RowLayout = {
      features: image ? 'Levels' : 'Numbers',
      shape: image
        ? [image.channels, image.height, image.width]
        : rowShape(this.#data, this.#chosen.shape, features.length / 4),
      labelAt,
      label: this.#classes ? 'Class' : label.length / 4,
      length,
    };
    return { layout, bytes: Buffer.alloc(length) };
  }
}
