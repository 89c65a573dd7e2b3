import { setImmediate as turn } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { forEachParallel } from '../../../runtime/store/parallel.ts';

test('every item has its turn once, under its own number, and no more than so many at once', async () => {
  const seen: [string, number][] = [];
  let running = 0;
  let most = 0;
  await forEachParallel('abcdefghij', 3, async (item, index) => {
    most = Math.max(most, ++running);
    await turn();
    seen.push([item, index]);
    running -= 1;
  });
  expect(seen.sort()).toEqual(Array.from('abcdefghij', (item, index) => [item, index]));
  expect(most).toBe(3);
});

test('after a rejection nothing more begins, and it is told when all that began has ended', async () => {
  const ended: number[] = [];
  const done = forEachParallel([0, 1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    await turn();
    if (item === 1) throw new Error('no');
    await turn();
    ended.push(item);
  });
  await expect(done).rejects.toThrow('no');
  expect(ended).toEqual([0, 2]);
});
