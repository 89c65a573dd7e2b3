/** Requests per second of `clients` loops that each send the next request when the last was answered. */
export async function closedLoop(clients: number, seconds: number, request: () => Promise<void>): Promise<number> {
  await request();
  const end = performance.now() + seconds * 1000;
  let done = 0;
  const loop = async (): Promise<void> => {
    while (performance.now() < end) {
      await request();
      done += 1;
    }
  };
  const begin = performance.now();
  await Promise.all(Array.from({ length: clients }, loop));
  return done / ((performance.now() - begin) / 1000);
}
