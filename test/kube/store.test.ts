import { describe, expect, test } from '@jest/globals';
import type { KubeObject } from '../../operator/kube/object.ts';
import { Store } from '../../operator/kube/store.ts';

const configMap = (name: string, resourceVersion: string, owner?: string, namespace = 'n'): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name,
    namespace,
    uid: `uid-${name}`,
    resourceVersion,
    ...(owner === undefined
      ? {}
      : { ownerReferences: [{ apiVersion: 'v1', kind: 'Owner', name: owner, uid: owner, controller: true }] }),
  },
});
const ownerOf = (uid: string, namespace = 'n') => ({ metadata: { name: uid, namespace, uid } });
const names = (objects: readonly KubeObject[]): string[] => objects.map(({ metadata }) => metadata.name);

describe('Store', () => {
  test('an object at the version already known is no change', () => {
    const store = new Store();
    expect(store.put(configMap('a', '1'))).toEqual({ new: configMap('a', '1') });
    expect(store.put(configMap('a', '1'))).toBeUndefined();
  });

  test('another incarnation at the same version is a change', () => {
    const store = new Store();
    const [first, second] = [configMap('a', '1'), configMap('a', '1')];
    second.metadata.uid = 'another';
    store.put(first);
    expect(store.put(second)).toEqual({ old: first, new: second });
  });

  test('an object that changes hands is found under its new owner only', () => {
    const store = new Store();
    store.put(configMap('a', '1', 'one'));
    store.put(configMap('b', '2', 'one'));
    store.put(configMap('a', '3', 'two'));
    expect([names(store.ownedBy(ownerOf('one'))), names(store.ownedBy(ownerOf('two')))]).toEqual([['b'], ['a']]);
    store.delete(configMap('a', '4', 'two'));
    expect(store.ownedBy(ownerOf('two'))).toEqual([]);
  });

  test('an object of another namespace belongs to no owner here, whatever it says', () => {
    const store = new Store();
    store.put(configMap('a', '1', 'one'));
    store.put(configMap('b', '2', 'one', 'other'));
    expect(names(store.ownedBy(ownerOf('one')))).toEqual(['a']);
    const clusterWide = { metadata: { name: 'one', uid: 'one' } };
    expect(names(store.ownedBy(clusterWide))).toEqual(['a', 'b']);
  });

  test('an owner that is no controller owns nothing here', () => {
    const store = new Store();
    const object = configMap('a', '1', 'one');
    for (const reference of object.metadata.ownerReferences ?? []) delete reference.controller;
    store.put(object);
    expect(store.ownedBy(ownerOf('one'))).toEqual([]);
  });

  test('an object that is gone takes no successor of its name along', () => {
    const store = new Store();
    const successor = configMap('a', '2', 'one');
    successor.metadata.uid = 'another';
    store.put(successor);
    expect(store.delete(configMap('a', '1', 'one'))).toBeUndefined();
    expect([names(store.ownedBy(ownerOf('one'))), store.size]).toEqual([['a'], 1]);
  });

  test('a list of one namespace says nothing about the others', () => {
    const store = new Store();
    store.put(configMap('a', '1'));
    store.put(configMap('a', '2', undefined, 'other'));
    expect(store.replace([configMap('b', '3')], 'n')).toEqual([
      { old: configMap('a', '1') },
      { new: configMap('b', '3') },
    ]);
    expect(names(store.list('other'))).toEqual(['a']);
  });

  test('the answer to a write of ours counts at once, and its echo is no change', () => {
    const store = new Store();
    store.put(configMap('a', '1'));
    expect(store.assume(configMap('a', '2'), configMap('a', '1'))).toBeDefined();
    expect(store.put(configMap('a', '2'))).toBeUndefined();
  });

  test('the answer to a write of ours does not hide what the watch brought meanwhile', () => {
    const store = new Store();
    store.put(configMap('a', '3'));
    expect(store.assume(configMap('a', '2'), configMap('a', '1'))).toBeUndefined();
    expect(store.get('n/a')?.metadata.resourceVersion).toBe('3');
    store.delete(configMap('a', '3'));
    expect(store.assume(configMap('a', '4'), configMap('a', '3'))).toBeUndefined();
    expect(store.size).toBe(0);
  });
});
