import { describe, expect, test } from '@jest/globals';
import type { KubeClient } from '../../operator/kube/client.ts';
import { executeObjects, type Outcome } from '../../operator/kube/execute.ts';
import { refOf, type KubeObject, type ObjectRef } from '../../operator/kube/object.ts';
import { Refusals } from '../../operator/kube/refusals.ts';
import { StatusPace } from '../../operator/kube/status-pace.ts';
import {
  childOf,
  configMapKind,
  forbidden,
  invalid,
  ownerNamed,
  referenceTo,
  setting,
  unreachable,
} from './setting.ts';

const signal = new AbortController().signal;

/** An owner in a cluster; its children are what the cluster holds unless given. */
function executing(reads: Partial<KubeClient> = {}) {
  const parts = setting();
  const { clock, cluster } = parts;
  const client = { ...parts.client, ...reads };
  const owner = cluster.add(ownerNamed('x'));
  const shell = {
    client,
    refusals: new Refusals(clock),
    pace: new StatusPace(clock),
    assume: () => undefined,
    assumeGone: () => undefined,
    publish: () => undefined,
  };
  const children = (): KubeObject[] =>
    cluster.all(configMapKind).filter(({ metadata }) => metadata.ownerReferences?.[0]?.uid === owner.metadata.uid);
  const run = (apply: KubeObject[], remove: ObjectRef[] = [], known = children()): Promise<Outcome> =>
    executeObjects({ apply, remove }, owner, known, shell, signal);
  const read = (name: string): KubeObject => cluster.get({ ...configMapKind, name, namespace: 'n' });
  return { ...parts, owner, run, read };
}

describe('what is applied', () => {
  test('is written once: the second time writes nothing, with or without a cache that knows it', async () => {
    const { owner, run, writes } = executing();
    const plan = [childOf(owner, 'one'), childOf(owner, 'two')];
    expect(await run(plan)).toEqual({ refusals: [], waitMs: undefined });
    expect(writes()).toEqual(['apply ConfigMap/one', 'apply ConfigMap/two']);
    await run(plan);
    await run(plan, [], []);
    expect(writes()).toEqual([]);
  });

  test.each<[string, (object: KubeObject) => void]>([
    ['a value', (object) => (object.data = { a: '2', b: { c: '1' } })],
    ['a nested value', (object) => (object.data = { a: '1', b: { c: '2' } })],
    ['a field that was taken away', (object) => (object.data = { a: '1' })],
    ['a label', (object) => (object.metadata.labels = { made: 'elsewhere' })],
    ['a label that was taken away', (object) => delete object.metadata.labels],
    ['an annotation that was taken away', (object) => delete object.metadata.annotations],
  ])('is put back where it drifted: %s', async (_what, change) => {
    const { cluster, owner, read, run, writes } = executing();
    const desired = { ...childOf(owner, 'one'), data: { a: '1', b: { c: '1' } } };
    await run([desired]);
    const before = read('one');
    const drifted = structuredClone(before);
    change(drifted);
    cluster.update(drifted);
    writes();
    await run([desired]);
    expect(writes()).toEqual(['apply ConfigMap/one']);
    expect({ ...read('one'), metadata: {} }).toEqual({ ...before, metadata: {} });
    expect(read('one').metadata).toMatchObject({
      labels: { made: 'here' },
      annotations: before.metadata.annotations ?? {},
    });
  });

  test('leaves alone what others added', async () => {
    const { cluster, owner, read, run, writes } = executing();
    const desired = childOf(owner, 'one');
    await run([desired]);
    const object = read('one');
    object.metadata.labels = { ...object.metadata.labels, theirs: 'x' };
    cluster.update({ ...object, data: { a: '1', theirs: 'x' } });
    writes();
    await run([desired]);
    expect(writes()).toEqual([]);
  });

  test('loses the fields that are wanted no more', async () => {
    const { owner, read, run } = executing();
    await run([childOf(owner, 'one', { a: '1', b: '1' })]);
    await run([childOf(owner, 'one', { a: '1' })]);
    expect(read('one').data).toEqual({ a: '1' });
  });

  test('does not touch an object that took the name since it was looked at', async () => {
    const { cluster, owner, read, run } = executing();
    await run([childOf(owner, 'one')]);
    const known = [read('one')];
    cluster.delete(refOf(read('one')));
    cluster.add({ ...childOf(owner, 'one'), metadata: { name: 'one', namespace: 'n' } });
    const { failure } = await run([childOf(owner, 'one', { a: '2' })], [], known);
    expect(failure).toMatchObject({ ref: { name: 'one' }, error: { status: 409 } });
    expect(read('one').data).toEqual({ a: '1' });
  });

  test('waits for an object that is being deleted, and looks again in 2 s', async () => {
    const { cluster, owner, read, run, writes } = executing();
    cluster.add({
      ...childOf(owner, 'one'),
      metadata: { ...childOf(owner, 'one').metadata, finalizers: ['test.dev/held'] },
    });
    cluster.delete(refOf(read('one')));
    expect(await run([childOf(owner, 'one', { a: '2' })])).toEqual({ refusals: [], waitMs: 2_000 });
    expect(writes()).toEqual([]);
  });

  test('waits until the collector took what an earlier owner of this name left', async () => {
    const { cluster, owner, run, writes } = executing();
    const left = childOf({ ...owner, metadata: { ...owner.metadata, uid: 'earlier' } }, 'one');
    // A second owner keeps the collector away.
    left.metadata.ownerReferences?.push({ ...referenceTo(owner), controller: false });
    cluster.add(left);
    expect(await run([childOf(owner, 'one')])).toEqual({ refusals: [], waitMs: 2_000 });
    expect(writes()).toEqual([]);
  });

  test('stops at a failure that another try may cure; what has to go goes all the same', async () => {
    const { cluster, control, owner, run, writes } = executing();
    const old = cluster.add(childOf(owner, 'old'));
    control.fault = ({ ref }) => (ref.name === 'one' ? unreachable() : undefined);
    const { failure } = await run([childOf(owner, 'one'), childOf(owner, 'two')], [refOf(old)]);
    expect(failure).toMatchObject({ ref: { name: 'one' }, error: { reason: 'Unreachable' } });
    expect(writes()).toEqual(['remove ConfigMap/old']);
  });

  test('is left alone where what is there cannot be read', async () => {
    const { cluster, owner, run, writes } = executing({ get: () => Promise.reject(unreachable()) });
    const old = cluster.add(childOf(owner, 'old'));
    const { failure } = await run([childOf(owner, 'one')], [refOf(old)]);
    expect(failure).toMatchObject({ ref: { name: 'one' }, error: { reason: 'Unreachable' } });
    expect(writes()).toEqual(['remove ConfigMap/old']);
  });
});

describe('a name that is taken', () => {
  test.each([
    ['by nobody in particular', false, 'has no controller'],
    ['by the child of another owner', true, 'is controlled by Owner other'],
  ])('%s: nothing at all is written, and the refusal says whose it is', async (_how, controlled, whose) => {
    const { cluster, owner, run, writes } = executing();
    const theirs = childOf(cluster.add(ownerNamed('other')), 'two');
    if (!controlled) delete theirs.metadata.ownerReferences;
    cluster.add(theirs);
    const old = cluster.add(childOf(owner, 'old'));
    const { refusals, waitMs } = await run([childOf(owner, 'one'), childOf(owner, 'two')], [refOf(old)]);
    expect(refusals).toMatchObject([{ reason: 'NameConflict', ref: { name: 'two' } }]);
    expect(refusals[0]?.message).toContain(whose);
    expect(waitMs).toBe(5_000);
    expect(writes()).toEqual([]);
  });

  test('is asked about again once it may be free, and then taken', async () => {
    const { clock, cluster, owner, read, run } = executing();
    cluster.add({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one', namespace: 'n' } });
    await run([childOf(owner, 'one')]);
    cluster.delete(refOf(read('one')));
    expect((await run([childOf(owner, 'one')])).refusals).toHaveLength(1);
    clock.advance(5_000);
    expect((await run([childOf(owner, 'one')])).refusals).toEqual([]);
    expect(read('one').data).toEqual({ a: '1' });
  });
});

describe('what the API server refuses', () => {
  test('as invalid is sent again only with other content, or after an hour', async () => {
    const { clock, control, owner, run } = executing();
    let sent = 0;
    control.fault = ({ ref }) => (ref.name === 'one' && ++sent > 0 ? invalid() : undefined);
    const once = await run([childOf(owner, 'one')]);
    expect(once.refusals).toMatchObject([{ reason: 'Invalid', message: 'data: no good', ref: { name: 'one' } }]);
    clock.advance(3_599_999);
    expect((await run([childOf(owner, 'one')])).refusals).toEqual(once.refusals);
    expect(sent).toBe(1);
    clock.advance(1);
    await run([childOf(owner, 'one')]);
    expect(sent).toBe(2);
    await run([childOf(owner, 'one', { a: '2' })]);
    expect(sent).toBe(3);
  });

  test('as forbidden is tried again by itself', async () => {
    const { clock, control, owner, run } = executing();
    control.fault = () => forbidden();
    const { refusals, waitMs = 0 } = await run([childOf(owner, 'one')]);
    expect([refusals[0]?.reason, waitMs]).toEqual(['Forbidden', 5_000]);
    control.fault = () => undefined;
    clock.advance(waitMs);
    expect(await run([childOf(owner, 'one')])).toEqual({ refusals: [], waitMs: undefined });
  });

  test('does not hold up the other objects', async () => {
    const { control, owner, run, writes } = executing();
    control.fault = ({ ref }) => (ref.name === 'one' ? invalid() : undefined);
    await run([childOf(owner, 'one'), childOf(owner, 'two')]);
    expect(writes()).toEqual(['apply ConfigMap/two']);
  });
});

describe('what is removed', () => {
  test('is the incarnation that was seen to be ours, once', async () => {
    const { cluster, owner, read, run, writes } = executing();
    const ours = cluster.add(childOf(owner, 'one'));
    await run([], [refOf(ours)]);
    await run([], [refOf(ours)]);
    expect(writes()).toEqual(['remove ConfigMap/one']);
    cluster.add({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'one', namespace: 'n' } });
    await run([], [{ ...configMapKind, name: 'one', namespace: 'n' }]);
    expect(writes()).toEqual([]);
    await run([], [refOf(ours)], [ours]);
    expect(read('one').metadata.uid).not.toBe(ours.metadata.uid);
  });

  test('is left alone while it is being deleted', async () => {
    const { cluster, owner, read, run, writes } = executing();
    const { metadata } = childOf(owner, 'one');
    const ours = cluster.add({ ...childOf(owner, 'one'), metadata: { ...metadata, finalizers: ['test.dev/held'] } });
    cluster.delete(refOf(ours));
    await run([], [refOf(read('one'))]);
    expect(writes()).toEqual([]);
  });
});
