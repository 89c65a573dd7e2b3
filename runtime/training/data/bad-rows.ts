import { badRows, shown } from './data-failure.ts';

const listed = 10;

/** Counts rows that are left out, and remembers the first few for the message that refuses the data. */
export class BadRows {
  readonly #most: number;
  readonly #first: string[] = [];
  #count = 0;

  /** @param most how many may be left out */
  constructor(most: number) {
    this.#most = most;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * @param column undefined where the whole row is meant
   * @throws TrainingFailure of reason BadRows, once they are too many and enough are known to list
   */
  add(file: string, row: number, column: string | undefined, problem: string): void {
    this.#count += 1;
    if (this.#first.length < listed) {
      const place = column === undefined ? `row ${row}` : `row ${row}, column ${shown(column)}`;
      this.#first.push(`${file} ${place}: ${problem}`);
    }
    if (this.#count > this.#most && this.#count >= listed) this.#refuse(`At least ${this.#count} rows`);
  }

  /**
   * To be called at the end of the data.
   *
   * @throws TrainingFailure of reason BadRows where they are too many
   */
  settle(rows: number): void {
    if (this.#count > this.#most) this.#refuse(`${this.#count} of ${rows} rows`);
  }

  #refuse(subject: string): never {
    throw badRows(
      `${subject} cannot be used, and spec.train.data.maxBadRows is ${this.#most}: correct them, or allow more. ` +
        `${this.#first.join('; ')}.`,
    );
  }
}
