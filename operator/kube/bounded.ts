/**
 * Works on all items, `limit` at a time. After a failure none is begun any more; it rejects with the first one once all that
 * were begun have ended, so that nothing goes on behind the caller's back.
 */
export async function forEachBounded<Item>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const failures: unknown[] = [];
  const run = async (): Promise<void> => {
    while (failures.length === 0) {
      const next = rest.next();
      if (next.done === true) return;
      try {
        await work(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: limit }, run));
  if (failures.length > 0) throw failures[0];
}
