import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import { objectsText, tableOf } from '../../../cli/printer.ts';
import { modelDeploymentKind, trainingJobKind } from '../../../operator/controllers/kinds.ts';
import type { KubeObject } from '../../../operator/kube/object.ts';

const now = new Date('2026-11-24T12:00:00Z');
const digits: KubeObject = {
  apiVersion: 'modelyard.dev/v1alpha1',
  kind: 'ModelDeployment',
  metadata: { name: 'digits', namespace: 'default', creationTimestamp: '2026-11-24T11:48:00Z' },
  spec: { model: { uri: 's3://models/digits/', task: 'Tensor' }, replicas: 2 },
  status: {
    readyReplicas: 2,
    url: 'http://digits.default.svc',
    revision: 'v1-0123456789',
    model: { uri: 's3://models/digits/' },
    modelSummary: 's3://models/digits/',
    conditions: [
      { type: 'Progressing', status: 'False', reason: 'Complete' },
      { type: 'Ready', status: 'True', reason: 'Ready' },
    ],
  },
};
const fresh: KubeObject = { ...digits, metadata: { ...digits.metadata, name: 'fresh' }, status: {} };

describe('objects as text', () => {
  test("shows the columns of the CRD, in its order, with the object's age", () => {
    expect(tableOf(modelDeploymentKind, [digits, fresh], 'table', now)).toBe(
      [
        'NAME     READY   REPLICAS   MODEL                 URL                         AGE',
        'digits   True    2          s3://models/digits/   http://digits.default.svc   12m',
        'fresh            0                                                            12m',
      ].join('\n'),
    );
  });

  test('shows task, revision and reason when asked for wide', () => {
    const [head = '', row = ''] = tableOf(modelDeploymentKind, [digits], 'wide', now).split('\n');
    expect(head).toMatch(/AGE +TASK +REVISION +REASON$/);
    expect(row).toMatch(/12m +Tensor +v1-0123456789 +Ready$/);
  });

  test('shows how far a job is, and as wide when it will be over: a time to come, which is no age', () => {
    const job: KubeObject = {
      ...digits,
      kind: 'TrainingJob',
      spec: {},
      status: {
        phase: 'Running',
        parameterServers: { ready: 2 },
        workers: { ready: 3, restarts: 1 },
        step: 120,
        loss: '0.081',
        progress: '40%',
        estimatedCompletionTime: '2026-11-24T12:05:00Z',
      },
    };
    expect(tableOf(trainingJobKind, [job], 'table', now)).toBe(
      [
        'NAME     PHASE     PS   WORKERS   STEP   LOSS    PROGRESS   AGE',
        'digits   Running   2    3         120    0.081   40%        12m',
      ].join('\n'),
    );
    const [head = '', row = ''] = tableOf(trainingJobKind, [job], 'wide', now).split('\n');
    expect(head).toMatch(/AGE +SCORE +ETA +RESTARTS +MODEL$/);
    expect(row).toMatch(/12m +2026-11-24T12:05:00Z +1$/);
  });

  test.each([
    ['2026-11-24T11:59:15Z', '45s'],
    ['2026-11-24T10:30:00Z', '90m'],
    ['2026-11-24T06:00:00Z', '6h'],
    ['2026-11-20T12:00:00Z', '4d'],
    ['2026-11-24T12:00:09Z', '0s'],
  ])('shows the age of %s as %s', (creationTimestamp, age) => {
    const object = { ...digits, metadata: { ...digits.metadata, creationTimestamp } };
    expect(tableOf(modelDeploymentKind, [object], 'table', now)).toMatch(new RegExp(` ${age}$`));
  });

  test('prints one object as itself and several as a list, in YAML and in JSON', () => {
    expect(parse(objectsText([digits], 'yaml'))).toEqual(digits);
    expect(JSON.parse(objectsText([digits, fresh], 'json'))).toEqual({
      apiVersion: 'v1',
      kind: 'List',
      items: [digits, fresh],
    });
  });
});
