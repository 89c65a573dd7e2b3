const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Resolves once the condition holds; looks again at every turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

/** Lets everything run that waits for no time to pass: far more turns than any chain of calls here takes. */
export async function settled(): Promise<void> {
  for (let left = 200; left > 0; left--) await turn();
}
