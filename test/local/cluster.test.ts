import { describe, expect, test } from '@jest/globals';
import { crdAdmission } from '../../cli/local/admission.ts';
import { LocalCluster } from '../../cli/local/cluster.ts';
import type { WatchEvent } from '../../operator/kube/client.ts';
import { KubeError } from '../../operator/kube/errors.ts';
import type { KubeObject, ResourceKind } from '../../operator/kube/object.ts';

const configMaps: ResourceKind = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };

function cluster(history?: number): LocalCluster {
  let uid = 0;
  return new LocalCluster({
    now: () => new Date('2026-11-24T00:00:00Z'),
    uid: () => `uid-${String(++uid)}`,
    admission: crdAdmission,
    ...(history === undefined ? {} : { history }),
  });
}

function configMap(name: string, data: Record<string, string>, metadata: object = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'a', ...metadata }, data };
}

function deployment(container: object, spec: object = {}): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'd', namespace: 'a' },
    spec: { ...spec, template: { spec: { containers: [{ name: 'c', ...container }] } } },
  };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

async function failure(work: Promise<unknown>): Promise<KubeError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof KubeError)) throw new Error('expected a KubeError');
  return error;
}

describe('server-side apply', () => {
  test('creates with uid, version and generation, and writes nothing when nothing changes', async () => {
    const api = cluster().client('one');
    const first = await api.apply(configMap('m', { a: '1' }));
    expect(first.metadata).toMatchObject({ uid: 'uid-1', generation: 1, resourceVersion: '1' });
    const second = await api.apply(configMap('m', { a: '1' }));
    expect(second.metadata.resourceVersion).toBe('1');
  });

  test('fields a manager stops setting disappear, and those another manager set stay', async () => {
    const local = cluster();
    await local.client('one').apply(
      deployment(
        {
          image: 'i',
          env: [
            { name: 'A', value: '1' },
            { name: 'B', value: '2' },
          ],
        },
        { paused: true },
      ),
    );
    await local.client('two').apply(deployment({ env: [{ name: 'B', value: '2' }] }));
    const { spec } = await local.client('one').apply(deployment({ image: 'i' }));
    expect(spec).toEqual({
      template: { spec: { containers: [{ name: 'c', image: 'i', env: [{ name: 'B', value: '2' }] }] } },
    });
  });

  test('puts back what was changed by hand', async () => {
    const local = cluster();
    const api = local.client('one');
    const made = await api.apply(configMap('m', { a: '1' }, { labels: { x: 'y' } }));
    await api.replace(configMap('m', { a: '2', b: '3' }, { resourceVersion: made.metadata.resourceVersion }));
    const healed = await api.apply(configMap('m', { a: '1' }, { labels: { x: 'y' } }));
    expect(healed).toMatchObject({ data: { a: '1', b: '3' }, metadata: { labels: { x: 'y' } } });
  });

  test('leaves status alone, and status leaves the rest and the generation alone', async () => {
    const api = cluster().client('one');
    await api.apply({ ...deployment({}), status: { replicas: 9 } });
    const reported = await api.applyStatus({ ...deployment({ image: 'other' }), status: { replicas: 1 } });
    expect(reported).toMatchObject({ status: { replicas: 1 }, metadata: { generation: 1 } });
    const applied = await api.apply(deployment({ image: 'new' }));
    expect(applied).toMatchObject({ status: { replicas: 1 }, metadata: { generation: 2 } });
  });

  test('refuses another incarnation, a stale version, a second controller and what the CRD refuses', async () => {
    const api = cluster().client('one');
    await api.apply(configMap('m', {}));
    expect(await failure(api.apply(configMap('m', {}, { uid: 'other' })))).toMatchObject({
      status: 409,
      reason: 'Conflict',
    });
    expect(await failure(api.replace(configMap('m', {}, { resourceVersion: '77' })))).toMatchObject({ status: 409 });
    expect(await failure(api.create(configMap('m', {})))).toMatchObject({ status: 409, reason: 'AlreadyExists' });
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'm', controller: true };
    const ownerReferences = [
      { ...owner, uid: 'uid-1' },
      { ...owner, uid: 'uid-9' },
    ];
    expect(await failure(api.apply(configMap('n', {}, { ownerReferences })))).toMatchObject({
      status: 422,
      reason: 'Invalid',
    });
    const broken = {
      apiVersion: 'modelyard.dev/v1alpha1',
      kind: 'ModelDeployment',
      metadata: { name: 'x', namespace: 'a' },
      spec: { model: {} },
    };
    expect((await failure(api.apply(broken))).message).toContain(
      'exactly one of spec.model.uri, spec.model.trained and spec.models',
    );
  });
});

describe('watch', () => {
  async function collect(api: AsyncIterable<WatchEvent>): Promise<string[]> {
    const seen: string[] = [];
    for await (const { type, object } of api) seen.push(`${type} ${object.metadata.name}`);
    return seen;
  }

  test('tells what changed after a version, ends with a bookmark, and hides what the selector hides', async () => {
    const api = cluster().client('one');
    await api.apply(configMap('m', {}, { labels: { show: 'yes' } }));
    const { resourceVersion } = await api.list(configMaps, {});
    const seen = collect(
      api.watch(configMaps, {
        resourceVersion,
        labelSelector: 'show=yes',
        timeoutSeconds: 0.3,
        signal: new AbortController().signal,
      }),
    );
    await api.apply(configMap('hidden', {}));
    await api.apply(configMap('m', { a: '1' }, { labels: { show: 'yes' } }));
    await api.apply(configMap('m', { a: '1' }, { labels: { show: 'no' } }));
    expect(await seen).toEqual(['MODIFIED m', 'DELETED m', 'BOOKMARK ']);
  });

  test('a version that history forgot is 410', async () => {
    const api = cluster(2).client('one');
    for (const value of ['1', '2', '3', '4']) await api.apply(configMap('m', { value }));
    const events = api.watch(configMaps, {
      resourceVersion: '1',
      timeoutSeconds: 5,
      signal: new AbortController().signal,
    });
    expect(await failure(collect(events))).toMatchObject({ status: 410 });
  });
});

describe('deletion', () => {
  test('collects what the deleted object owned, and keeps what has another owner', async () => {
    const local = cluster();
    const api = local.client('one');
    const [first, second] = [await api.apply(configMap('first', {})), await api.apply(configMap('second', {}))];
    const owner = ({ metadata: { name, uid = '' } }: KubeObject) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name,
      uid,
    });
    await api.apply(configMap('child', {}, { ownerReferences: [owner(first)] }));
    await api.apply(configMap('shared', {}, { ownerReferences: [owner(first), owner(second)] }));
    await api.remove({ apiVersion: 'v1', kind: 'ConfigMap', name: 'first', namespace: 'a' });
    await nextTurn();
    expect(local.all(configMaps).map(({ metadata }) => metadata.name)).toEqual(['second', 'shared']);
  });

  test('waits for finalizers', async () => {
    const local = cluster();
    const api = local.client('one');
    const made = await api.apply(configMap('m', {}, { finalizers: ['x/y'] }));
    await api.remove({ apiVersion: 'v1', kind: 'ConfigMap', name: 'm', namespace: 'a' });
    const going = local.get({ apiVersion: 'v1', kind: 'ConfigMap', name: 'm', namespace: 'a' });
    expect(going.metadata.deletionTimestamp).toBe('2026-11-24T00:00:00Z');
    await api.replace({ ...made, metadata: { ...going.metadata, finalizers: [] } });
    expect(local.all(configMaps)).toEqual([]);
  });
});
