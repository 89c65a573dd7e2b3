import { Registry } from 'prom-client';
import { afterEach, describe, expect, test } from '@jest/globals';
import { createLog } from '../../lib/log.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import type { Definition } from '../../operator/kube/definition.ts';
import { LeadershipLostError } from '../../operator/kube/errors.ts';
import { Manager } from '../../operator/kube/manager.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { freePort } from '../support/free-port.ts';
import { childOf, configMapKind, ownerKind, ownerNamed, setting, unreachable } from './setting.ts';
import { settled, until } from './turns.ts';

const leaseRef = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: 'l', namespace: 'n' };

const child = { ...configMapKind, name: 'x-child', namespace: 'n' };

/** One ConfigMap for each owner, its status, and an event. */
const definition: Definition<KubeObject, { phase: string }> = {
  name: 'owners',
  kind: ownerKind,
  owns: [{ kind: configMapKind }],
  watches: [],
  observe: (key, stores) => stores(ownerKind).get(key),
  render: (owner) => ({
    apply: [childOf(owner, `${owner.metadata.name}-child`)],
    remove: [],
    status: { phase: 'Made' },
    events: [{ type: 'Normal', reason: 'Made', action: 'Make', note: 'made' }],
  }),
  ownerOf: (owner) => owner,
  childrenOf: () => [],
};

const followerKind = { ...ownerKind, kind: 'Follower', plural: 'followers' };

/** Says of each follower what the status of the owner `x` says. */
const follower: Definition<{ owner: KubeObject; phase: string }, { seen: string }> = {
  name: 'followers',
  kind: followerKind,
  owns: [],
  watches: [{ kind: ownerKind, keysOf: () => ['n/f'] }],
  observe: (key, stores) => {
    const owner = stores(followerKind).get(key);
    const { phase = 'Unknown' } = (stores(ownerKind).get('n/x')?.status ?? {}) as { phase?: string };
    return owner && { owner, phase };
  },
  render: ({ phase }) => ({ apply: [], remove: [], status: { seen: phase }, events: [] }),
  ownerOf: ({ owner }) => owner,
  childrenOf: () => [],
};

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A manager over a cluster with the owner `x`. `trace` has every list and write in order. */
async function managing(wrap: (client: KubeClient) => KubeClient = (client) => client) {
  const parts = setting();
  const { clock, cluster, control } = parts;
  const trace: string[] = [];
  const gate: { lists: Promise<void> } = { lists: Promise.resolve() };
  control.fault = ({ verb, ref }) => {
    trace.push(`${verb} ${ref.kind}`);
    return undefined;
  };
  const client = wrap({
    ...parts.client,
    list: async (kind, options) => {
      await gate.lists;
      trace.push(`list ${kind.kind}`);
      return parts.client.list(kind, options);
    },
  });
  cluster.add(ownerNamed('x'));
  const registry = new Registry();
  const port = await freePort();
  const manager = new Manager({
    client,
    clock,
    log: createLog('test', 'silent'),
    registry,
    namespaces: [],
    reporter: { controller: 'c', instance: 'i' },
    election: { client: parts.client, namespace: 'n', name: 'l', identity: 'one' },
    health: { host: '127.0.0.1', port, paths: { live: '/livez', ready: '/readyz', metrics: '/metrics' } },
  });
  manager.add(definition);
  manager.add(follower);
  const stop = new AbortController();
  const start = (): Promise<unknown> => {
    const ended = manager.run(stop.signal).then(
      () => 'stopped',
      (error: unknown) => error,
    );
    stops.push(() => {
      stop.abort();
      return ended;
    });
    return ended;
  };
  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return [response.status, (await response.text()).trim()];
  };
  const holder = (): unknown => (cluster.get(leaseRef).spec as { holderIdentity: string }).holderIdentity;
  return { ...parts, gate, get, holder, start, stop, trace };
}

const aborted = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));

/** Resolves once the server answers at all. */
async function served(get: (path: string) => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await get('/livez');
      return;
    } catch {
      await settled();
    }
  }
}

test('a controller that watches a kind hears of what another controller wrote to its status, before the watch tells of it', async () => {
  const lateEvents = (client: KubeClient): KubeClient => ({
    ...client,
    async *watch(kind, options) {
      for await (const event of client.watch(kind, options)) {
        await settled();
        yield event;
      }
    },
  });
  const { clock, cluster, start, trace } = await managing(lateEvents);
  cluster.add({ ...ownerNamed('f'), kind: followerKind.kind });
  void start();
  await until(() => trace.includes('applyStatus Follower') && trace.includes('applyStatus Owner'));
  for (let seconds = 0; seconds < 10; seconds++) {
    await settled();
    clock.advance(1_000);
  }
  expect(cluster.get({ ...followerKind, name: 'f', namespace: 'n' }).status).toEqual({ seen: 'Made' });
});

describe('the manager starts', () => {
  test('health first, then lists, then the lease, then lists of what the leader before wrote, then workers', async () => {
    const { gate, get, start, trace } = await managing();
    let release: () => void = () => undefined;
    gate.lists = new Promise((resolve) => (release = resolve));
    void start();
    await served(get);
    expect(await get('/livez')).toEqual([200, 'ok']);
    expect(await get('/readyz')).toEqual([503, 'the first lists are not complete']);
    expect(trace).toEqual([]);
    release();
    await until(() => trace.includes('create Event'));
    expect(trace).toEqual([
      'list Owner',
      'list ConfigMap',
      'list Follower',
      'create Lease',
      'list Owner',
      'list ConfigMap',
      'list Follower',
      'apply ConfigMap',
      'applyStatus Owner',
      'create Event',
    ]);
    expect(await get('/readyz')).toEqual([200, 'ok']);
    expect((await get('/metrics'))[1]).toContain('leader_election_master_status{name="c"} 1');
  });

  test('and is ready but writes nothing while another one leads', async () => {
    const { cluster, get, start, trace } = await managing();
    const { name, namespace, ...kind } = leaseRef;
    const spec = { holderIdentity: 'two', leaseDurationSeconds: 15 };
    cluster.add({ ...kind, metadata: { name, namespace }, spec });
    void start();
    await until(() => trace.length === 3);
    await settled();
    expect(await get('/readyz')).toEqual([200, 'ok']);
    expect(trace).toEqual(['list Owner', 'list ConfigMap', 'list Follower']);
  });

  test('and may be stopped before the lists are complete', async () => {
    const { gate, get, start, stop, trace } = await managing();
    let release: () => void = () => undefined;
    gate.lists = new Promise((resolve) => (release = resolve));
    const ended = start();
    await served(get);
    stop.abort();
    release();
    expect(await ended).toBe('stopped');
    expect(trace.filter((call) => !call.startsWith('list'))).toEqual([]);
  });
});

describe('the manager runs', () => {
  test('renewing the lease while the lists take their time, and writes nothing else before they are complete', async () => {
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let lists = 0;
    const { clock, start, trace } = await managing((client) => ({
      ...client,
      list: async (kind, options) => {
        // After the first one of each kind.
        if (++lists > 3) await Promise.race([held, aborted(options.signal)]);
        return client.list(kind, options);
      },
    }));
    void start();
    await until(() => trace.includes('create Lease'));
    for (let second = 0; second < 20; second++) {
      clock.advance(1_000);
      await settled();
    }
    const writes = (): string[] => trace.filter((call) => !call.startsWith('list'));
    expect(new Set(writes())).toEqual(new Set(['create Lease', 'replace Lease']));
    release();
    await until(() => trace.includes('create Event'));
  });

  test('and after a stall sends no write before the lease is renewed, and then makes up for it', async () => {
    const { clock, cluster, control, start, trace } = await managing();
    void start();
    await until(() => trace.includes('create Event'));
    await settled();
    let answered: () => void = () => undefined;
    control.held = new Promise((resolve) => (answered = resolve));
    trace.splice(0);
    clock.advance(11_000);
    cluster.delete(child);
    await settled();
    expect(trace).toEqual(['replace Lease']);
    answered();
    await settled();
    clock.advance(1_000);
    await settled();
    expect(cluster.get(child).data).toEqual({ a: '1' });
  });
});

describe('the manager stops', () => {
  test('not ready at once, the key in hand finished, its event flushed, the lease released last', async () => {
    const { cluster, control, get, holder, start, stop, trace } = await managing((client) => ({
      ...client,
      create: async (object, options) => {
        // As over HTTP: what takes a moment is cut short by the end.
        await settled();
        if (options?.signal?.aborted) throw unreachable();
        return client.create(object, options);
      },
    }));
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const { fault } = control;
    control.fault = (write) => {
      if (write.verb === 'apply') control.held = held;
      return fault(write);
    };
    const ended = start();
    await until(() => trace.includes('apply ConfigMap'));
    stop.abort();
    await settled();
    expect(await get('/readyz')).toEqual([503, 'stopping']);
    expect(holder()).toBe('one');
    trace.splice(0);
    release();
    expect(await ended).toBe('stopped');
    expect(trace).toEqual(['applyStatus Owner', 'create Event', 'replace Lease']);
    expect(holder()).toBe('');
    expect(cluster.all({ apiVersion: 'events.k8s.io/v1', kind: 'Event' })).toHaveLength(1);
    await expect(get('/livez')).rejects.toThrow();
  });

  test('after 20 s even where a call never ends, the lease renewed until then', async () => {
    const { clock, holder, start, stop, trace } = await managing((client) => ({
      ...client,
      apply: (_object, options) =>
        new Promise((_resolve, reject) => {
          trace.push('apply that never ends');
          options?.signal?.addEventListener('abort', () => reject(unreachable()));
        }),
    }));
    const ended = start();
    await until(() => trace.includes('apply that never ends'));
    stop.abort();
    let renewals = 0;
    for (let second = 0; second < 21; second++) {
      clock.advance(1_000);
      await settled();
      if (second === 18) renewals = trace.filter((call) => call === 'replace Lease').length;
    }
    expect(await ended).toBe('stopped');
    expect(renewals).toBeGreaterThanOrEqual(8);
    expect(holder()).toBe('');
  });

  test('with an error when the lease is lost, which it leaves to the other, and writes no more', async () => {
    const { clock, cluster, get, start, trace } = await managing();
    const ended = start();
    await until(() => trace.includes('create Event'));
    const spec = { holderIdentity: 'two', leaseDurationSeconds: 15 };
    cluster.update({ ...cluster.get(leaseRef), spec });
    clock.advance(2_000);
    expect(await ended).toBeInstanceOf(LeadershipLostError);
    expect(cluster.get(leaseRef).spec).toEqual(spec);
    await expect(get('/livez')).rejects.toThrow();
    trace.splice(0);
    cluster.delete(child);
    clock.advance(60_000);
    await settled();
    expect(trace).toEqual([]);
  });
});
