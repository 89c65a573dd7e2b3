import type { Clock } from '../../operator/kube/clock.ts';

/** Time that moves only when told. */
export class ManualClock implements Clock {
  #ms = 0;
  readonly #random: () => number;
  readonly #timers = new Set<{ atMs: number; callback: () => void }>();

  constructor(random: () => number = () => 0.5) {
    this.#random = random;
  }

  now(): Date {
    return new Date(1_800_000_000_000 + this.#ms);
  }

  monotonicMs(): number {
    return this.#ms;
  }

  random(): number {
    return this.#random();
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { atMs: this.#ms + ms, callback };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Milliseconds until the next timer; undefined where none is set. */
  get nextMs(): number | undefined {
    const times = [...this.#timers].map(({ atMs }) => atMs - this.#ms);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Runs every timer on the way, in order of time. */
  advance(ms: number): void {
    const end = this.#ms + ms;
    for (;;) {
      const due = [...this.#timers].filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#ms = Math.max(this.#ms, due.atMs);
      due.callback();
    }
    this.#ms = end;
  }
}
