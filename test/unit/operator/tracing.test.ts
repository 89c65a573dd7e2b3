import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { crdAdmission } from '../../../cli/local/admission.ts';
import { LocalCluster } from '../../../cli/local/cluster.ts';
import { createLog } from '../../../lib/log.ts';
import { startTracing } from '../../../lib/tracing.ts';
import { readConfig } from '../../../operator/config.ts';
import type { KubeClient } from '../../../operator/kube/client.ts';
import { KubeError } from '../../../operator/kube/errors.ts';
import { createOperator } from '../../../operator/operator.ts';
import { eventually } from '../../support/eventually.ts';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../../support/otlp-receiver.ts';

let collector: OtlpReceiver;
beforeEach(async () => {
  collector = await startOtlpReceiver();
});
afterEach(() => collector.close());

/** The spans of an operator that made everything of one model, or was kept from it. */
async function spansOf(
  samplingRatio: number,
  clientOf: (client: KubeClient) => KubeClient,
  isOver: (cluster: LocalCluster) => void,
): Promise<ReceivedSpan[]> {
  const cluster = new LocalCluster({ now: () => new Date(), uid: randomUUID, admission: crdAdmission });
  cluster.add({
    apiVersion: 'modelyard.dev/v1alpha1',
    kind: 'ModelDeployment',
    metadata: { name: 'digits', namespace: 'n' },
    spec: { model: { uri: 's3://models/digits/' } },
  });
  const log = createLog('test', 'silent');
  const { endpoint } = collector;
  const tracing = await startTracing({ endpoint, samplingRatio, serviceName: 'operator', attributes: {} }, log);
  const stop = new AbortController();
  const args = ['--runtime-image=registry.test/runtime:1', '--leader-election=false', '--admin-port=0'];
  const running = createOperator({
    client: clientOf(cluster.client('modelyard')),
    config: readConfig(args, {}, 'host-1'),
    fetchReport: fetch,
    log,
    tracing,
  }).run(stop.signal);
  await eventually(() => isOver(cluster), 20_000, 10);
  stop.abort();
  await running;
  await tracing.stop();
  return collector.spans();
}

const deploymentKind = { apiVersion: 'apps/v1', kind: 'Deployment' };
const isMade = (cluster: LocalCluster): void => expect(cluster.all(deploymentKind)).toHaveLength(1);

describe('the trace of a reconcile', () => {
  test('has each write as a child of the look that made it', async () => {
    const spans = await spansOf(1, (client) => client, isMade);
    const look = spans.find(({ name }) => name === 'reconcile model-deployment');
    expect(look).toMatchObject({ parentSpanId: '', kind: 1, status: 0 });
    expect(look?.resource).toMatchObject({ 'service.name': 'operator' });
    expect(look?.attributes).toMatchObject({
      'modelyard.controller': 'model-deployment',
      'modelyard.key': 'n/digits',
    });
    const children = spans.filter(({ parentSpanId }) => parentSpanId === look?.spanId);
    expect(children.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['get Deployment', 'apply Deployment', 'apply Service', 'applyStatus ModelDeployment']),
    );
    expect(look?.attributes['modelyard.calls']).toBe(children.length);
    for (const child of children) {
      expect(child).toMatchObject({ traceId: look?.traceId, kind: 3, status: 0 });
      expect(child.beganAt).toBeGreaterThanOrEqual(look?.beganAt ?? Infinity);
      expect(child.endedAt).toBeLessThanOrEqual((look?.endedAt ?? 0) + 0.001);
    }
    const deployment = children.find(({ name }) => name === 'apply Deployment');
    expect(deployment?.attributes).toEqual({
      'modelyard.object.kind': 'Deployment',
      'modelyard.object.name': expect.stringContaining('digits'),
    });
  }, 30_000);

  test('is an error where a write fails, and so is the write', async () => {
    let failures = 0;
    const failing = (client: KubeClient): KubeClient => ({
      ...methodsOf(client),
      apply: (object, options) => {
        if (object.kind !== 'Service') return client.apply(object, options);
        failures += 1;
        return Promise.reject(new KubeError(503, 'ServiceUnavailable', 'not now'));
      },
    });
    const spans = await spansOf(1, failing, () => expect(failures).toBeGreaterThan(0));
    const failed = { status: 2, attributes: expect.objectContaining({ 'error.type': 'ServiceUnavailable' }) };
    expect(spans.find(({ name }) => name === 'apply Service')).toMatchObject(failed);
    const look = spans.find(({ name, status }) => name === 'reconcile model-deployment' && status === 2);
    expect(look).toMatchObject(failed);
    expect(look?.attributes['modelyard.result']).toBe('error');
  }, 30_000);

  test('is not recorded where the ratio leaves it out', async () => {
    expect(await spansOf(0, (client) => client, isMade)).toEqual([]);
  }, 30_000);
});

const methodsOf = (client: KubeClient): KubeClient => ({
  get: (...given) => client.get(...given),
  list: (...given) => client.list(...given),
  watch: (...given) => client.watch(...given),
  apply: (...given) => client.apply(...given),
  create: (...given) => client.create(...given),
  replace: (...given) => client.replace(...given),
  applyStatus: (...given) => client.applyStatus(...given),
  remove: (...given) => client.remove(...given),
});
