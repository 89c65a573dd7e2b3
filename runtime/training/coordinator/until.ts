/**
 * A promise that a listener settles. `start` is given how, and returns what ends the listening; an aborted signal rejects with its
 * reason.
 */
export function until<T>(
  signal: AbortSignal,
  start: (resolve: (value: T) => void, reject: (error: Error) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const state: { settled: boolean; stop?: () => void } = { settled: false };
    const settle = (how: () => void): void => {
      if (state.settled) return;
      state.settled = true;
      signal.removeEventListener('abort', abort);
      state.stop?.();
      how();
    };
    const abort = (): void => settle(() => reject(signal.reason as Error));
    signal.addEventListener('abort', abort, { once: true });
    state.stop = start(
      (value) => settle(() => resolve(value)),
      (error) => settle(() => reject(error)),
    );
    if (state.settled) state.stop();
  });
}
