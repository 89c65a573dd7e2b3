import { collectDefaultMetrics, Counter, Registry } from 'prom-client';

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

/** @param dropped how many so far */
export function countDroppedSpans(registry: Registry, dropped: () => number): void {
  new Counter({
    name: 'modelyard_trace_spans_dropped_total',
    help: 'Spans that were left out because the collector did not take them.',
    registers: [registry],
    collect() {
      this.reset();
      this.inc(dropped());
    },
  });
}
