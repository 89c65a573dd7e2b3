import { setImmediate } from 'node:timers/promises';

/** Lets others have the thread in the midst of long arithmetic; throws the signal's reason where it is aborted. */
export async function pause(signal: AbortSignal | undefined): Promise<void> {
  await setImmediate();
  signal?.throwIfAborted();
}
