import type { EventEmitter } from 'node:events';

/** The part of `process` that this needs. */
export interface SignalSource extends Pick<EventEmitter, 'on' | 'off'> {
  exit(code: number): void;
}

const signals = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 } as const;

/**
 * Aborts at the first SIGTERM, SIGINT or SIGHUP, so that work can be finished; the second one ends the process at once with the exit
 * code that shells give to that signal. The abort's reason is an Error whose message is the signal's name.
 */
export function stopSignal(source: SignalSource): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController();
  const handlers = Object.entries(signals).map(([name, code]) => {
    const handler = (): void => {
      if (controller.signal.aborted) source.exit(code);
      else controller.abort(new Error(name));
    };
    source.on(name, handler);
    return () => source.off(name, handler);
  });
  return { signal: controller.signal, dispose: () => handlers.forEach((off) => off()) };
}
