import { setTimeout as delay } from 'node:timers/promises';

/** Repeats `check`, with a pause of `everyMs`, until it passes. After `withinMs` its last error is the answer. */
export async function eventually(check: () => Promise<void> | void, withinMs: number, everyMs = 250): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    try {
      await check();
      return;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
    await delay(everyMs);
  }
}
