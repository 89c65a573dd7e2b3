import { Readable } from 'node:stream';
import type { Terminal } from '../../cli/terminal.ts';

/** A terminal that keeps what is printed, and whose keyboard says `typed`. */
export function scriptedTerminal(typed = '', folder = '/nonexistent'): Terminal & { printed: string[] } {
  const printed: string[] = [];
  return {
    printed,
    print: (text) => void printed.push(text),
    write: (text) => void printed.push(text),
    columns: () => 80,
    stdin: Readable.from([typed]),
    now: () => new Date('2026-11-24T12:00:00Z'),
    folder,
    env: {},
    stop: new AbortController().signal,
  };
}
