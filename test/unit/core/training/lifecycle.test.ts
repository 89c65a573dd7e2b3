/** Which pods are made, which go, and how a job ends. */
import { describe, expect, test } from '@jest/globals';
import type { TrainingJobStatus } from '../../../../operator/api/training-job.gen.ts';
import { render } from '../../../../operator/core/training/render.ts';
import type { TrainingOutcome } from '../../../../runtime/training-contract.ts';
import { progress } from '../../../support/training-states.ts';
import { observeJob, type TrainingWorld } from '../../../support/training-world.ts';

const started: TrainingJobStatus = {
  phase: 'Running',
  startTime: '2026-11-24T09:00:00Z',
  activeTime: '2026-11-24T09:00:00Z',
  activeSeconds: 0,
  image: 'modelyard:0.1.0',
};

function plan(world: TrainingWorld) {
  const { observed, inputs } = observeJob(world);
  const made = render(observed, inputs);
  return {
    ...made,
    created: (made.create ?? []).map(({ metadata }) => metadata.name.replace('digits-', '')),
    removed: made.remove.map(
      ({ name, gracePeriodSeconds }) => `${name.replace('digits-', '')}${gracePeriodSeconds === 0 ? '!' : ''}`,
    ),
  };
}

type Pods = NonNullable<TrainingWorld['pods']>;
const running = { phase: 'Running' } as const;
const failedAt = (exitCode: number, restartCount: number, finishedAt = '') => ({
  containerStatuses: [
    { name: 'runtime', restartCount, state: { running: {} }, lastState: { terminated: { exitCode, finishedAt } } },
  ],
});

describe('pods', () => {
  test('are all made at once, servers first', () => {
    const { created } = plan({ object: { spec: { parameterServers: { replicas: 2 }, workers: { replicas: 3 } } } });
    expect(created).toEqual(['ps-0', 'ps-1', 'worker-0', 'worker-1', 'worker-2']);
  });

  test('that are lost are replaced alone, under their own names', () => {
    const spec = { parameterServers: { replicas: 2 }, workers: { replicas: 2 } };
    const pods: Pods = [
      { name: 'ps-0', is: 'Ready' },
      { name: 'worker-0', is: 'Ready' },
    ];
    expect(plan({ object: { spec, status: started }, pods })).toMatchObject({
      created: ['ps-1', 'worker-1'],
      removed: [],
    });
  });

  test('that are still there are never made again', () => {
    const pods: Pods = [
      { name: 'ps-0', is: 'Leaving' },
      { name: 'worker-0', is: 'NotReady' },
    ];
    const { created, removed, requeueAfterMs } = plan({ object: { status: started }, pods });
    // It should be gone at 10:00:30, and half a minute later it will be taken away.
    expect([created, removed, requeueAfterMs]).toEqual([[], [], 60_000]);
  });

  test('whose node does not let go of them are taken away when their time is over', () => {
    const metadata = { deletionTimestamp: '2026-11-24T09:59:30Z' };
    const pods: Pods = [
      { name: 'ps-0', is: 'Leaving', metadata },
      { name: 'worker-0', is: 'Ready' },
    ];
    expect(plan({ object: { status: started }, pods }).removed).toEqual(['ps-0!']);
  });

  test('that failed for good make room for others, at first at once', () => {
    const twice = '{"restarts":0,"evictions":3,"reason":"Evicted","message":""}';
    const again = { creationTimestamp: '2026-11-24T09:59:55Z', annotations: { 'modelyard.dev/predecessors': twice } };
    const pods: Pods = [
      { name: 'ps-0', is: 'Failed' },
      { name: 'worker-0', is: 'Failed', metadata: again },
    ];
    expect(plan({ object: { status: started }, pods })).toMatchObject({ removed: ['ps-0'], requeueAfterMs: 15_000 });
  });

  test('that ended well before the job did are replaced after a while, but not while the result is written', () => {
    const ended = (finishedAt: string): Pods[number] => ({
      name: 'worker-0',
      is: 'Succeeded',
      status: { containerStatuses: [{ name: 'runtime', state: { terminated: { exitCode: 0, finishedAt } } }] },
    });
    const at = (finishedAt: string, phase: 'Running' | 'Finishing', unheard: string[] = []) =>
      plan({
        object: { status: started },
        pods: [{ name: 'ps-0', is: 'Ready', report: { phase } }, ended(finishedAt)],
        unheard,
      });
    expect(at('2026-11-24T09:59:50Z', 'Running')).toMatchObject({ removed: [], requeueAfterMs: 5_000 });
    expect(at('2026-11-24T09:59:40Z', 'Running').removed).toEqual(['worker-0']);
    expect(at('2026-11-24T09:00:00Z', 'Finishing').removed).toEqual([]);
    // Nobody knows yet whether it is.
    expect(at('2026-11-24T09:00:00Z', 'Running', ['ps-0']).removed).toEqual([]);
  });

  test('follow the number of workers', () => {
    const pods: Pods = ['ps-0', 'worker-0', 'worker-1', 'worker-2'].map((name) => ({ name, is: 'Ready' }));
    const sized = (replicas: number) => plan({ object: { spec: { workers: { replicas } }, status: started }, pods });
    expect(sized(1)).toMatchObject({ created: [], removed: ['worker-1', 'worker-2'] });
    expect(sized(5)).toMatchObject({ created: ['worker-3', 'worker-4'], removed: [] });
  });

  test('keep the image that the job began with', () => {
    const inputs = { image: 'modelyard:0.2.0' };
    const images = (world: TrainingWorld) =>
      new Set(
        (plan(world).create ?? []).map(
          ({ spec }) => (spec as { containers: { image: string }[] }).containers[0]?.image,
        ),
      );
    expect(images({ object: { status: started }, inputs })).toEqual(new Set(['modelyard:0.1.0']));
    expect(images({ inputs })).toEqual(new Set(['modelyard:0.2.0']));
    expect(plan({ inputs }).status.image).toBe('modelyard:0.2.0');
  });

  test('of a job that was refused for its queue are left alone when the queue is named later', () => {
    const object = { spec: { runPolicy: { queueName: 'q' } }, status: started };
    const pods: Pods = [
      { name: 'ps-0', is: 'Ready', report: running },
      { name: 'worker-0', is: 'Ready' },
    ];
    expect(plan({ object, pods })).toMatchObject({ created: [], removed: [], status: { phase: 'Running' } });
  });
});

describe('a job that is suspended', () => {
  const suspend = { runPolicy: { suspend: true } };

  test('loses its workers, then its servers, and is suspended when the last is gone', () => {
    const all: Pods = [
      { name: 'ps-0', is: 'Ready' },
      { name: 'worker-0', is: 'Ready' },
    ];
    const at = (pods: Pods) => plan({ object: { spec: suspend, status: started }, pods });
    expect(at(all)).toMatchObject({ removed: ['worker-0'], status: { phase: 'Suspending' } });
    expect(
      at([
        { name: 'ps-0', is: 'Ready' },
        { name: 'worker-0', is: 'Leaving' },
      ]),
    ).toMatchObject({ removed: [] });
    expect(at([{ name: 'ps-0', is: 'Ready' }])).toMatchObject({ removed: ['ps-0'], status: { phase: 'Suspending' } });
    expect(at([])).toMatchObject({ created: [], removed: [], status: { phase: 'Suspended' } });
  });

  test('before it began makes no pod and has not started', () => {
    const { created, apply, status } = plan({ object: { spec: suspend } });
    expect([created, apply.length, status.phase, status.startTime]).toEqual([[], 4, 'Suspended', undefined]);
  });

  test('does not use up its time while its pods end, however long nobody looks', () => {
    const pods: Pods = [{ name: 'ps-0', is: 'Leaving' }];
    const { status } = plan({ object: { spec: suspend, status: { ...started, activeSeconds: 50 } }, pods });
    expect([status.activeTime, status.activeSeconds]).toEqual([undefined, 3_650]);
    const later = { now: new Date('2026-11-25T10:00:00Z') };
    expect(plan({ object: { spec: suspend, status }, inputs: later }).status.activeSeconds).toBe(3_650);
  });

  test('does not use up its time', () => {
    const deadline = { runPolicy: { suspend: true, activeDeadlineSeconds: 60 } };
    const status = { ...started, phase: 'Suspended' as const, activeSeconds: 50, activeTime: undefined };
    expect(plan({ object: { spec: deadline, status }, pods: [] }).status).toMatchObject({
      phase: 'Suspended',
      activeSeconds: 50,
    });
    const resumed = plan({ object: { spec: { runPolicy: { activeDeadlineSeconds: 60 } }, status }, pods: [] });
    expect(resumed).toMatchObject({
      status: { phase: 'Starting', activeSeconds: 50, activeTime: '2026-11-24T10:00:00Z' },
      requeueAfterMs: 10_000,
    });
  });

  test('does not fail for what failed before', () => {
    const status = { ...started, backoff: { step: 1, restarts: 0 }, workers: { restarts: 99 } };
    expect(plan({ object: { spec: suspend, status }, pods: [] }).status.phase).toBe('Suspended');
  });
});

describe('the backoff limit', () => {
  const limited = { runPolicy: { backoffLimit: 2 } };
  const status = (restarts: number, step = 10): TrainingJobStatus => ({
    ...started,
    step,
    backoff: { step, restarts },
    parameterServers: { desired: 1, created: 1, ready: 1, restarts, evictions: 0 },
    workers: { desired: 1, created: 1, ready: 1, restarts: 0, evictions: 0 },
  });
  const at = (before: TrainingJobStatus, failures: number, step?: number) =>
    plan({
      object: { spec: limited, status: before },
      pods: [
        {
          name: 'ps-0',
          is: 'NotReady',
          status: failedAt(1, failures, '2026-11-24T09:59:00Z'),
          ...(step === undefined
            ? {}
            : {
                report: {
                  phase: 'Running',
                  job: {
                    step,
                    totalSteps: 99,
                    epoch: 1,
                    validationMetrics: {},
                    connectedServers: 1,
                    connectedWorkers: 1,
                    recomputedSteps: 0,
                    history: [],
                  },
                },
              }),
        },
        { name: 'worker-0', is: 'NotReady' },
      ],
    }).status;

  test('counts failures without a step in between', () => {
    expect(at(status(0), 2).phase).toBe('Restarting');
    const failed = at(status(0), 3);
    expect(failed.phase).toBe('Failed');
    expect(failed.conditions?.find(({ type }) => type === 'Failed')).toMatchObject({
      status: 'True',
      reason: 'BackoffLimitExceeded',
      message: expect.stringContaining('pod digits-ps-0, with exit code 1') as unknown,
    });
  });

  test('begins anew with every step that was never done before', () => {
    const advanced = at(status(0), 3, 11);
    expect(advanced).toMatchObject({ phase: 'Running', backoff: { step: 11, restarts: 3 } });
    expect(at(advanced, 5).phase).toBe('Restarting');
    expect(at(advanced, 6).phase).toBe('Failed');
    // Steps that are done again are no progress.
    expect(at(status(0), 3, 10).phase).toBe('Failed');
  });

  test('of 0 forgives nothing', () => {
    const pods: Pods = [
      { name: 'ps-0', is: 'NotReady', status: failedAt(1, 1) },
      { name: 'worker-0', is: 'Ready' },
    ];
    const spec = { runPolicy: { backoffLimit: 0 } };
    expect(plan({ object: { spec, status: started }, pods }).status.phase).toBe('Failed');
  });

  test.each(['evicted', 'deleted', 'lost with a node'])('does not count pods that were %s', (how) => {
    const told = `{"restarts":0,"evictions":50,"reason":"Evicted","message":"${how}"}`;
    const annotations = { 'modelyard.dev/predecessors': told };
    const pods: Pods = [
      { name: 'ps-0', is: 'Ready', metadata: { annotations }, report: { phase: 'Waiting' } },
      { name: 'worker-0', is: 'Ready' },
    ];
    const { phase, parameterServers } = plan({ object: { spec: limited, status: started }, pods }).status;
    expect([phase, parameterServers?.evictions]).toEqual(['Restarting', 50]);
  });
});

describe('the end of a job', () => {
  const output = {
    uri: 's3://models/digits/v1',
    digest: `sha256:${'a'.repeat(64)}`,
    specHash: `sha256:${'b'.repeat(64)}`,
    dataDigest: `sha256:${'c'.repeat(64)}`,
    steps: 7,
    completedAtMs: Date.parse('2026-11-24T09:59:58Z'),
    testMetrics: { loss: 0.5, accuracy: 0.75 },
  };
  const trained: TrainingOutcome = { succeeded: true, reason: 'Trained', message: 'done', output };
  const worker: Pods[number] = { name: 'worker-0', is: 'Ready' };

  test.each<[string, Pods[number]]>([
    ['reports it', { name: 'ps-0', is: 'Ready', report: { phase: 'Succeeded', outcome: trained } }],
    ['said it last', { name: 'ps-0', is: 'Succeeded', outcome: trained }],
  ])('is known once server 0 %s', (_, server) => {
    const { status, apply, created, removed, requeueAfterMs } = plan({
      object: { status: started },
      pods: [server, worker],
    });
    expect(status).toMatchObject({
      phase: 'Succeeded',
      completionTime: '2026-11-24T10:00:00Z',
      progress: '100%',
      step: 7,
      score: '0.75',
      output: {
        uri: output.uri,
        digest: output.digest,
        accepted: true,
        testMetrics: { loss: '0.5', accuracy: '0.75' },
      },
    });
    // First the status, then the rest: what is lost in between must not be made anew.
    expect([apply, created, removed, requeueAfterMs]).toEqual([[], [], [], 1]);
  });

  test('comes with all that server 0 reported, also when its container has ended since', () => {
    const report = { phase: 'Succeeded', job: { ...progress, step: 100, recomputedSteps: 1 } } as const;
    const pods: Pods = [{ name: 'ps-0', is: 'Succeeded', outcome: trained, report }, worker];
    const { status } = plan({ object: { status: { ...started, step: 93 } }, pods });
    expect(status).toMatchObject({ phase: 'Succeeded', step: 100, recomputedSteps: 1 });
    expect(status).not.toHaveProperty('samplesPerSecond');
  });

  test('by success is told by server 0 alone', () => {
    const pods: Pods = [
      { name: 'ps-0', is: 'Ready', report: running },
      { ...worker, outcome: trained },
    ];
    expect(plan({ object: { status: started }, pods }).status.phase).toBe('Running');
  });

  test('by success needs a result', () => {
    const outcome = { succeeded: true, reason: 'Trained', message: 'trust me' };
    const pods: Pods = [{ name: 'ps-0', is: 'Ready', report: { phase: 'Succeeded', outcome } }, worker];
    expect(plan({ object: { status: started }, pods }).status.phase).not.toBe('Succeeded');
  });

  test('by failure may be told by any pod, and needs no further try', () => {
    const outcome = { succeeded: false, reason: 'InvalidTransportSecret', message: 'no tls.crt' };
    const pods: Pods = [
      { name: 'ps-0', is: 'Ready', report: running },
      { ...worker, outcome },
    ];
    const { status } = plan({ object: { status: started }, pods });
    expect(status).toMatchObject({ phase: 'Failed' });
    expect(status.conditions?.find(({ type }) => type === 'Stalled')).toMatchObject({
      reason: 'InvalidTransportSecret',
    });
    expect(status).not.toHaveProperty('output');
  });

  test('also comes to a job that was just suspended', () => {
    const pods: Pods = [{ name: 'ps-0', is: 'Leaving', outcome: trained }];
    const object = { spec: { runPolicy: { suspend: true } }, status: started };
    expect(plan({ object, pods }).status.phase).toBe('Succeeded');
  });

  test('is for ever: nothing is made again, whatever is deleted and however the spec is changed', () => {
    const { status } = plan({
      object: { status: started },
      pods: [{ name: 'ps-0', is: 'Succeeded', outcome: trained }],
    });
    for (const spec of [
      {},
      { workers: { replicas: 9 } },
      { runPolicy: { suspend: true } },
      { runPolicy: { queueName: 'a' } },
    ]) {
      const after = plan({ object: { spec, status } });
      expect([after.apply, after.created, after.status.phase]).toEqual([[], [], 'Succeeded']);
    }
  });

  test('leaves pods a while to end by themselves where it succeeded, and stops them at once where it failed', () => {
    const pods: Pods = [
      { name: 'ps-0', is: 'Ready' },
      { name: 'worker-0', is: 'Succeeded' },
    ];
    const over = (phase: 'Succeeded' | 'Failed', completionTime: string) =>
      plan({ object: { status: { ...started, phase, completionTime } }, pods });
    expect(over('Succeeded', '2026-11-24T09:59:50Z')).toMatchObject({ removed: [], requeueAfterMs: 20_000 });
    expect(over('Succeeded', '2026-11-24T09:59:30Z').removed).toEqual(['ps-0']);
    expect(over('Failed', '2026-11-24T10:00:00Z').removed).toEqual(['ps-0']);
  });

  test('takes away pods whose node does not let go of them', () => {
    const leaving = (deletionTimestamp: string) => {
      const pods: Pods = [{ name: 'ps-0', is: 'Leaving', metadata: { deletionTimestamp } }];
      return plan({
        object: { status: { ...started, phase: 'Failed', completionTime: '2026-11-24T09:00:00Z' } },
        pods,
      });
    };
    expect(leaving('2026-11-24T09:59:30Z').removed).toEqual(['ps-0!']);
    expect(leaving('2026-11-24T09:59:40Z')).toMatchObject({ removed: [], requeueAfterMs: 10_000 });
  });

  test.each([
    [0, '2026-11-24T09:59:55Z', false, 5_000],
    [0, '2026-11-24T09:59:50Z', true, undefined],
    [60, '2026-11-24T09:59:30Z', false, 30_000],
    [60, '2026-11-24T09:59:00Z', true, undefined],
    [60, undefined, false, undefined],
  ])('is followed by that of the object: %d s after %s', (ttlSecondsAfterFinished, completionTime, goes, again) => {
    const object = {
      spec: { runPolicy: { ttlSecondsAfterFinished } },
      status: { ...started, phase: 'Failed', completionTime },
    };
    const { removeOwner = false, requeueAfterMs } = plan({ object });
    expect([removeOwner, requeueAfterMs]).toEqual([goes, again]);
  });

  test('is followed by that of the object no sooner than others can have heard of it from this operator', () => {
    const object = {
      spec: { runPolicy: { ttlSecondsAfterFinished: 0 } },
      status: { ...started, phase: 'Succeeded', completionTime: '2026-11-24T09:00:00Z' },
    };
    const begun = (time: string) => plan({ object, inputs: { begun: new Date(time) } });
    expect(begun('2026-11-24T09:59:57Z')).toMatchObject({ requeueAfterMs: 7_000 });
    expect(begun('2026-11-24T09:59:57Z')).not.toHaveProperty('removeOwner');
    expect(begun('2026-11-24T09:59:50Z')).toMatchObject({ removeOwner: true });
  });
});
