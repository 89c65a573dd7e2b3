import { expect, test } from '@jest/globals';
import { createRegistry } from '../../../../lib/metrics.ts';
import { createServingMetrics, modelLabels } from '../../../../runtime/serving/serving-metrics.ts';

test('a model that went away leaves no figure, and the others keep theirs', async () => {
  const registry = createRegistry({ ofProcess: false });
  const metrics = createServingMetrics(registry);
  const seriesOf = async (model: string): Promise<string[]> =>
    (await registry.metrics()).split('\n').filter((line) => line.includes(`model="${model}"`));
  for (const model of ['gone', 'kept']) {
    const request = { ...modelLabels(model), protocol: 'rest', code: 'ok' };
    metrics.loadOf(model).inFlight = 1;
    metrics.requests.inc(request);
    metrics.requests.inc({ ...request, code: 'QueueFull' });
    metrics.duration.observe(request, 0.1);
    metrics.runTime.observe(modelLabels(model), 0.1);
    metrics.ready.set(modelLabels(model), 1);
    metrics.faults.inc({ ...modelLabels(model), reason: 'ModelNotFound' });
  }
  const before = await seriesOf('kept');
  expect(await seriesOf('gone')).toHaveLength(before.length);
  await metrics.forget('gone');
  expect(await seriesOf('gone')).toEqual([]);
  expect(await seriesOf('kept')).toEqual(before);
  expect(metrics.loadOf('gone').inFlight).toBe(0);
});
