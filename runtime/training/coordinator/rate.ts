/** What is counted lies in the last so many milliseconds. */
const windowMs = 15_000;
const marksEveryMs = 250;

/** How fast samples go by, over the last while. */
export class Rate {
  readonly #now: () => number;
  /** How many samples there had been at some times, the oldest first. */
  #marks: { atMs: number; samples: number }[] = [];
  #samples = 0;

  /** @param now monotonic, in milliseconds */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Training begins, or goes on after it stood still. */
  restart(): void {
    this.#marks = [{ atMs: this.#now(), samples: this.#samples }];
  }

  add(samples: number): void {
    const atMs = this.#now();
    this.#samples += samples;
    const last = this.#marks[this.#marks.length - 1];
    if (last && atMs - last.atMs < marksEveryMs) return;
    this.#marks.push({ atMs, samples: this.#samples });
    while (this.#marks.length > 2 && (this.#marks[1]?.atMs ?? 0) < atMs - windowMs) this.#marks.shift();
  }

  /** Undefined before there is anything to go by. */
  get perSecond(): number | undefined {
    const [first] = this.#marks;
    const elapsedMs = first ? this.#now() - first.atMs : 0;
    if (!first || elapsedMs < marksEveryMs || this.#samples === first.samples) return undefined;
    return ((this.#samples - first.samples) / elapsedMs) * 1_000;
  }
}
