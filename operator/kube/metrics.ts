import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { QueueObserver } from './queue.ts';

export type ReconcileResult = 'success' | 'requeue_after' | 'error';

/** Metrics of controllers, under controller-runtime's names where it has one, so that stock dashboards work. Times in seconds. */
export interface ControllerMetrics {
  queue(name: string): QueueObserver;
  workers(controller: string, count: number): void;
  reconciled(controller: string, result: ReconcileResult, seconds: number): void;
  bug(controller: string): void;
  leader(name: string, leads: boolean): void;
}

const seconds = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];

export function controllerMetrics(registry: Registry): ControllerMetrics {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[]): Counter =>
    new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string, labelNames: string[]): Gauge =>
    new Gauge({ name, help, labelNames, registers });
  const histogram = (name: string, help: string, labelNames: string[]): Histogram =>
    new Histogram({ name, help, labelNames, registers, buckets: seconds });

  const depth = gauge('workqueue_depth', 'Keys that are due and wait for a worker', ['name', 'controller']);
  const adds = counter('workqueue_adds_total', 'Keys that became due', ['name', 'controller']);
  const retries = counter('workqueue_retries_total', 'Keys put back after a failure', ['name', 'controller']);
  const waited = histogram('workqueue_queue_duration_seconds', 'From due to the start of work', ['name', 'controller']);
  const worked = histogram('workqueue_work_duration_seconds', 'Time a key is with a worker', ['name', 'controller']);
  const total = counter('controller_runtime_reconcile_total', 'Reconciles', ['controller', 'result']);
  const errors = counter('controller_runtime_reconcile_errors_total', 'Reconciles that failed', ['controller']);
  const bugs = counter(
    'modelyard_operator_bugs_total',
    'Failures that nobody expected; each is logged with its stack',
    ['controller'],
  );
  const time = histogram('controller_runtime_reconcile_time_seconds', 'Time of a reconcile', ['controller']);
  const workers = gauge('controller_runtime_max_concurrent_reconciles', 'Workers', ['controller']);
  const leader = gauge('leader_election_master_status', '1 while this process holds the lease', ['name']);

  return {
    queue: (name) => {
      const labels = { name, controller: name };
      return {
        added: () => adds.inc(labels),
        depth: (keys) => depth.set(labels, keys),
        waited: (duration) => waited.observe(labels, duration),
        worked: (duration) => worked.observe(labels, duration),
        retried: () => retries.inc(labels),
      };
    },
    workers: (controller, count) => workers.set({ controller }, count),
    reconciled: (controller, result, duration) => {
      total.inc({ controller, result });
      if (result === 'error') errors.inc({ controller });
      time.observe({ controller }, duration);
    },
    bug: (controller) => bugs.inc({ controller }),
    leader: (name, leads) => leader.set({ name }, leads ? 1 : 0),
  };
}
