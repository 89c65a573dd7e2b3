/** What changes of a job is one event with its cause, and what is measured stays known. */
import { describe, expect, test } from '@jest/globals';
import type { TrainingReport } from '../../../../runtime/training-contract.ts';
import { progress as job, ran, server, told, worker, type Pods } from '../../../support/training-states.ts';

describe('an event', () => {
  test('is made of each container that failed and each pod that was replaced, once', () => {
    const failed: Pods[number] = {
      ...worker,
      is: 'NotReady',
      status: {
        containerStatuses: [
          {
            name: 'runtime',
            restartCount: 2,
            state: { running: {} },
            lastState: { terminated: { exitCode: 1, message: 'oh' } },
          },
        ],
      },
    };
    const replaced: Pods[number] = {
      name: 'worker-1',
      is: 'Ready',
      metadata: {
        annotations: {
          'modelyard.dev/predecessors':
            '{"restarts":0,"evictions":1,"reason":"Preempted","message":"pod digits-worker-1 made room"}',
        },
      },
    };
    const object = {
      spec: { workers: { replicas: 2 } },
      status: { ...ran, workers: { desired: 2, created: 2, ready: 2, restarts: 1, evictions: 0 } },
    };
    const first = told({ object, pods: [server, failed, replaced] });
    expect(first.events).toMatchObject([
      {
        type: 'Warning',
        reason: 'ContainerFailed',
        note: 'the container of pod digits-worker-0 on node node-1 ended with exit code 1: oh; it is started again',
      },
      {
        type: 'Warning',
        reason: 'Preempted',
        action: 'Replace',
        note: 'pod digits-worker-1 made room; it was replaced',
      },
    ]);
    expect(told({ object: { ...object, status: first.status }, pods: [server, failed, replaced] }).events).toEqual([]);
  });

  test('is not made twice of a pod whose loss was the reason of a restart', () => {
    const lost = told({ object: { status: ran }, pods: [{ ...server, is: 'Gone' }, worker] });
    expect(lost.events).toMatchObject([{ reason: 'PodDeleted', action: 'Reconcile' }]);
    const annotations = lost.create[0]?.metadata.annotations;
    const again: Pods = [{ ...server, ...(annotations === undefined ? {} : { metadata: { annotations } }) }, worker];
    const { events, status } = told({ object: { status: lost.status }, pods: again });
    expect(status).toMatchObject({ phase: 'Running', parameterServers: { evictions: 1 } });
    expect(events).toMatchObject([{ type: 'Normal', reason: 'Training' }]);
  });

  test('is not made of a pod that is missing before the job trains: all of them are about to be made', () => {
    const starting = { ...ran, phase: 'Starting' as const, conditions: [] };
    const { status, events } = told({ object: { status: starting }, pods: [{ ...server, is: 'Gone' }, worker] });
    expect(status.phase).toBe('Starting');
    expect(events.filter(({ reason }) => reason === 'PodDeleted')).toEqual([]);
  });

  test('names no more than five of many pods', () => {
    const many: Pods = Array.from({ length: 20 }, (_, index) => ({
      name: `worker-${index}`,
      is: 'Ready',
      metadata: {
        annotations: {
          'modelyard.dev/predecessors': '{"restarts":0,"evictions":1,"reason":"NodeLost","message":"gone"}',
        },
      },
    }));
    const object = {
      spec: { workers: { replicas: 20 } },
      status: { ...ran, workers: { desired: 20, created: 20, ready: 20 } },
    };
    expect(told({ object, pods: [server, ...many] }).events).toHaveLength(5);
  });

  test('tells of another number of workers', () => {
    const object = { spec: { workers: { replicas: 3 } }, status: ran };
    const { events } = told({ object, pods: [server, worker] });
    expect(events).toContainEqual({
      type: 'Normal',
      reason: 'Scaled',
      action: 'Scale',
      note: 'spec.workers.replicas went from 1 to 3',
    });
  });
});

describe('progress', () => {
  test('stays what it was while nobody reports', () => {
    const known = {
      progress: '10%',
      loss: '0.5',
      metrics: { loss: '0.6' },
      checkpointStep: 8,
      recomputedSteps: 1,
      history: [{ step: 5, loss: '0.7' }],
    };
    const status = { ...ran, ...known, samplesPerSecond: '7', estimatedCompletionTime: '2026-11-24T11:00:00Z' };
    const after = told({ object: { status }, pods: [{ ...server, is: 'Gone' }, worker] }).status;
    expect(after).toMatchObject({ step: 10, ...known });
    expect(after).not.toHaveProperty('samplesPerSecond');
    expect(after).not.toHaveProperty('estimatedCompletionTime');
  });

  test('says when it will be over, and the same again until a step is done', () => {
    const report: Partial<TrainingReport> = {
      phase: 'Running',
      job: { ...job, remainingSeconds: 60, samplesPerSecond: 1_234.5678 },
    };
    const pods: Pods = [{ ...server, report }, worker];
    const first = told({ object: { status: ran }, pods }).status;
    expect(first).toMatchObject({ samplesPerSecond: '1234.57', estimatedCompletionTime: '2026-11-24T10:01:00Z' });
    const later = { now: new Date('2026-11-24T10:00:10Z') };
    expect(told({ object: { status: first }, pods, inputs: later }).status.estimatedCompletionTime).toBe(
      '2026-11-24T10:01:00Z',
    );
  });
});
