/** Time and chance, as arguments, so that tests decide both. */
export interface Clock {
  /** Of the wall: for what people read. */
  now(): Date;
  /** Milliseconds since some moment; never goes back, and goes on while the process stalls. For durations. */
  monotonicMs(): number;
  /** Calls back once after a time; the returned function cancels. */
  after(ms: number, callback: () => void): () => void;
  /** Uniform in [0, 1). */
  random(): number;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

/** For after an `await`, where a signal may have aborted since it was last looked at. */
export const hasAborted = (signal: AbortSignal): boolean => signal.aborted;

/** Resolves after a time, or at once when `signal` aborts. Never rejects: who waits looks at the signal. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const cancel = clock.after(ms, done);
    signal.addEventListener('abort', done, { once: true });
  });
}
