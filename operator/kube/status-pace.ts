import type { Clock } from './clock.ts';
import type { Key } from './object.ts';

/** At most one status write to an object in this time, where it is not urgent. */
const statusIntervalMs = 5_000;

/** When the status of each object was last written, and what. */
export class StatusPace {
  readonly #clock: Clock;
  readonly #last = new Map<Key, { uid: string; atMs: number; hash: string }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How long a write has to wait; 0 for the first of an incarnation. */
  heldMs(key: Key, uid: string): number {
    const last = this.#last.get(key);
    return last?.uid === uid ? Math.max(0, last.atMs + statusIntervalMs - this.#clock.monotonicMs()) : 0;
  }

  /** The hash of what was last written to this incarnation. */
  lastHash(key: Key, uid: string): string | undefined {
    const last = this.#last.get(key);
    return last?.uid === uid ? last.hash : undefined;
  }

  wrote(key: Key, uid: string, hash: string): void {
    this.#last.set(key, { uid, hash, atMs: this.#clock.monotonicMs() });
  }

  forget(key: Key): void {
    this.#last.delete(key);
  }
}
