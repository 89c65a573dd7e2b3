/** The phase and the conditions of a job tell the truth about its pods, at every moment. */
import { describe, expect, test } from '@jest/globals';
import type { TrainingJobStatus } from '../../../../operator/api/training-job.gen.ts';
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
import type { TrainingWorld } from '../../../support/training-world.ts';

const waiting = (reason: string, message: string) => ({
  phase: 'Pending',
  containerStatuses: [{ name: 'runtime', restartCount: 0, state: { waiting: { reason, message } } }],
});
const fault = (reason: TrainingFault['reason']): Partial<TrainingReport> => ({
  phase: 'Preparing',
  fault: { reason, message: `${reason} it is`, retrying: true },
});
const quota = {
  ref: { apiVersion: 'v1', kind: 'Pod', name: 'digits-worker-0' },
  reason: 'Forbidden',
  message: 'exceeded quota: few',
};

describe('a job', () => {
  test.each<[string, Pods, TrainingWorld, string, string]>([
    ['whose pods are about to be made starts', [], {}, 'Starting', 'Starting'],
    [
      'whose pods are being placed starts',
      [
        { name: 'ps-0', is: 'Pending' },
        { name: 'worker-0', is: 'Pending' },
      ],
      {},
      'Starting',
      'Starting',
    ],
    [
      'that reads its data starts',
      [{ ...server, is: 'NotReady', report: { phase: 'Preparing' } }, worker],
      {},
      'Starting',
      'Preparing',
    ],
    [
      'whose pods look for each other starts',
      [{ ...server, is: 'NotReady', report: { phase: 'Waiting' } }, worker],
      {},
      'Starting',
      'Waiting',
    ],
    [
      'without room for its server is pending',
      [{ name: 'ps-0', is: 'Pending', status: unscheduled }, worker],
      {},
      'Pending',
      'Unschedulable',
    ],
    [
      'without room for any worker is pending',
      [
        { ...server, report: { phase: 'Waiting' } },
        { name: 'worker-0', is: 'Pending', status: unscheduled },
      ],
      {},
      'Pending',
      'Unschedulable',
    ],
    [
      'without an image is pending',
      [{ name: 'ps-0', is: 'Pending', status: waiting('ImagePullBackOff', 'no such image') }, worker],
      {},
      'Pending',
      'ImagePullFailed',
    ],
    [
      'without a Secret that it names is pending',
      [{ name: 'ps-0', is: 'Pending', status: waiting('CreateContainerConfigError', 'secret "s" not found') }, worker],
      {},
      'Pending',
      'ConfigurationMissing',
    ],
    ['without room in the quota is pending', [], { refusals: [quota] }, 'Pending', 'QuotaExceeded'],
    [
      'whose pods a rule of the cluster refuses is pending',
      [],
      { refusals: [{ ...quota, reason: 'Denied', message: 'no such label' }] },
      'Pending',
      'PodRefused',
    ],
    [
      'whose pods cannot be created is pending',
      [],
      { refusals: [{ ...quota, reason: 'WriteFailed', message: 'failed calling webhook' }] },
      'Pending',
      'WriteFailed',
    ],
    [
      'whose storage is away starts, and says so',
      [{ ...server, is: 'NotReady', report: fault('StorageUnavailable') }, worker],
      {},
      'Starting',
      'StorageUnavailable',
    ],
    [
      'whose server fails at once starts, and says so',
      [
        {
          name: 'ps-0',
          is: 'NotReady',
          status: {
            containerStatuses: [
              {
                name: 'runtime',
                restartCount: 2,
                state: { waiting: { reason: 'CrashLoopBackOff' } },
                lastState: { terminated: { exitCode: 64, message: 'no role' } },
              },
            ],
          },
        },
        worker,
      ],
      {},
      'Starting',
      'CrashLoop',
    ],
    [
      'that is resumed while its pods still end starts',
      [
        { name: 'ps-0', is: 'Leaving' },
        { name: 'worker-0', is: 'Leaving' },
      ],
      { dismissed: ['ps-0', 'worker-0'] },
      'Starting',
      'Resuming',
    ],
    [
      'whose pods carry counts over a suspension starts',
      [
        {
          name: 'ps-0',
          is: 'NotReady',
          metadata: {
            annotations: {
              'modelyard.dev/predecessors': '{"restarts":2,"evictions":1,"reason":"PodReplaced","message":""}',
            },
          },
        },
        worker,
      ],
      {},
      'Starting',
      'Starting',
    ],
    ['whose coordinator trains runs', [server, worker], {}, 'Running', 'Training'],
    [
      'that writes its result runs',
      [{ ...server, report: { phase: 'Finishing', job } }, worker],
      {},
      'Running',
      'Training',
    ],
  ])('%s', (_, pods, more, phase, reason) => {
    const { status, condition } = told({ object: { status: begun }, pods, ...more });
    expect([status.phase, condition('Running')?.reason]).toEqual([phase, reason]);
    expect(condition('Running')?.status).toBe(phase === 'Running' ? 'True' : 'False');
  });

  test.each<[string, Pods, string, string]>([
    [
      'its server was deleted',
      [{ ...server, is: 'Leaving' }, worker],
      'PodDeleted',
      'pod digits-ps-0 on node node-1 was deleted',
    ],
    ['its server is gone', [{ ...server, is: 'Gone' }, worker], 'PodDeleted', 'about to be created'],
    [
      'the node of its server started again',
      [
        {
          name: 'ps-0',
          is: 'NotReady',
          report: { phase: 'Preparing', job },
          status: {
            containerStatuses: [
              {
                name: 'runtime',
                restartCount: 1,
                state: { running: {} },
                lastState: { terminated: { exitCode: 255, reason: 'Unknown' } },
              },
            ],
          },
        },
        worker,
      ],
      'NodeRestarted',
      'the container of pod digits-ps-0 ended with node node-1, which has started again',
    ],
    [
      'its server crashed',
      [
        {
          name: 'ps-0',
          is: 'NotReady',
          report: { phase: 'Running', job },
          status: {
            containerStatuses: [{ name: 'runtime', restartCount: 0, state: { terminated: { exitCode: 139 } } }],
          },
        },
        worker,
      ],
      'CrashLoop',
      'exit code 139',
    ],
    [
      'its server was killed for its memory',
      [
        {
          name: 'ps-0',
          is: 'NotReady',
          status: {
            containerStatuses: [
              {
                name: 'runtime',
                restartCount: 1,
                state: { running: {} },
                lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
              },
            ],
          },
        },
        worker,
      ],
      'OutOfMemory',
      'raise spec.parameterServers.resources.limits.memory',
    ],
    [
      'the replacement of its server starts',
      [
        {
          name: 'ps-0',
          is: 'NotReady',
          metadata: {
            annotations: {
              'modelyard.dev/predecessors':
                '{"restarts":0,"evictions":1,"reason":"Evicted","message":"pod digits-ps-0 was evicted"}',
            },
          },
        },
        worker,
      ],
      'Evicted',
      'the pod that replaces it is starting',
    ],
    [
      'all its workers are away',
      [
        { ...server, report: { phase: 'Waiting', job } },
        { name: 'worker-0', is: 'Pending', status: unscheduled },
      ],
      'Unschedulable',
      'digits-worker-0',
    ],
    [
      'its server waits for what nobody explains',
      [
        {
          ...server,
          report: {
            phase: 'Waiting',
            job,
            fault: { reason: 'WaitingForWorkers', message: 'no worker is connected', retrying: true },
          },
        },
        worker,
      ],
      'WaitingForWorkers',
      'no worker is connected',
    ],
  ])('that trained restarts where %s', (_, pods, reason, says) => {
    const { status, events, condition } = told({ object: { status: ran }, pods });
    expect([status.phase, condition('Running')?.status, condition('Running')?.reason]).toEqual([
      'Restarting',
      'False',
      reason,
    ]);
    expect(condition('Running')?.message).toContain(says);
    expect(events.filter((event) => event.action === 'Reconcile')).toMatchObject([{ type: 'Warning', reason }]);
    expect(status.step).toBe(10);
    expect(status.samplesPerSecond).toBeUndefined();
  });

  test('keeps the cause of a restart while its servers find each other again', () => {
    const status: TrainingJobStatus = {
      ...ran,
      phase: 'Restarting',
      conditions: [
        {
          type: 'Running',
          status: 'False',
          reason: 'Evicted',
          message: 'a server was evicted',
          lastTransitionTime: '2026-11-24T09:50:00Z',
        },
      ],
    };
    const { events, condition } = told({
      object: { status },
      pods: [{ ...server, report: { phase: 'Waiting', job } }, worker],
    });
    expect(condition('Running')).toMatchObject({ reason: 'Evicted', message: 'a server was evicted' });
    expect(events).toEqual([]);
  });

  test.each<[string, Pods, string]>([
    ['another server is gone', [server, { name: 'ps-1', is: 'Gone' }, worker], 'PodDeleted'],
    ['another server goes', [server, { name: 'ps-1', is: 'Leaving' }, worker], 'PodDeleted'],
    ['all workers are gone', [server, { name: 'ps-1', is: 'Ready' }, { name: 'worker-0', is: 'Gone' }], 'PodDeleted'],
  ])('is not running any more where %s, whatever server 0 said last', (_, pods, reason) => {
    const { status, condition } = told({ object: { spec: { parameterServers: { replicas: 2 } }, status: ran }, pods });
    expect([status.phase, condition('Running')?.reason]).toEqual(['Restarting', reason]);
  });

  test.each<[string, TrainingReport['phase'], number]>([
    ['keeps what it has done while its new server 0 does not know of it yet', 'Preparing', 10],
    ['keeps what it has done while its servers wait for each other', 'Waiting', 10],
    ['says that steps are lost once it trains without them', 'Running', 0],
  ])('%s', (_, phase, step) => {
    const report = { phase, job: { ...job, step: 0 } };
    const { status } = told({ object: { status: ran }, pods: [{ ...server, report }, worker] });
    expect(status.step).toBe(step);
  });

  const endedAt = (finishedAt: string, phase = 'Running') => ({
    phase,
    conditions: [{ type: 'Ready', status: 'False' }],
    containerStatuses: [{ name: 'runtime', restartCount: 0, state: { terminated: { exitCode: 0, finishedAt } } }],
  });
  const together = { parameterServers: { replicas: 2 } };

  test.each(['Running', 'Succeeded'])(
    'runs, and nothing is the matter, while its pods end well one after the other: %s',
    (phase) => {
      const status = endedAt('2026-11-24T09:59:58Z', phase);
      const pods: Pods = [server, { name: 'ps-1', is: 'NotReady', status }, { ...worker, is: 'NotReady', status }];
      const job = told({ object: { spec: together, status: ran }, pods });
      expect([job.status.phase, job.condition('Running')?.reason]).toEqual(['Running', 'Training']);
      expect(job.condition('Degraded')).toBeUndefined();
      expect([job.events, job.remove]).toEqual([[], []]);
    },
  );

  test('restarts where a server ended well and the job goes on', () => {
    const status = endedAt('2026-11-24T09:59:40Z', 'Succeeded');
    const pods: Pods = [server, { name: 'ps-1', is: 'Succeeded', status }, worker];
    const job = told({ object: { spec: together, status: ran }, pods });
    expect([job.status.phase, job.condition('Running')?.reason]).toEqual(['Restarting', 'PodEnded']);
    expect(job.remove).toMatchObject([{ name: 'digits-ps-1' }]);
  });

  test('is not running by the word of a container that has died since', () => {
    const dead = { containerStatuses: [{ name: 'runtime', restartCount: 0, state: { terminated: { exitCode: 1 } } }] };
    const { status } = told({ object: { status: ran }, pods: [{ ...server, status: dead }, worker] });
    expect(status.phase).toBe('Restarting');
  });

  test('secures its transport where a Secret is named, and says so where none is', () => {
    const tls = told({ object: { spec: { transport: { tlsSecretRef: { name: 'a' } } } } });
    expect(tls.condition('TransportSecured')).toMatchObject({ status: 'True', reason: 'MutualTLS' });
    expect(told({}).condition('TransportSecured')).toMatchObject({ status: 'False', reason: 'NetworkPolicyOnly' });
  });
});

describe('an operator that takes over', () => {
  const silent = { ...server, report: undefined } as unknown as Pods[number];

  test.each<[string, TrainingJobStatus]>([
    ['trains', { ...ran, samplesPerSecond: '900', estimatedCompletionTime: '2026-11-24T10:09:00Z' }],
    ['starts', { ...begun, phase: 'Starting' }],
  ])(
    'lets stand what was said of a job that %s until it has asked server 0, and makes what is missing',
    (_, status) => {
      const pods: Pods = [silent, { name: 'worker-0', is: 'Gone' }];
      const { status: after, events, create } = told({ object: { status }, pods, unheard: ['ps-0'] });
      expect([after, events]).toEqual([status, []]);
      expect(create.map(({ metadata }) => metadata.name)).toEqual(['digits-worker-0']);
      expect(told({ object: { status }, pods }).status.phase).not.toBe('Running');
    },
  );

  test.each<[string, Pods[number], TrainingJobStatus, string]>([
    ['whose server 0 died', { ...silent, is: 'Gone' }, ran, 'Restarting'],
    ['whose server 0 ended', { name: 'ps-0', is: 'Failed' }, ran, 'Restarting'],
    ['of which nothing was ever said', silent, {}, 'Starting'],
  ])('waits for no answer of a job %s', (_, ps0, status, phase) => {
    const { status: after } = told({ object: { status }, pods: [ps0, worker], unheard: ['ps-0'] });
    expect(after.phase).toBe(phase);
  });

  test('suspends a job without asking', () => {
    const object = { spec: { runPolicy: { suspend: true } }, status: ran };
    expect(told({ object, pods: [silent, worker], unheard: ['ps-0'] }).status.phase).toBe('Suspending');
  });
});

describe('counts of pods', () => {
  test('are what the pods say: only those that work and stay are ready', () => {
    const pods: Pods = [
      server,
      { name: 'ps-1', is: 'NotReady' },
      worker,
      { name: 'worker-1', is: 'Leaving', status: { conditions: [{ type: 'Ready', status: 'True' }] } },
      { name: 'worker-2', is: 'Succeeded', status: { conditions: [{ type: 'Ready', status: 'True' }] } },
      { name: 'worker-3', is: 'Ready' },
    ];
    const spec = { parameterServers: { replicas: 2 }, workers: { replicas: 3 } };
    const { status } = told({ object: { spec }, pods });
    expect(status.parameterServers).toMatchObject({ desired: 2, created: 2, ready: 1 });
    // One is to go, but works still.
    expect(status.workers).toMatchObject({ desired: 3, created: 3, ready: 2 });
  });
});
