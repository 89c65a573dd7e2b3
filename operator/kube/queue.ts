import { backoffMs, type BackoffOptions } from '../../lib/backoff.ts';
import type { Clock } from './clock.ts';
import type { Key } from './object.ts';

/** What a queue tells of itself, under the names that controller-runtime's dashboards know. */
export interface QueueObserver {
  added(): void;
  depth(keys: number): void;
  /** Seconds from due to begun. */
  waited(seconds: number): void;
  worked(seconds: number): void;
  retried(): void;
}

const retry: BackoffOptions = { baseMs: 1_000, maxMs: 300_000, jitter: 0.2 };

/**
 * Keys to look at, in order of time.
 *
 * - A key is in at most once, and with one worker at most once. Added while with a worker, it comes once more afterwards.
 * - Added again with another delay, the earlier time wins.
 * - Failures of a key back off from 1 s to 5 min, with jitter; `forget` ends that.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #observer: QueueObserver | undefined;
  /** Due keys, oldest first. The value is when they became due. */
  readonly #ready = new Map<Key, number>();
  readonly #later = new Map<Key, { dueMs: number; cancel: () => void }>();
  readonly #running = new Map<Key, number>();
  /** Due again while with a worker. */
  readonly #again = new Set<Key>();
  readonly #failures = new Map<Key, number>();
  readonly #takers: ((key: Key | undefined) => void)[] = [];
  #closed = false;

  constructor(clock: Clock, observer?: QueueObserver) {
    this.#clock = clock;
    this.#observer = observer;
  }

  /** Asks for a look at once. */
  add(key: Key): void {
    if (this.#closed) return;
    this.#later.get(key)?.cancel();
    this.#later.delete(key);
    if (this.#running.has(key)) {
      this.#again.add(key);
      return;
    }
    if (this.#ready.has(key)) return;
    this.#ready.set(key, this.#clock.monotonicMs());
    this.#observer?.added();
    this.#hand();
  }

  /** Asks for a look after a time; an earlier one that was asked for stands. */
  addAfter(key: Key, delayMs: number): void {
    if (this.#closed) return;
    if (delayMs <= 0) {
      this.add(key);
      return;
    }
    if (this.#ready.has(key) || this.#again.has(key)) return;
    const dueMs = this.#clock.monotonicMs() + delayMs;
    const known = this.#later.get(key);
    if (known !== undefined && known.dueMs <= dueMs) return;
    known?.cancel();
    // A timer holds 31 bits; nobody asks for 24 days.
    const cancel = this.#clock.after(Math.min(delayMs, 2 ** 31 - 1), () => this.add(key));
    this.#later.set(key, { dueMs, cancel });
  }

  /** Asks for another try after a failure: with backoff, and not before `atLeastMs`. */
  retry(key: Key, atLeastMs = 0): void {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#observer?.retried();
    this.addAfter(
      key,
      Math.max(
        atLeastMs,
        backoffMs(failures, retry, () => this.#clock.random()),
      ),
    );
  }

  /** How often the key failed in a row. */
  failures(key: Key): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The key went well: its next failure is its first. */
  forget(key: Key): void {
    this.#failures.delete(key);
  }

  /** The next due key, which the caller must give back with `done`; undefined once the queue is closed. */
  next(): Promise<Key | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#takers.push(resolve);
      this.#hand();
    });
  }

  done(key: Key): void {
    const begun = this.#running.get(key);
    this.#running.delete(key);
    if (begun !== undefined) this.#observer?.worked((this.#clock.monotonicMs() - begun) / 1000);
    if (this.#again.delete(key)) this.add(key);
  }

  /** Due, later and running keys. */
  get size(): number {
    return this.#ready.size + this.#later.size + this.#running.size;
  }

  /** Forgets everything; who waits gets undefined. Running keys may still be given back. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#later.values()) cancel();
    this.#later.clear();
    this.#ready.clear();
    this.#again.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #hand(): void {
    for (;;) {
      const first = this.#ready.entries().next().value;
      const taker = first === undefined ? undefined : this.#takers.shift();
      if (first === undefined || taker === undefined) break;
      const [key, dueMs] = first;
      const now = this.#clock.monotonicMs();
      this.#ready.delete(key);
      this.#running.set(key, now);
      this.#observer?.waited((now - dueMs) / 1000);
      taker(key);
    }
    this.#observer?.depth(this.#ready.size);
  }
}
