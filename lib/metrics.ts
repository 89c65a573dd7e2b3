import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * A registry of its own, so that several may live in one process (tests, the laptop).
 *
 * @param ofProcess true: with `process_*` and `nodejs_*` (CPU, memory, event loop lag, garbage collection)
 */
export function createRegistry({ ofProcess }: { ofProcess: boolean }): Registry {
  const registry = new Registry();
  if (ofProcess) collectDefaultMetrics({ register: registry });
  return registry;
}
