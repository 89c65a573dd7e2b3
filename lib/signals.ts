import type { EventEmitter } from 'node:events';

/** The part of `process` that this needs. */
export interface SignalSource extends Pick<EventEmitter, 'on' | 'off'> {
  exit(code: number): void;
}

const signals = { SIGTERM: 143, SIGINT: 130, SIGHUP: 129 } as const;

/**
 * Aborts at the first SIGTERM, SIGINT or SIGHUP, so that work can be finished; the second one ends the process at once with the exit
 * code that shells give to that signal.
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

/** The exit code that tells of the signal that aborted this; undefined where none did. */
export function exitCodeOf({ aborted, reason }: AbortSignal): number | undefined {
  const [, code] = Object.entries(signals).find(([name]) => aborted && (reason as Error).message === name) ?? [];
  return code;
}
