import { controllerMetrics } from '../../operator/kube/metrics.ts';
import { countDroppedSpans, createRegistry } from '../../lib/metrics.ts';
import { createServingMetrics } from '../../runtime/serving/serving-metrics.ts';
import { measureJob } from '../../runtime/training/process-metrics.ts';
import { observeIn } from '../../runtime/training/worker/worker-metrics.ts';

export interface MetricShape {
  name: string;
  help: string;
  labelNames: readonly string[];
  isHistogram: boolean;
}

const shapesIn = (register: (registry: ReturnType<typeof createRegistry>) => unknown): MetricShape[] => {
  const registry = createRegistry({ ofProcess: false });
  register(registry);
  // The objects have their labels, which the types do not say.
  const metrics = registry.getMetricsAsArray() as unknown as (MetricShape & object)[];
  return metrics.map((metric) => ({
    name: metric.name,
    help: metric.help,
    labelNames: metric.labelNames,
    isHistogram: metric.constructor.name === 'Histogram',
  }));
};

/** What each kind of process counts of its own, without what Node and the operating system say. */
export const allMetrics = {
  serving: shapesIn(createServingMetrics),
  training: [...shapesIn((registry) => measureJob(registry, () => undefined)), ...shapesIn(observeIn)],
  operator: shapesIn(controllerMetrics),
  everywhere: shapesIn((registry) => countDroppedSpans(registry, () => 0)),
};
