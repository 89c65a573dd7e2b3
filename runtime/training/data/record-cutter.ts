/**
 * Cuts text behind the last line break that no quotes enclose, so that each part holds whole rows. A quote opens at the start
 * of a cell alone; elsewhere it is a character like others.
 */
export class RecordCutter {
  /** Text of the row whose end has not come. */
  #parts: string[] = [];
  #waiting = 0;
  #isQuoted = false;
  /** The last character before the text at hand. */
  #before = '\n';
  /** Where in the text at hand the last quote closed; -1 is right before it. */
  #closed = -2;

  /** Characters of the row whose end has not come. */
  get waiting(): number {
    return this.#waiting;
  }

  /** @returns the rows that end in the text, from where the ones returned before ended */
  add(text: string): string {
    const end = this.#lastEnd(text);
    this.#before = text[text.length - 1] ?? this.#before;
    this.#closed -= text.length;
    if (end === 0) {
      this.#keep(text);
      return '';
    }
    const whole = this.#parts.join('') + text.slice(0, end);
    this.#parts = [];
    this.#waiting = 0;
    this.#keep(text.slice(end));
    return whole;
  }

  /** The row that has no line break behind it. */
  rest(): string {
    return this.#parts.join('');
  }

  #keep(text: string): void {
    this.#parts.push(text);
    this.#waiting += text.length;
  }

  /** Pairs the quotes of the text, and says where its last row ends. */
  #lastEnd(text: string): number {
    let end = 0;
    for (let from = 0; from < text.length;) {
      const found = text.indexOf('"', from);
      const quote = found < 0 ? text.length : found;
      if (!this.#isQuoted) {
        const lineBreak = text.slice(from, quote).lastIndexOf('\n');
        if (lineBreak >= 0) end = from + lineBreak + 1;
      }
      if (found >= 0) this.#meetQuote(text, quote);
      from = quote + 1;
    }
    return end;
  }

  #meetQuote(text: string, at: number): void {
    if (this.#isQuoted) {
      this.#isQuoted = false;
      this.#closed = at;
      return;
    }
    const before = at === 0 ? this.#before : text[at - 1];
    this.#isQuoted = before === ',' || before === '\n' || this.#closed === at - 1;
  }
}
