/** How far a job came, as its status tells it when the job ends or stops. */
import { describe, expect, test } from '@jest/globals';
import type { TrainingJobStatus } from '../../../../operator/api/training-job.gen.ts';
import type { TrainingOutcome } from '../../../../runtime/training-contract.ts';
import { begun, type Pods, progress, told, worker } from '../../../support/training-states.ts';

const started: TrainingJobStatus = { ...begun, phase: 'Running' };

describe('the end of a job', () => {
  const output: NonNullable<TrainingOutcome['output']> = {
    uri: 's3://models/digits/v1',
    digest: `sha256:${'a'.repeat(64)}`,
    specHash: `sha256:${'b'.repeat(64)}`,
    dataDigest: `sha256:${'c'.repeat(64)}`,
    steps: 7,
    completedAtMs: Date.parse('2026-11-24T09:59:58Z'),
    testMetrics: { loss: 0.5, accuracy: 0.75 },
  };
  const trained: TrainingOutcome = { succeeded: true, reason: 'Trained', message: 'done', output };

  test.each<[string, TrainingJobStatus]>([
    ['was away when the last steps were done', { ...started, step: 5, checkpointStep: 4, progress: '71%' }],
    ['sees the job applied again', {}],
  ])('says how far the job came although the operator %s', (_, before) => {
    const outcome = { ...trained, output: { ...output, checkpointStep: 7 } };
    const job = { ...progress, step: 0, totalSteps: 0, epoch: 1 };
    const pods: Pods = [{ name: 'ps-0', is: 'Ready', report: { phase: 'Succeeded', job, outcome } }, worker];
    const { status, condition } = told({ object: { status: before }, pods });
    expect(status).toMatchObject({ phase: 'Succeeded', step: 7, progress: '100%', checkpointStep: 7 });
    expect(status).not.toHaveProperty('epoch');
    expect(condition('Checkpointed')).toMatchObject({
      status: 'True',
      message: 'the job is over, and its last checkpoint holds step 7',
    });
  });

  test('never says less than was heard before', () => {
    const pods: Pods = [
      { name: 'ps-0', is: 'Succeeded', outcome: { ...trained, output: { ...output, checkpointStep: 3 } } },
    ];
    const { status } = told({ object: { status: { ...started, step: 9, checkpointStep: 9 } }, pods });
    expect(status).toMatchObject({ step: 9, checkpointStep: 9 });
  });

  test('without a checkpoint needed none where the model was there before', () => {
    const pods: Pods = [{ name: 'ps-0', is: 'Succeeded', outcome: { ...trained, reason: 'AlreadyTrained' } }];
    const { condition } = told({ object: { status: started }, pods });
    expect(condition('Checkpointed')).toMatchObject({ status: 'False', reason: 'NotNeeded' });
  });

  test.each([
    ['2026-11-20T08:00:00.900Z', '2026-11-20T08:00:00Z', 'when it came first'],
    ['2030-01-01T00:00:00Z', '2026-11-24T10:00:00Z', 'now at the latest'],
  ])('that server 0 dates %s is dated %s: %s', (dated, expected) => {
    const outcome = { ...trained, output: { ...output, completedAtMs: Date.parse(dated) } };
    const { status } = told({ object: { status: started }, pods: [{ name: 'ps-0', is: 'Succeeded', outcome }] });
    expect(status).toMatchObject({ completionTime: '2026-11-24T10:00:00Z', output: { completionTime: expected } });
  });
});

describe('what server 0 says when it is told to stop', () => {
  const farewell = { step: 93, checkpointStep: 93 };
  const suspended = { runPolicy: { suspend: true } };

  test.each<[string, TrainingJobStatus, Pods]>([
    ['while its pod goes', { ...started, step: 90 }, [{ name: 'ps-0', is: 'Leaving', report: { job: progress } }]],
    ['once its pod is gone', { ...started, step: 90, progress: '90%' }, []],
    ['to an operator that knew nothing before', started, []],
  ])('is where a suspended job will go on: %s', (_, before, pods) => {
    const { status, condition } = told({ object: { spec: suspended, status: before }, pods, farewell });
    expect(status).toMatchObject({ step: 93, checkpointStep: 93 });
    expect(condition('Checkpointed')).toMatchObject({
      status: 'True',
      message: 'the newest complete checkpoint holds step 93',
    });
    if (pods.length === 0) expect(condition('Suspended')?.message).toMatch(/to go on from step 93$/);
  });

  test('makes no less of what is known', () => {
    const object = { spec: suspended, status: { ...started, step: 99, checkpointStep: 98 } };
    expect(told({ object, pods: [], farewell }).status).toMatchObject({ step: 99, checkpointStep: 98 });
  });

  test('counts in the percentage too', () => {
    const pods: Pods = [{ name: 'ps-0', is: 'Leaving', report: { job: { ...progress, step: 90 } } }];
    const { status } = told({ object: { spec: suspended, status: started }, pods, farewell });
    expect(status).toMatchObject({ step: 93, progress: '93%' });
  });

  test('is not awaited: without it a suspended job promises nothing', () => {
    const { condition } = told({ object: { spec: suspended, status: started }, pods: [] });
    expect(condition('Suspended')?.message).toMatch(/no checkpoint is known/);
  });

  test('is kept of a job that failed', () => {
    const conditions = [
      {
        type: 'Checkpointed',
        status: 'False' as const,
        reason: 'NoCheckpoint',
        message: '',
        lastTransitionTime: started.startTime ?? '',
      },
    ];
    const before: TrainingJobStatus = {
      ...started,
      phase: 'Failed',
      completionTime: '2026-11-24T09:59:00Z',
      step: 90,
      conditions,
    };
    const { status, condition } = told({ object: { status: before }, pods: [], farewell });
    expect(status).toMatchObject({ phase: 'Failed', step: 93, checkpointStep: 93 });
    expect(condition('Checkpointed')).toMatchObject({
      status: 'True',
      message: 'the job is over, and its last checkpoint holds step 93',
    });
    expect(told({ object: { status }, pods: [], farewell }).status).toEqual(status);
  });
});
