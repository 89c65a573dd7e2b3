/** What is the matter with a job, beside its phase: what it goes on in spite of, and what only a person can mend. */
import { describe, expect, test } from '@jest/globals';
import type { TrainingFault, TrainingReport } from '../../../../runtime/training-contract.ts';
import {
  begun,
  progress as job,
  ran,
  server,
  told,
  unscheduled,
  worker,
  type Pods,
} from '../../../support/training-states.ts';

const fault = (reason: TrainingFault['reason']): Partial<TrainingReport> => ({
  phase: 'Preparing',
  fault: { reason, message: `${reason} it is`, retrying: false },
});

describe('a job', () => {
  test.each<[string, Pods[number], string]>([
    ['has no node', { name: 'worker-1', is: 'Pending', status: unscheduled }, 'Unschedulable'],
    ['is gone', { name: 'worker-1', is: 'Gone' }, 'PodDeleted'],
    [
      'has no accelerator',
      { name: 'worker-1', is: 'NotReady', report: fault('AcceleratorUnavailable') },
      'AcceleratorUnavailable',
    ],
  ])('goes on while one of its workers %s, and says so', (_, second, reason) => {
    const { status, events, condition } = told({
      object: { spec: { workers: { replicas: 2 } }, status: { ...ran, workers: { ...ran.workers, desired: 2 } } },
      pods: [server, worker, second],
    });
    expect([status.phase, condition('Running')?.status]).toEqual(['Running', 'True']);
    expect(condition('Degraded')).toMatchObject({ status: 'True', reason });
    expect(condition('Stalled')).toBeUndefined();
    expect(events).toMatchObject([{ type: 'Warning', reason }]);
  });

  test.each<[string, object, string]>([
    ['trains', {}, 'Running'],
    ['is suspended', { suspend: true }, 'Suspending'],
  ])('that %s waits for no queue that it was given since, and says so', (_, policy, phase) => {
    const spec = { runPolicy: { ...policy, queueName: 'team-a' } };
    const { status, condition } = told({ object: { spec, status: ran }, pods: [server, worker] });
    expect(status.phase).toBe(phase);
    expect(condition('Degraded')).toMatchObject({ status: 'True', reason: 'UnsupportedQueue' });
    expect(condition('Degraded')?.message).toContain('spec.runPolicy.queueName team-a');
    expect(condition('Stalled')).toBeUndefined();
  });

  test('says of a pod that is invalid that only another job can have another', () => {
    const ref = { apiVersion: 'v1', kind: 'Pod', name: 'digits-worker-0' };
    const refusal = { ref, reason: 'Invalid', message: 'spec.containers[0]: no good' };
    const { status, condition } = told({ object: { status: begun }, pods: [server], refusals: [refusal] });
    expect(condition('Stalled')).toMatchObject({ status: 'True', reason: 'Invalid' });
    expect(condition('Stalled')?.message).toMatch(/spec\.containers\[0\]: no good; .*create another TrainingJob/);
    expect(status.phase).toBe('Pending');
  });

  test('goes on while it cannot write checkpoints, and says so', () => {
    const report: Partial<TrainingReport> = {
      phase: 'Running',
      job,
      fault: { reason: 'StorageFull', message: 'no room for checkpoints; free some', retrying: true },
    };
    const { status, condition } = told({ object: { status: ran }, pods: [{ ...server, report }, worker] });
    expect(status.phase).toBe('Running');
    expect(condition('Degraded')).toMatchObject({
      reason: 'StorageFull',
      message: 'no room for checkpoints; free some',
    });
  });

  test('waits for somebody where only a person can help', () => {
    const pods: Pods = [{ ...server, is: 'NotReady', report: fault('AccessDenied') }, worker];
    const { condition } = told({ object: { status: begun }, pods });
    expect(condition('Stalled')).toMatchObject({ status: 'True', reason: 'AccessDenied' });
  });
});
