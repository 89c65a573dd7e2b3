/** Exponential backoff: `baseMs`, twice that, and so on up to `maxMs`, each varied by ± `jitter`. */
export interface BackoffOptions {
  baseMs: number;
  maxMs: number;
  /** A share of the delay, from 0 to 1. */
  jitter: number;
}

/**
 * How long to wait after the given number of failures in a row, in milliseconds. Never above `maxMs` by more than the
 * jitter.
 *
 * @param failures 1 after the first failure
 * @param random uniform in [0, 1)
 */
export function backoffMs(failures: number, { baseMs, maxMs, jitter }: BackoffOptions, random: () => number): number {
  const delay = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 50));
  return Math.round(delay * (1 + jitter * (2 * random() - 1)));
}
