import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { crdAdmission } from '../../../cli/local/admission.ts';
import { LocalCluster } from '../../../cli/local/cluster.ts';
import { createLog, type LogLevel } from '../../../lib/log.ts';
import { readConfig } from '../../../operator/config.ts';
import { createOperator } from '../../../operator/operator.ts';
import { servingEnv } from '../../../runtime/contract.ts';
import { eventually } from '../../support/eventually.ts';

const deploymentKind = { apiVersion: 'apps/v1', kind: 'Deployment' };

/** The pod template of a model, made by an operator with these levels. */
async function template(levels: { logLevel: LogLevel; runtimeLogLevel: LogLevel }): Promise<unknown> {
  const cluster = new LocalCluster({ now: () => new Date(), uid: randomUUID, admission: crdAdmission });
  cluster.add({
    apiVersion: 'modelyard.dev/v1alpha1',
    kind: 'ModelDeployment',
    metadata: { name: 'digits', namespace: 'n' },
    spec: { model: { uri: 's3://models/digits/' } },
  });
  const stop = new AbortController();
  const args = ['--runtime-image=registry.test/runtime:1', '--leader-election=false', '--admin-port=0'];
  const running = createOperator({
    client: cluster.client('modelyard'),
    config: { ...readConfig(args, {}, 'host-1'), ...levels },
    fetchReport: fetch,
    log: createLog('test', 'silent'),
  }).run(stop.signal);
  await eventually(() => expect(cluster.all(deploymentKind)).toHaveLength(1), 20_000, 10);
  stop.abort();
  await running;
  return (cluster.all(deploymentKind)[0]?.spec as { template: unknown }).template;
}

test('another log level of the operator changes no pod; one of the runtime does', async () => {
  const usual = await template({ logLevel: 'info', runtimeLogLevel: 'info' });
  expect(await template({ logLevel: 'debug', runtimeLogLevel: 'info' })).toEqual(usual);
  const warn = await template({ logLevel: 'info', runtimeLogLevel: 'warn' });
  expect(warn).not.toEqual(usual);
  expect(JSON.stringify(warn)).toContain(JSON.stringify({ name: servingEnv.logLevel, value: 'warn' }));
});
