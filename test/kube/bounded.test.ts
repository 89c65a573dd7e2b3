import { describe, expect, test } from '@jest/globals';
import { forEachBounded } from '../../operator/kube/bounded.ts';
import { settled } from './turns.ts';

/** Work that ends only when it is told to. */
function tasks() {
  const begun: number[] = [];
  const endings = new Map<number, (error?: Error) => void>();
  const work = (item: number): Promise<void> => {
    begun.push(item);
    return new Promise((resolve, reject) =>
      endings.set(item, (error) => (error === undefined ? resolve() : reject(error))),
    );
  };
  const end = async (item: number, error?: Error): Promise<void> => {
    endings.get(item)?.(error);
    await settled();
  };
  return { begun, work, end };
}

describe('bounded work', () => {
  test('is at no more items at a time than it may, and at all of them in the end', async () => {
    const { begun, work, end } = tasks();
    const done = forEachBounded([1, 2, 3, 4], 2, work);
    await settled();
    expect(begun).toEqual([1, 2]);
    await end(2);
    expect(begun).toEqual([1, 2, 3]);
    for (const item of [1, 3, 4]) await end(item);
    await done;
    expect(begun).toEqual([1, 2, 3, 4]);
  });

  test('begins nothing after a failure, and ends with the first one when nothing is under way any more', async () => {
    const { begun, work, end } = tasks();
    let failed: unknown;
    const done = forEachBounded([1, 2, 3], 2, work).catch((error: unknown) => (failed = error));
    await settled();
    await end(1, new Error('first'));
    expect([begun, failed]).toEqual([[1, 2], undefined]);
    await end(2, new Error('second'));
    await done;
    expect([begun, failed]).toEqual([[1, 2], new Error('first')]);
  });

  test('of nothing is over at once', async () => {
    await expect(forEachBounded([], 4, () => Promise.reject(new Error('never')))).resolves.toBeUndefined();
  });
});
