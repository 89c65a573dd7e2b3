import { describe, expect, test } from '@jest/globals';
import { WorkQueue } from '../../operator/kube/queue.ts';
import { ManualClock } from './manual-clock.ts';

describe('WorkQueue', () => {
  test('a key is in at most once', async () => {
    const queue = new WorkQueue(new ManualClock());
    queue.add('a');
    queue.add('a');
    queue.add('b');
    expect([await queue.next(), await queue.next()]).toEqual(['a', 'b']);
    expect(queue.size).toBe(2);
  });

  test('a key added while with a worker comes once more afterwards', async () => {
    const queue = new WorkQueue(new ManualClock());
    queue.add('a');
    await queue.next();
    queue.add('a');
    queue.add('a');
    let second: string | undefined;
    const next = queue.next().then((key) => (second = key));
    await Promise.resolve();
    expect(second).toBeUndefined();
    queue.done('a');
    expect(await next).toBe('a');
    queue.done('a');
    expect(queue.size).toBe(0);
  });

  test('of two delays the earlier wins', async () => {
    const clock = new ManualClock();
    const queue = new WorkQueue(clock);
    queue.addAfter('a', 5_000);
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 9_000);
    clock.advance(1_000);
    expect(await queue.next()).toBe('a');
    queue.done('a');
    expect(queue.size).toBe(0);
  });

  test('failures back off from 1 s to 5 min until forgotten, and not before what the server asked', () => {
    const clock = new ManualClock();
    const queue = new WorkQueue(clock);
    const waits: number[] = [];
    for (let failure = 0; failure < 11; failure++) {
      const before = clock.monotonicMs();
      let got = false;
      void queue.next().then(() => (got = true));
      queue.retry('a');
      while (queue.size > 0 && clock.monotonicMs() - before < 400_000) {
        clock.advance(500);
        queue.done('a');
      }
      expect(got).toBe(false);
      waits.push(clock.monotonicMs() - before);
    }
    expect(waits.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(waits.at(-1)).toBe(300_000);
  });

  test('closing wakes who waits', async () => {
    const queue = new WorkQueue(new ManualClock());
    const next = queue.next();
    queue.close();
    expect(await next).toBeUndefined();
  });
});
