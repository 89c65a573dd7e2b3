/** The poller of pods' reports, against a real HTTP server that plays the pods. */
import type { RequestListener } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import { Document } from 'yaml';
import { crds } from '../../../operator/api/crds.gen.ts';
import { servingReports } from '../../../operator/controllers/serving-reports.ts';
import type { KubeObject } from '../../../operator/kube/object.ts';
import { tensorListLimits, type ServingReport, type TensorSignature } from '../../../runtime/contract.ts';
import { polling, type PollingOptions, until } from '../../support/polling.ts';

const pod = (name: string, more: Partial<KubeObject['metadata']> = {}, rest: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'team-a',
    uid: `uid-${name}`,
    labels: { 'modelyard.dev/deployment': 'digits', 'app.kubernetes.io/managed-by': 'modelyard' },
    ownerReferences: [
      { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'digits-serving-1', uid: 'u', controller: true },
    ],
    ...more,
  },
  status: { podIP: '10.0.0.1' },
  ...rest,
});

const report = (podName: string, model: Partial<ServingReport['model']> = {}): ServingReport => ({
  version: 1,
  kind: 'Serving',
  podName,
  model: { uri: 's3://a/b', phase: 'Loading', ...model },
});

const start = (pods: KubeObject[], handler: RequestListener, options: PollingOptions = {}) =>
  polling(servingReports, pods, handler, options);

describe('the poller', () => {
  test('asks pods of ours at their admin port, keeps what they say, and asks for a look only when it changed', async () => {
    const mine = pod('digits-serving-1-a');
    let phase: ServingReport['model']['phase'] = 'Loading';
    const { poller, asked, looks } = await start([mine], (_, response) =>
      response.end(JSON.stringify(report('digits-serving-1-a', { phase }))),
    );
    await until(() => asked.length >= 4);
    expect(asked[0]).toBe('http://10.0.0.1:8081/report');
    expect(looks).toEqual(['team-a/digits']);
    phase = 'WarmingUp';
    await until(() => looks.length === 2);
    expect(poller.get(mine)).toMatchObject({ model: { phase: 'WarmingUp' } });
    expect(poller.get(pod('digits-serving-1-a', { uid: 'another' }))).toBeUndefined();
  });

  test('asks a pod that serves far less often', async () => {
    const mine = pod('a', {}, { status: { podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] } });
    const loading = pod('b');
    const names = ['a', 'b'];
    let turn = 0;
    const { asked, poller } = await start([mine, loading], (_, response) => {
      const name = names[Math.min(turn, 1)] ?? '';
      turn += 1;
      response.end(JSON.stringify(report(name, { phase: name === 'a' ? 'Ready' : 'Loading' })));
    });
    await until(() => asked.length >= 12);
    expect(poller.get(mine) ?? poller.get(loading)).toBeDefined();
  });

  test.each<[string, KubeObject]>([
    ['without the labels', pod('a', { labels: { 'modelyard.dev/deployment': 'digits' } })],
    ['of no ReplicaSet of ours', pod('a', { ownerReferences: [] })],
    [
      'of another ReplicaSet',
      pod('a', {
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'x-1', uid: 'u', controller: true }],
      }),
    ],
    ["on its node's network", pod('a', {}, { spec: { hostNetwork: true }, status: { podIP: '10.0.0.1' } })],
    ['without an address', pod('a', {}, { status: {} })],
  ])('never asks a pod %s', async (_, stranger) => {
    const ours = pod('digits-serving-1-a', {}, { status: { podIP: '10.0.0.9' } });
    const { asked } = await start([stranger, ours], (__, response) => response.end('{}'));
    await until(() => asked.length >= 3);
    expect(new Set(asked)).toEqual(new Set(['http://10.0.0.9:8081/report']));
  });

  test.each<[string, RequestListener]>([
    ['no JSON', (_, response) => response.end('hello')],
    ['no report', (_, response) => response.end('{"version":1}')],
    ["another pod's report", (_, response) => response.end(JSON.stringify(report('b')))],
    ['a digest that is none', (_, response) => response.end(JSON.stringify(report('a', { digest: 'sha256:x' })))],
    ['too much', (_, response) => response.end(JSON.stringify({ ...report('a'), more: 'x'.repeat(400_000) }))],
    ['an error', (_, response) => response.writeHead(500).end(JSON.stringify(report('a')))],
    ['to go elsewhere', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end()],
    ['nothing', () => undefined],
  ])('believes no pod that says %s', async (_, handler) => {
    const mine = pod('a');
    const { poller, asked, looks } = await start([mine], handler, { timeoutMs: 100 });
    await until(() => asked.length >= 2);
    expect(poller.get(mine)).toBeUndefined();
    expect(looks).toEqual([]);
  });

  test('drops what the schema does not know', async () => {
    const mine = pod('a');
    const { poller } = await start([mine], (_, response) => response.end(JSON.stringify({ ...report('a'), extra: 1 })));
    await until(() => poller.get(mine) !== undefined);
    expect(poller.get(mine)).toEqual(report('a'));
  });

  const scalar: TensorSignature = { name: 'x', dataType: 'FP32', shape: [] };
  test.each<[string, TensorSignature[]]>([
    ['too many', Array.from({ length: tensorListLimits.tensors + 1 }, () => scalar)],
    ['too long a name', [{ ...scalar, name: 'x'.repeat(tensorListLimits.nameLength + 1) }]],
    ['too many dimensions', [{ ...scalar, shape: Array.from({ length: tensorListLimits.rank + 1 }, () => 1) }]],
  ])('drops a list of tensors that the status cannot hold, and believes the rest: %s', async (_, inputs) => {
    const mine = pod('a');
    const digest = `sha256:${'a'.repeat(64)}`;
    const { poller } = await start([mine], (__, response) =>
      response.end(JSON.stringify(report('a', { phase: 'Ready', digest, inputs, outputs: [scalar] }))),
    );
    await until(() => poller.get(mine) !== undefined);
    expect(poller.get(mine)).toEqual(report('a', { phase: 'Ready', digest, outputs: [scalar] }));
  });

  test('the limits of a list of tensors are those of the API', () => {
    const api = new Document(crds.find(({ spec }) => spec.names.kind === 'ModelDeployment'));
    const status = ['spec', 'versions', 0, 'schema', 'openAPIV3Schema', 'properties', 'status', 'properties'];
    for (const list of ['inputs', 'outputs']) {
      const at = (...path: string[]): unknown => api.getIn([...status, 'model', 'properties', list, ...path]);
      expect(at('maxItems')).toBe(tensorListLimits.tensors);
      expect(at('items', 'properties', 'name', 'maxLength')).toBe(tensorListLimits.nameLength);
      expect(at('items', 'properties', 'shape', 'maxItems')).toBe(tensorListLimits.rank);
    }
  });

  describe('of a pod of several models', () => {
    const name = 'digits-serving-1-a';
    const models = [
      { name: 'en', uri: 's3://a/en/', phase: 'Ready', digest: `sha256:${'a'.repeat(64)}` },
      { name: 'de', uri: 's3://a/de/', phase: 'Standby' },
    ];
    const shared = { version: 1, kind: 'SharedServing', podName: name, models };
    const ready = { podIP: '10.0.0.1', conditions: [{ type: 'Ready', status: 'True' }] };
    const mine = pod(name, {}, { status: ready });
    const parse = (report: unknown) => servingReports.parse(JSON.stringify(report), mine);
    const pauseMs = (report: object, status: object = ready) =>
      servingReports.pauseMs({ ...mine, status }, parse({ ...shared, ...report }), 2_000, 0);

    test('keeps what it says of each, and drops what the schema does not know', () => {
      const more = models.map((model) => ({ ...model, bytesDone: 7, inputs: [scalar] }));
      expect(parse({ ...shared, models: more, model: models[0] })).toEqual(shared);
    });

    test.each<[string, object]>([
      ['a list that is none', { models: models[0] }],
      ['a model without a name', { models: [{ uri: 's3://a/b', phase: 'Ready' }] }],
      ['too long a URI', { models: [{ ...models[0], uri: 's3://'.padEnd(513, 'a') }] }],
      ['a phase that is none', { models: [{ ...models[0], phase: 'Asleep' }] }],
      [
        'a reason that fits no condition',
        { models: [{ ...models[0], fault: { reason: 'a b', message: '', retrying: true } }] },
      ],
      ['more models than there can be', { models: Array.from({ length: 201 }, () => models[0]) }],
      ["another pod's words", { podName: 'b' }],
      ['words of another version', { version: 2 }],
    ])('does not believe %s', (_, wrong) => {
      expect(parse({ ...shared, ...wrong })).toBeUndefined();
    });

    test('its bounds are those of the API', () => {
      const api = new Document(crds.find(({ spec }) => spec.names.kind === 'ModelDeployment'));
      const at = (...path: string[]): unknown =>
        api.getIn(['spec', 'versions', 0, 'schema', 'openAPIV3Schema', 'properties', 'spec', 'properties', ...path]);
      const first = {
        ...models[0],
        name: 'n'.repeat(at('models', 'items', 'properties', 'name', 'maxLength') as number),
      };
      const uri = 'u'.repeat(at('models', 'items', 'properties', 'uri', 'maxLength') as number);
      const all = Array.from({ length: at('models', 'maxItems') as number }, () => ({ ...first, uri }));
      expect(parse({ ...shared, models: all })).toBeDefined();
      expect(parse({ ...shared, models: [...all, first] })).toBeUndefined();
      expect(parse({ ...shared, models: [{ ...first, name: `${first.name}n` }] })).toBeUndefined();
      expect(parse({ ...shared, models: [{ ...first, uri: `${uri}u` }] })).toBeUndefined();
    });

    test('asks again soon while a model moves, and now and then while models wait to be asked for', () => {
      expect(pauseMs({})).toBe(15_000);
      expect(pauseMs({ models: [] })).toBe(15_000);
      for (const phase of ['Resolving', 'Downloading', 'Loading', 'WarmingUp']) {
        expect(pauseMs({ models: [models[1], { ...models[0], phase }] })).toBe(2_000);
      }
      for (const phase of ['Failed', 'Unloaded', 'Draining']) {
        expect(pauseMs({ models: [{ ...models[0], phase }] })).toBe(15_000);
      }
      expect(pauseMs({}, { podIP: '10.0.0.1' })).toBe(2_000);
      expect(servingReports.pauseMs(mine, undefined, 2_000, 0)).toBe(2_000);
    });
  });

  test('forgets a report when its pod no longer answers', async () => {
    const mine = pod('a');
    let answering = true;
    const { poller, looks } = await start([mine], (_, response) =>
      answering ? response.end(JSON.stringify(report('a'))) : response.destroy(),
    );
    await until(() => poller.get(mine) !== undefined);
    answering = false;
    await until(() => poller.get(mine) === undefined);
    expect(looks).toEqual(['team-a/digits', 'team-a/digits']);
  });

  test('stops while a pod keeps it waiting', async () => {
    const { asked, stop, done } = await start([pod('a')], () => undefined, { timeoutMs: 60_000 });
    await until(() => asked.length === 1);
    stop.abort();
    await done;
  });
});
