import { EventEmitter } from 'node:events';
import { describe, expect, test } from '@jest/globals';
import { exitCodeOf, stopSignal } from '../../../lib/signals.ts';

class Source extends EventEmitter {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

describe('stopSignal', () => {
  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ])('the first %s asks to stop, the second ends the process with %i', (name, code) => {
    const source = new Source();
    const { signal } = stopSignal(source);
    expect([signal.aborted, exitCodeOf(signal)]).toEqual([false, undefined]);
    source.emit(name);
    expect([signal.aborted, signal.reason, source.exits]).toEqual([true, new Error(name), []]);
    expect(exitCodeOf(signal)).toBe(code);
    source.emit(name);
    expect(source.exits).toEqual([code]);
  });

  test('another signal than the first counts as the second', () => {
    const source = new Source();
    stopSignal(source);
    source.emit('SIGTERM');
    source.emit('SIGINT');
    expect(source.exits).toEqual([130]);
  });

  test('after dispose it listens no longer', () => {
    const source = new Source();
    const { signal, dispose } = stopSignal(source);
    dispose();
    source.emit('SIGTERM');
    expect([signal.aborted, source.listenerCount('SIGTERM'), source.listenerCount('SIGINT')]).toEqual([false, 0, 0]);
  });
});
