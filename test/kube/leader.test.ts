import { describe, expect, test } from '@jest/globals';
import { createLog } from '../../lib/log.ts';
import { LocalCluster } from '../../cli/local/cluster.ts';
import { FencedError } from '../../operator/kube/errors.ts';
import { fenced, Leader, renewDeadlineMs } from '../../operator/kube/leader.ts';
import { ManualClock } from './manual-clock.ts';

function setting() {
  const clock = new ManualClock();
  const cluster = new LocalCluster({ now: () => clock.now(), uid: () => crypto.randomUUID() });
  const client = cluster.client('test');
  const leader = (identity: string): Leader =>
    new Leader({ client, namespace: 'n', name: 'l', identity, clock, log: createLog('test', 'silent') });
  return { clock, client, leader };
}

describe('Leader', () => {
  test('a process that stalled past the deadline sends no write', async () => {
    const { clock, client, leader } = setting();
    const one = leader('one');
    await one.acquire(new AbortController().signal);
    const writer = fenced(client, () => one.check());
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'n' } };
    await writer.apply(object);
    clock.advance(renewDeadlineMs);
    await expect(writer.apply({ ...object, metadata: { name: 'b', namespace: 'n' } })).rejects.toThrow(FencedError);
    await expect(client.get({ apiVersion: 'v1', kind: 'ConfigMap', name: 'b', namespace: 'n' })).rejects.toMatchObject({
      status: 404,
    });
  });

  test('a released lease is taken at once', async () => {
    const { leader } = setting();
    const [one, two] = [leader('one'), leader('two')];
    await one.acquire(new AbortController().signal);
    await one.release();
    expect(() => one.check()).toThrow(FencedError);
    await two.acquire(new AbortController().signal);
    expect(() => two.check()).not.toThrow();
  });
});
