/** What a pod's own words say of how it went, and when it should have gone. */
import { describe, expect, test } from '@jest/globals';
import type { Pod } from '../../../../operator/core/objects.ts';
import { failuresOf, lossOf, overdueAtMs, replaceableAtMs } from '../../../../operator/core/training/pod-state.ts';
import { predecessorsAnnotation, predecessorsOf } from '../../../../operator/core/training/predecessors.ts';
import { podOf, type PodShape } from '../../../support/training-world.ts';

type Status = NonNullable<Pod['status']>;
const pod = (is: PodShape, status: Status = {}, metadata: object = {}) =>
  podOf({ name: 'worker-3', is, status, metadata });
const target = (reason: string, message?: string): Status => ({
  conditions: [{ type: 'DisruptionTarget', status: 'True', reason, ...(message === undefined ? {} : { message }) }],
});
/** Of a pod that is being deleted. */
const asked = { deletionTimestamp: '2026-11-24T10:00:30Z', deletionGracePeriodSeconds: 60 };
const died = (exitCode: number, restartCount: number, running = true, reason?: string): Status => ({
  containerStatuses: [
    {
      name: 'runtime',
      restartCount,
      state: running ? { running: {} } : { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode, ...(reason === undefined ? {} : { reason }) } },
    },
  ],
});

describe('the loss of a pod is named by its cause', () => {
  test.each<[string, Pod, string, string]>([
    [
      'evicted by its node',
      pod('Failed', { reason: 'Evicted', message: 'The node was low on resource: memory.' }),
      'Evicted',
      'pod digits-worker-3 on node node-1 was evicted: The node was low on resource: memory',
    ],
    [
      'evicted through the API',
      pod('Leaving', target('EvictionByEvictionAPI', 'drain')),
      'Evicted',
      'was evicted: drain',
    ],
    ['preempted', pod('Leaving', target('PreemptionByScheduler')), 'Preempted', 'made room for one of higher priority'],
    ['lost with its node', pod('Leaving', target('DeletionByTaintManager')), 'NodeLost', 'was lost with its node'],
    ['collected without its node', pod('Gone', target('DeletionByPodGC')), 'NodeLost', 'was lost with its node'],
    ['lost, as nodes once said', pod('Leaving', { reason: 'NodeLost' }), 'NodeLost', 'was lost with its node'],
    ['ended by a node that shuts down', pod('Failed', target('TerminationByKubelet')), 'Evicted', 'by its node'],
    ['turned away', pod('Failed', { reason: 'OutOfcpu', message: 'no room' }), 'OutOfcpu', 'failed: no room'],
    ['failed without a word', pod('Failed'), 'PodFailed', 'pod digits-worker-3 on node node-1 failed'],
    ['failed with a word that is no reason', pod('Failed', { reason: 'not now!' }), 'PodFailed', 'failed'],
    ['ended by itself', pod('Succeeded'), 'PodEnded', 'ended before the job was over'],
    ['deleted', pod('Leaving'), 'PodDeleted', 'pod digits-worker-3 on node node-1 was deleted'],
    ['deleted, and ended well at that', pod('Succeeded', {}, asked), 'PodDeleted', 'was deleted'],
    ['deleted, and failed at that', pod('Failed', { message: 'SIGKILL' }, asked), 'PodDeleted', 'was deleted'],
    ['evicted, and failed at that', pod('Failed', target('EvictionByEvictionAPI'), asked), 'Evicted', 'was evicted'],
    ['deleted before it had a node', { ...pod('Gone'), spec: {} }, 'PodDeleted', 'pod digits-worker-3 was deleted'],
  ])('%s', (_, lost, reason, says) => {
    expect(lossOf(lost).reason).toBe(reason);
    expect(lossOf(lost).message).toContain(says);
  });
});

describe('failures of a container', () => {
  test.each<[string, Pod, number]>([
    ['none of a pod that runs', pod('Ready'), 0],
    ['those it was started again after', pod('NotReady', died(1, 3)), 3],
    ['one more while it is down', pod('NotReady', died(137, 3, false)), 4],
    ['the first of all', pod('NotReady', died(1, 0, false)), 1],
    ['not the end of a pod that has to go', pod('Leaving', died(137, 2, false)), 2],
    ['not the end of an evicted one', pod('Failed', died(137, 1, false)), 1],
    ['not the word that the job failed', pod('NotReady', died(65, 1)), 0],
    ['nor that another took the place', pod('NotReady', died(66, 0, false)), 0],
    ['nor that its node started again', pod('NotReady', died(255, 1, true, 'Unknown')), 0],
    ['nor that its kubelet lost it', pod('NotReady', died(137, 2, true, 'ContainerStatusUnknown')), 1],
    ['none of a pod that has not begun', pod('Pending'), 0],
    ['none of a container that ended well', pod('Succeeded', died(0, 0, false)), 0],
  ])('%s', (_, failed, count) => {
    expect(failuresOf(failed)).toBe(count);
  });
});

describe('a pod that is being deleted', () => {
  const at = '2026-11-24T10:00:00Z';
  const leaving = (status: Status) => overdueAtMs(pod('Leaving', status, { deletionTimestamp: at }));

  test('should be gone half a minute after its grace period, and sooner where its node is known to be lost', () => {
    expect(leaving({})).toBe(Date.parse(at) + 30_000);
    expect(leaving(target('DeletionByTaintManager'))).toBe(Date.parse(at) + 5_000);
    expect(overdueAtMs(pod('Ready'))).toBeUndefined();
  });
});

describe('a pod that ended by itself', () => {
  const after = (evictions: number): number => {
    const annotations = predecessorsAnnotation({ restarts: 0, evictions, reason: 'Evicted', message: '' });
    const failed = pod('Failed', {}, evictions === 0 ? {} : { annotations });
    return replaceableAtMs(failed) - Date.parse(failed.metadata.creationTimestamp ?? '');
  };

  test('is replaced at once, and then less and less often, up to five minutes', () => {
    expect([0, 1, 2, 3, 50].map(after)).toEqual([0, 5_000, 10_000, 20_000, 300_000]);
  });
});

describe('what a pod carries of its predecessors', () => {
  const told = { restarts: 2, evictions: 1, reason: 'Evicted', message: 'why' };

  test('is read as it was written, and cut to what an annotation should hold', () => {
    const annotations = predecessorsAnnotation({ ...told, message: 'x'.repeat(5_000) });
    expect(predecessorsOf(pod('Ready', {}, { annotations }))).toEqual({ ...told, message: 'x'.repeat(512) });
    expect(predecessorsOf(pod('Ready'))).toBeUndefined();
    expect(predecessorsAnnotation(undefined)).toEqual({});
  });

  test.each([
    ['no JSON', 'x', undefined],
    ['no object', 'null', undefined],
    [
      'numbers that are none',
      '{"restarts":-1,"evictions":"9"}',
      { restarts: 0, evictions: 0, reason: 'PodReplaced', message: '' },
    ],
    [
      'a reason that is none',
      '{"restarts":1,"evictions":1e99,"reason":"<b>","message":7}',
      { restarts: 1, evictions: 0, reason: 'PodReplaced', message: '' },
    ],
  ])('is not believed where somebody wrote over it: %s', (_, text, expected) => {
    const annotations = { 'modelyard.dev/predecessors': text };
    expect(predecessorsOf(pod('Ready', {}, { annotations }))).toEqual(expected);
  });
});
