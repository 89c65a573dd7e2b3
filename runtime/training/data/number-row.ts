import { invalidData } from './data-failure.ts';
import { limits } from './limits.ts';
import { flatten, isList, numberOf, numberProblem } from './numbers.ts';

/** What is wrong with one cell. */
export interface CellProblem {
  column: string;
  problem: string;
}

/**
 * Makes one row of float32 of the cells of some columns. How many numbers a column has is settled by the first row all of whose
 * cells can be read; rows that differ from it are bad.
 */
export class NumberRow {
  readonly #columns: readonly string[];
  readonly #scale: number;
  #widths: readonly number[] | undefined;
  #values = new Float32Array(0);
  #bytes = new Uint8Array(0);

  constructor(columns: readonly string[], scale: number) {
    this.#columns = columns;
    this.#scale = scale;
  }

  /** The row that was last read without a problem; the next one overwrites it. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /**
   * @param cells those of the columns, in order, from `offset` on
   * @returns what is wrong, with the first cell in which something is
   */
  read(cells: ArrayLike<unknown>, offset: number): CellProblem | undefined {
    return this.#widths ? this.#readKnown(cells, offset, this.#widths) : this.#readFirst(cells, offset);
  }

  #readKnown(cells: ArrayLike<unknown>, offset: number, widths: readonly number[]): CellProblem | undefined {
    let at = 0;
    for (let i = 0; i < widths.length; i++) {
      const cell = cells[offset + i];
      const width = widths[i] ?? 0;
      if (width === 1 && typeof cell !== 'object') {
        const value = Math.fround(numberOf(cell) * this.#scale);
        if (!Number.isFinite(value)) return this.#problem(i, numberProblem(cell, this.#scale));
        this.#values[at] = value;
      } else {
        const problem = this.#readList(cell, at, width);
        if (problem !== undefined) return this.#problem(i, problem);
      }
      at += width;
    }
    return undefined;
  }

  #readList(cell: unknown, at: number, width: number): string | undefined {
    if (!isList(cell)) return Number.isNaN(numberOf(cell)) ? numberProblem(cell, 1) : `holds 1 number, not ${width}`;
    const list = flatten(cell);
    if (!list) return tooDeep;
    if (list.length !== width) return `holds ${list.length} ${list.length === 1 ? 'number' : 'numbers'}, not ${width}`;
    for (let i = 0; i < width; i++) {
      const value = Math.fround(numberOf(list[i]) * this.#scale);
      if (!Number.isFinite(value)) return numberProblem(list[i], this.#scale);
      this.#values[at + i] = value;
    }
    return undefined;
  }

  #readFirst(cells: ArrayLike<unknown>, offset: number): CellProblem | undefined {
    const widths: number[] = [];
    for (const index of this.#columns.keys()) {
      const list = flatten(cells[offset + index]);
      if (!list) return this.#problem(index, tooDeep);
      const wrong = list.findIndex((value: unknown) => !Number.isFinite(Math.fround(numberOf(value) * this.#scale)));
      if (wrong >= 0) return this.#problem(index, numberProblem(list[wrong], this.#scale));
      if (list.length === 0) return this.#problem(index, 'holds no numbers');
      widths.push(list.length);
    }
    const length = widths.reduce((sum, width) => sum + width, 0);
    if (length > limits.rowValues) {
      throw invalidData(`A row holds ${length} numbers, and at most ${limits.rowValues} are possible.`);
    }
    this.#values = new Float32Array(length);
    this.#bytes = new Uint8Array(this.#values.buffer);
    this.#widths = widths;
    return this.#readKnown(cells, offset, widths);
  }

  #problem(index: number, problem: string): CellProblem {
    return { column: this.#columns[index] ?? '', problem };
  }
}

const tooDeep = `holds arrays within arrays deeper than ${limits.nesting}, or more than ${limits.rowValues} values`;
