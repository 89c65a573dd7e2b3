/**
 * Does something with each item, a few at a time. After the first rejection nothing more is begun; rejects with it when all that
 * was begun has ended.
 */
export async function forEachParallel<T>(
  items: Iterable<T>,
  atOnce: number,
  act: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const waiting = numbered(items);
  const run = async (): Promise<void> => {
    // The generator is shared: a rejection that leaves one loop ends all.
    for (const [item, index] of waiting) await act(item, index);
  };
  const runs = await Promise.allSettled(Array.from({ length: atOnce }, run));
  for (const ended of runs) if (ended.status === 'rejected') throw ended.reason;
}

function* numbered<T>(items: Iterable<T>): Generator<[T, number]> {
  let index = 0;
  for (const item of items) yield [item, index++];
}
