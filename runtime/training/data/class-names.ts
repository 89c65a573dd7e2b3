import { invalidData } from './data-failure.ts';
import { limits } from './limits.ts';
import { describe, isList } from './numbers.ts';

/** Classes are numbered as they are met; `numbering` gives each its number in order once all are known. */
export class ClassNames {
  readonly #indexes = new Map<string, number>();
  readonly #column: string;

  constructor(column: string) {
    this.#column = column;
  }

  /**
   * @returns the class as text that `indexOf` takes, or what is wrong with the cell
   */
  nameIn(cell: unknown): { name: string } | { problem: string } {
    const name = textOf(cell);
    if (name === undefined) return { problem: `is no class (${describe(cell)})` };
    if (name === '') return { problem: 'is missing' };
    if (name.length > limits.classNameLength) return { problem: `is longer than ${limits.classNameLength} characters` };
    return { name };
  }

  /** @throws TrainingFailure of reason InvalidData where there are too many classes */
  indexOf(name: string): number {
    const known = this.#indexes.get(name);
    if (known !== undefined) return known;
    const index = this.#indexes.size;
    if (index === limits.classes) {
      throw invalidData(
        `The column ${this.#column} of spec.train.data.label has more than ${limits.classes} different values. ` +
          'Numbers to be predicted take spec.train.loss: MeanSquaredError.',
      );
    }
    this.#indexes.set(copied(name), index);
    return index;
  }

  /**
   * The final number of each index: in the order of the numbers where all names are whole numbers (3, 3.0 and 03 are the same
   * one), else in the order of UTF-16 code units.
   */
  numbering(): { names: string[]; numbers: Uint32Array } {
    const met = [...this.#indexes.keys()];
    const whole = met.map(wholeNumber);
    const areNumbers = !whole.includes(undefined);
    const own = areNumbers ? whole.map(String) : met;
    const distinct = [...new Set(own)];
    const names = areNumbers ? distinct.sort((a, b) => Number(a) - Number(b)) : distinct.sort();
    const places = new Map(names.map((name, place) => [name, place]));
    return { names, numbers: Uint32Array.from(own, (name) => places.get(name) ?? 0) };
  }
}

function textOf(cell: unknown): string | undefined {
  if (cell === undefined || cell === null) return '';
  if (typeof cell === 'string') return cell.trim();
  if (typeof cell === 'number') return Number.isNaN(cell) ? '' : String(cell);
  if (typeof cell === 'bigint' || typeof cell === 'boolean') return String(cell);
  if (Buffer.isBuffer(cell)) return cell.toString('utf8').trim();
  return isList(cell) && cell.length === 1 && !isList(cell[0]) ? textOf(cell[0]) : undefined;
}

function wholeNumber(name: string): number | undefined {
  const number = Number(name);
  return /^[+-]?\d+(\.0*)?$/.test(name) && Number.isSafeInteger(number) ? number : undefined;
}

/** A part of a text keeps the whole in memory; a copy does not. */
const copied = (text: string): string => Buffer.from(text, 'utf8').toString('utf8');
