/** What pods that train report: who is asked how often, and what of it is believed. */
import type { RequestListener } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { parseFarewell, parseOutcome } from '../../../operator/controllers/report-schema.ts';
import { trainingReports } from '../../../operator/controllers/training-reports.ts';
import type { KubeObject } from '../../../operator/kube/object.ts';
import type { TrainingReport } from '../../../runtime/training-contract.ts';
import { polling, until } from '../../support/polling.ts';
import { progress } from '../../support/training-states.ts';
import { podOf, reportOf, type PodShape } from '../../support/training-world.ts';

/** Pods are told apart by their addresses. */
const pod = (name: string, is: PodShape, address: string, metadata: object = {}): KubeObject =>
  podOf({ name, is, metadata, status: { podIP: address } });

const saying =
  (reports: Record<string, unknown>): RequestListener =>
  (request, response) =>
    response.end(JSON.stringify(reports[new URL(request.url ?? '', 'http://x').searchParams.get('of') ?? '']));

const count = (asked: readonly string[], address: string): number =>
  asked.filter((url) => url.includes(`//${address}:`)).length;

describe('the poller of jobs', () => {
  test('asks server 0 all the time, others while they are not ready, and nobody who does not run', async () => {
    const pods = [
      pod('ps-0', 'Ready', '10.0.0.1'),
      pod('ps-1', 'Ready', '10.0.0.2'),
      pod('worker-0', 'NotReady', '10.0.0.3'),
      pod('worker-1', 'Succeeded', '10.0.0.4'),
      pod('worker-2', 'Leaving', '10.0.0.5'),
    ];
    const { asked, looks } = await polling(trainingReports, pods, saying({ '10.0.0.1': reportOf('ps-0', {}) }));
    await until(() => count(asked, '10.0.0.1') >= 4);
    expect(count(asked, '10.0.0.3')).toBeGreaterThan(1);
    expect(['10.0.0.2', '10.0.0.4', '10.0.0.5'].map((address) => count(asked, address))).toEqual([0, 0, 0]);
    expect(looks).toEqual(['team-a/digits']);
  });

  test('does not ask a thousand pods that start as often as one', () => {
    const one = podOf({ name: 'worker-0', is: 'NotReady' });
    expect(trainingReports.pauseMs(one, undefined, 2_000, 1)).toBe(2_000);
    expect(trainingReports.pauseMs(one, undefined, 2_000, 1_000)).toBe(20_000);
    expect(trainingReports.pauseMs(podOf({ name: 'ps-0', is: 'NotReady' }), undefined, 2_000, 1_000)).toBe(2_000);
  });

  test('knows whom it has not asked yet', async () => {
    const pods = [pod('ps-0', 'Ready', '10.0.0.1'), pod('worker-0', 'NotReady', '10.0.0.2')];
    const others = [pod('worker-1', 'Succeeded', '10.0.0.4'), pod('ps-1', 'Ready', '10.0.0.9')];
    const asking = Promise.withResolvers<undefined>();
    const { poller } = await polling(trainingReports, [...pods, ...others], (request, response) => {
      void asking.promise.then(() => (request.url?.includes('10.0.0.1') ? response.end('{}') : response.destroy()));
    });
    expect(pods.map((each) => poller.isUnheard(each))).toEqual([true, true]);
    expect(others.map((each) => poller.isUnheard(each))).toEqual([false, false]);
    asking.resolve(undefined);
    await until(() => !pods.some((each) => poller.isUnheard(each)));
  });

  test('forgets what a container said once it is started again', async () => {
    const mine = pod('ps-0', 'Ready', '10.0.0.1');
    const { poller } = await polling(trainingReports, [mine], saying({ '10.0.0.1': reportOf('ps-0', {}) }));
    await until(() => poller.get(mine) !== undefined);
    const again = podOf({
      name: 'ps-0',
      is: 'Ready',
      status: { containerStatuses: [{ name: 'runtime', restartCount: 1, state: { running: {} } }] },
    });
    expect(poller.get(again)).toBeUndefined();
  });

  test.each<[string, KubeObject]>([
    ['without the labels', pod('ps-1', 'NotReady', '10.0.0.2', { labels: { 'modelyard.dev/job': 'digits' } })],
    ['without an owner', pod('ps-1', 'NotReady', '10.0.0.2', { ownerReferences: [] })],
    [
      'of another job',
      pod('ps-1', 'NotReady', '10.0.0.2', {
        ownerReferences: [
          { apiVersion: 'modelyard.dev/v1alpha1', kind: 'TrainingJob', name: 'x', uid: 'u', controller: true },
        ],
      }),
    ],
    ["on its node's network", { ...pod('ps-1', 'NotReady', '10.0.0.2'), spec: { hostNetwork: true } }],
  ])('never asks a pod %s', async (_, stranger) => {
    const { asked } = await polling(trainingReports, [pod('ps-0', 'Ready', '10.0.0.1'), stranger], saying({}));
    await until(() => asked.length >= 3);
    expect(count(asked, '10.0.0.2')).toBe(0);
  });
});

const whole: TrainingReport = reportOf('ps-0', {
  phase: 'Running',
  fault: { reason: 'StorageFull', message: 'no room', retrying: true },
  job: {
    ...progress,
    loss: 0.5,
    validationMetrics: { loss: 0.6, accuracy: 0.9 },
    samplesPerSecond: 10,
    remainingSeconds: 5,
    checkpointStep: 9,
    history: [{ step: 1, loss: 2, validationLoss: 3 }],
    rows: 100,
    badRows: 1,
  },
  outcome: {
    succeeded: true,
    reason: 'Trained',
    message: 'done',
    output: {
      uri: 's3://a/b',
      digest: `sha256:${'a'.repeat(64)}`,
      specHash: `sha256:${'b'.repeat(64)}`,
      dataDigest: `sha256:${'c'.repeat(64)}`,
      steps: 10,
      completedAtMs: Date.parse('2026-11-24T09:59:58Z'),
      testMetrics: { loss: 0.5 },
    },
  },
});

describe('a report', () => {
  const mine = podOf({ name: 'ps-0', is: 'Ready' });
  const believed = (value: unknown): TrainingReport | undefined => trainingReports.parse(JSON.stringify(value), mine);

  test('is kept whole, without what nobody knows', () => {
    expect(believed({ ...whole, extra: 1 })).toEqual(whole);
  });

  test.each<[string, unknown]>([
    ['another pod', { ...whole, podName: 'digits-ps-1' }],
    ['another role', { ...whole, role: 'Worker' }],
    ['another number', { ...whole, index: 1 }],
    ['a version that is unknown', { ...whole, version: 2 }],
    ['a phase that is none', { ...whole, phase: 'Flying' }],
    ['half a step', { ...whole, job: { ...whole.job, step: 1.5 } }],
    ['a step back before the first', { ...whole, job: { ...whole.job, step: -1 } }],
    ['a loss that is no number', { ...whole, job: { ...whole.job, loss: 'NaN' } }],
    ['an end in a thousand years', { ...whole, job: { ...whole.job, remainingSeconds: 1e12 } }],
    [
      'too long a curve',
      { ...whole, job: { ...whole.job, history: Array.from({ length: 65 }, () => ({ step: 1, loss: 1 })) } },
    ],
    [
      'too many metrics',
      {
        ...whole,
        job: {
          ...whole.job,
          validationMetrics: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`m${i}`, 1])),
        },
      },
    ],
    ['a metric of no name', { ...whole, job: { ...whole.job, validationMetrics: { 'a b': 1 } } }],
    [
      'a digest that is none',
      { ...whole, outcome: { ...whole.outcome, output: { ...whole.outcome?.output, digest: 'sha256:x' } } },
    ],
    ['a reason that is none', { ...whole, fault: { ...whole.fault, reason: 'no reason' } }],
  ])('is not believed of %s', (_, value) => {
    expect(believed(value)).toBeUndefined();
  });
});

describe('the last words of a container', () => {
  test('are an outcome, or nothing', () => {
    expect(parseOutcome(JSON.stringify(whole.outcome))).toEqual(whole.outcome);
    expect(parseOutcome('{"succeeded":false,"reason":"BadRows","message":"row 7"}')).toMatchObject({
      reason: 'BadRows',
    });
    for (const text of ['', 'Error: oh\n  at x.ts', '{}', 'null', '{"succeeded":"yes","reason":"A","message":""}']) {
      expect(parseOutcome(text)).toBeUndefined();
    }
  });

  test('are how far the job came, where it is to go on, or nothing', () => {
    expect(parseFarewell('{"step":12,"checkpointStep":10}')).toEqual({ step: 12, checkpointStep: 10 });
    for (const text of ['', '{}', '{"step":12}', '{"step":-1,"checkpointStep":1}', '{"step":1.5,"checkpointStep":1}']) {
      expect(parseFarewell(text)).toBeUndefined();
    }
    expect(parseOutcome('{"step":12,"checkpointStep":10}')).toBeUndefined();
  });
});
