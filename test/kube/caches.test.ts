import { describe, expect, test } from '@jest/globals';
import { createLog } from '../../lib/log.ts';
import { Caches } from '../../operator/kube/caches.ts';
import type { KubeClient } from '../../operator/kube/client.ts';
import type { Definition } from '../../operator/kube/definition.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { childOf, configMapKind, ownerKind, ownerNamed, setting } from './setting.ts';
import { settled } from './turns.ts';

const definition = (name: string, labelSelector?: string): Definition<KubeObject, object> => ({
  name,
  kind: ownerKind,
  owns: [{ kind: configMapKind, ...(labelSelector === undefined ? {} : { labelSelector }) }],
  watches: [],
  observe: () => undefined,
  render: () => ({ apply: [], remove: [], status: {}, events: [] }),
  ownerOf: (observed) => observed,
  childrenOf: () => [],
});

function caching(namespaces: string[] = []) {
  const parts = setting();
  const lists: string[] = [];
  const client: KubeClient = {
    ...parts.client,
    list: (kind, options) => {
      lists.push(`${kind.plural} ${options.namespace ?? '*'} ${options.labelSelector ?? ''}`);
      return parts.client.list(kind, options);
    },
  };
  return {
    ...parts,
    lists,
    caches: new Caches({ client, namespaces, clock: parts.clock, log: createLog('t', 'silent') }),
  };
}

async function running(caches: Caches, work: () => Promise<void> | void): Promise<void> {
  const stop = new AbortController();
  const run = caches.run(stop.signal);
  await caches.synced();
  await work();
  stop.abort();
  await run;
}

describe('Caches', () => {
  test('controllers that ask for the same share one store, and each hears of every change', async () => {
    const { caches, cluster, lists } = caching();
    const heard: string[] = [];
    const stores = ['one', 'two'].map((name) =>
      caches.join(definition(name, 'made=here'), ({ kind }, { new: object }) =>
        heard.push(`${name} ${kind}/${object?.metadata.name ?? 'gone'}`),
      ),
    );
    const owner = cluster.add(ownerNamed('x'));
    await running(caches, async () => {
      cluster.add(childOf(owner, 'child'));
      await settled();
    });
    expect(stores[0]?.(ownerKind)).toBe(stores[1]?.(ownerKind));
    expect(lists).toEqual(['owners * ', 'configmaps * made=here']);
    expect(heard).toEqual(['one Owner/x', 'two Owner/x', 'one ConfigMap/child', 'two ConfigMap/child']);
  });

  test('other labels are another store', () => {
    const { caches } = caching();
    const [one, two] = ['made=here', 'made=there'].map((labels) =>
      caches.join(definition('c', labels), () => undefined),
    );
    expect(one?.(configMapKind)).not.toBe(two?.(configMapKind));
  });

  test('only the namespaces that are named are listed, into one store', async () => {
    const { caches, cluster, lists } = caching(['n', 'm']);
    const stores = caches.join(definition('c'), () => undefined);
    for (const namespace of ['n', 'm', 'hidden']) {
      cluster.add({ ...ownerNamed('x'), metadata: { name: 'x', namespace } });
    }
    await running(caches, () => {
      expect(
        stores(ownerKind)
          .list()
          .map(({ metadata }) => metadata.namespace),
      ).toEqual(['n', 'm']);
    });
    expect(lists.sort()).toEqual(['configmaps m ', 'configmaps n ', 'owners m ', 'owners n ']);
  });

  test('a kind asked for twice with different labels, or never asked for, is a bug that names itself', () => {
    const { caches } = caching();
    const twice = definition('c', 'made=here');
    twice.owns.push({ kind: configMapKind });
    expect(() => caches.join(twice, () => undefined)).toThrow('v1/ConfigMap with two label selectors');
    const stores = caches.join(definition('d'), () => undefined);
    expect(() => stores({ ...configMapKind, kind: 'Secret' })).toThrow('reads Secret, which it did not ask for');
  });
});
