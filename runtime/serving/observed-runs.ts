import type { InferenceStatistics } from './inference-statistics.ts';
import { computeMs } from './messages.ts';
import type { SchedulerOptions } from './scheduler.ts';
import { modelLabels, type ServingMetrics } from './serving-metrics.ts';

/** Counts what a model's queue and runs do. `onRun` is told of each run. */
export function observeRuns(
  name: string,
  metrics: ServingMetrics,
  statistics: InferenceStatistics,
  onRun: () => void,
): SchedulerOptions['observe'] {
  const labels = modelLabels(name);
  const load = metrics.loadOf(name);
  return {
    holds: (waiting, running) => Object.assign(load, { waiting, running }),
    ran: (waitedMs, outcome) => {
      metrics.batchSize.observe(labels, waitedMs.length);
      metrics.runTime.observe(labels, outcome.runMs / 1000);
      metrics.computeTime.observe(labels, computeMs(outcome) / 1000);
      for (const { rows } of outcome.executions) metrics.batchRows.observe(labels, rows);
      for (const ms of waitedMs) {
        metrics.queueTime.observe(labels, ms / 1000);
        statistics.queued(ms);
      }
      statistics.executed(waitedMs.length, outcome);
      onRun();
    },
  };
}
