import { backoffMs, type BackoffOptions } from '../../lib/backoff.ts';
import type { Clock } from './clock.ts';
import type { Refusal } from './definition.ts';
import type { Key } from './object.ts';

interface Standing {
  refusal: Refusal;
  /** Of the desired object. */
  hash: string;
  times: number;
  /** Monotonic; until then the same content is not tried again. */
  untilMs: number;
}

const retry: BackoffOptions = { baseMs: 5_000, maxMs: 60_000, jitter: 0.1 };
/** What is invalid today is so tomorrow, but for an upgrade of the API server. */
const invalidMs = 3_600_000;

/**
 * What was refused, for each key, so that the same content is not sent at every look. It is tried again when the content
 * changes, and otherwise after 5 s to a minute: a quota may be raised and a name may be freed without anybody telling us.
 */
export class Refusals {
  readonly #clock: Clock;
  readonly #standing = new Map<Key, Map<string, Standing>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether anything was refused at the last look. */
  any(key: Key): boolean {
    return this.#standing.has(key);
  }

  /** The refusal that still holds for this content, if one does. */
  standing(key: Key, object: string, hash: string): Refusal | undefined {
    const known = this.#standing.get(key)?.get(object);
    if (known?.hash !== hash || known.untilMs <= this.#clock.monotonicMs()) return undefined;
    return known.refusal;
  }

  add(key: Key, object: string, hash: string, refusal: Refusal): void {
    let known = this.#standing.get(key);
    if (known === undefined) this.#standing.set(key, (known = new Map<string, Standing>()));
    const before = known.get(object);
    const times = before?.hash === hash ? before.times + 1 : 1;
    const waitMs = refusal.reason === 'Invalid' ? invalidMs : backoffMs(times, retry, () => this.#clock.random());
    known.set(object, { refusal, hash, times, untilMs: this.#clock.monotonicMs() + waitMs });
  }

  /** Nothing else of this key is refused any longer: it was taken, or is wanted no more. */
  keepOnly(key: Key, objects: ReadonlySet<string>): void {
    const known = this.#standing.get(key);
    if (known === undefined) return;
    for (const object of [...known.keys()]) if (!objects.has(object)) known.delete(object);
    if (known.size === 0) this.#standing.delete(key);
  }

  /**
   * Something moved that may have been in the way: what a quota or a taken name refused is tried again at the next look. Content
   * that is invalid stays so, but for what could not be changed in an object that is gone now.
   *
   * @param gone the object that went away, if one did
   */
  expire(key: Key, gone?: string): void {
    for (const [object, standing] of this.#standing.get(key) ?? []) {
      if (standing.refusal.reason !== 'Invalid' || object === gone) standing.untilMs = Number.NEGATIVE_INFINITY;
    }
  }

  forget(key: Key): void {
    this.#standing.delete(key);
  }

  /** Until the first of them may be tried again. */
  retryInMs(key: Key): number | undefined {
    const known = [...(this.#standing.get(key)?.values() ?? [])];
    return known.length === 0
      ? undefined
      : Math.max(1, Math.min(...known.map(({ untilMs }) => untilMs)) - this.#clock.monotonicMs());
  }
}
