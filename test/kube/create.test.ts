/** Objects that are created many at a time, such as the pods of a job. */
import { describe, expect, test } from '@jest/globals';
import { KubeError } from '../../operator/kube/errors.ts';
import { executeObjects, type Outcome } from '../../operator/kube/execute.ts';
import { refOf, type KubeObject } from '../../operator/kube/object.ts';
import { Refusals } from '../../operator/kube/refusals.ts';
import { StatusPace } from '../../operator/kube/status-pace.ts';
import type { Removal } from '../../operator/core/plan.ts';
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
const conflict = (): KubeError => new KubeError(409, 'Conflict', 'the quota has been modified');

function executing() {
  const parts = setting();
  const { clock, cluster, client } = parts;
  const owner = cluster.add(ownerNamed('x'));
  const assumed: string[] = [];
  const gone: string[] = [];
  const asked: string[] = [];
  const shell = {
    client: {
      ...client,
      get: (ref: Parameters<typeof client.get>[0]) => {
        asked.push(ref.name);
        return client.get(ref);
      },
    },
    refusals: new Refusals(clock),
    pace: new StatusPace(clock),
    assume: ({ metadata }: KubeObject) => void assumed.push(metadata.name),
    assumeGone: ({ metadata }: KubeObject) => void gone.push(metadata.name),
    publish: () => undefined,
  };
  const run = (
    create: KubeObject[],
    { known = [], apply = [], remove = [] }: { known?: KubeObject[]; apply?: KubeObject[]; remove?: Removal[] } = {},
  ): Promise<Outcome> => executeObjects({ apply, create, remove }, owner, known, shell, signal);
  const read = (name: string): KubeObject => cluster.get({ ...configMapKind, name, namespace: 'n' });
  const many = (count: number): KubeObject[] =>
    Array.from({ length: count }, (_, index) => childOf(owner, `p${index}`));
  return { ...parts, asked, assumed, gone, many, owner, read, run };
}

describe('what is created', () => {
  test('is posted without a look before, many at a time, and taken for the truth', async () => {
    const { asked, assumed, control, many, run, writes } = executing();
    let underWay = 0;
    let most = 0;
    control.fault = () => {
      underWay += 1;
      most = Math.max(most, underWay);
      setImmediate(() => (underWay -= 1));
      return undefined;
    };
    expect(await run(many(200))).toEqual({ refusals: [], waitMs: undefined });
    expect(writes()).toHaveLength(200);
    expect([new Set(assumed).size, asked]).toEqual([200, []]);
    expect(most).toBeGreaterThan(16);
  });

  test('comes after everything that is applied', async () => {
    const { many, owner, run, writes } = executing();
    await run(many(2), { apply: [childOf(owner, 'settings'), childOf(owner, 'network')] });
    expect(writes()).toEqual([
      'apply ConfigMap/settings',
      'apply ConfigMap/network',
      'create ConfigMap/p0',
      'create ConfigMap/p1',
    ]);
  });

  test.each([
    ['is refused', 'Invalid'],
    ['is still being deleted', 'wait'],
  ])('waits where something that is applied %s', async (_what, how) => {
    const { cluster, control, many, owner, read, run, writes } = executing();
    if (how === 'Invalid') control.fault = ({ verb }) => (verb === 'apply' ? invalid() : undefined);
    else {
      const held = childOf(owner, 'settings');
      cluster.add({ ...held, metadata: { ...held.metadata, finalizers: ['test.dev/held'] } });
      cluster.delete(refOf(read('settings')));
    }
    await run(many(2), { apply: [childOf(owner, 'settings')] });
    expect(writes()).toEqual([]);
  });

  test('and is there already, as a stale cache does not know, is left as it is and becomes known', async () => {
    const { assumed, cluster, many, owner, read, run, writes } = executing();
    cluster.add(childOf(owner, 'p0', { made: 'before' }));
    expect(await run(many(2))).toEqual({ refusals: [], waitMs: undefined });
    expect(writes()).toEqual(['create ConfigMap/p0', 'create ConfigMap/p1']);
    expect(read('p0').data).toEqual({ made: 'before' });
    expect(assumed.sort()).toEqual(['p0', 'p1']);
  });

  test('is created once where the answer to the first try was lost', async () => {
    const { cluster, control, client, many, run } = executing();
    control.fault = ({ ref }) => {
      if (ref.name !== 'p1') return undefined;
      control.fault = () => undefined;
      for (const made of many(2).slice(1)) cluster.add(made);
      return unreachable();
    };
    expect((await run(many(2))).failure).toMatchObject({ ref: { name: 'p1' }, error: { reason: 'Unreachable' } });
    expect(await run(many(2))).toEqual({ refusals: [], waitMs: undefined });
    expect((await client.list(configMapKind, {})).items).toHaveLength(2);
  });

  test('waits for its predecessor, be it ours or an earlier owner’s', async () => {
    const { cluster, many, owner, read, run } = executing();
    const ours = childOf(owner, 'p0');
    cluster.add({ ...ours, metadata: { ...ours.metadata, finalizers: ['test.dev/held'] } });
    cluster.delete(refOf(read('p0')));
    const earlier = childOf({ ...owner, metadata: { ...owner.metadata, uid: 'earlier' } }, 'p1');
    // A second owner keeps the collector away.
    earlier.metadata.ownerReferences?.push({ ...referenceTo(owner), controller: false });
    cluster.add(earlier);
    expect(await run(many(2))).toEqual({ refusals: [], waitMs: 2_000 });
    expect(read('p1').metadata.ownerReferences?.[0]?.uid).toBe('earlier');
    expect(await run(many(1), { known: [read('p0')] })).toEqual({ refusals: [], waitMs: 2_000 });
  });

  test('is never written over what is somebody else’s, which does not hold up the others', async () => {
    const { clock, cluster, many, read, run, writes } = executing();
    cluster.add({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'p1', namespace: 'n' },
      data: { a: 'theirs' },
    });
    const { refusals, waitMs } = await run(many(3));
    expect(refusals).toMatchObject([{ reason: 'NameConflict', ref: { name: 'p1' } }]);
    expect([read('p1').data, waitMs]).toEqual([{ a: 'theirs' }, 5_000]);
    writes();
    await run(many(3), { known: [read('p0'), read('p2')] });
    expect(writes()).toEqual([]);
    cluster.delete({ ...configMapKind, name: 'p1', namespace: 'n' });
    clock.advance(5_000);
    expect(await run(many(3), { known: [read('p0'), read('p2')] })).toMatchObject({ refusals: [] });
  });
});

describe('an admission rule', () => {
  test.each([
    ['with no status of its own', 400, 'admission webhook "policy.test" denied the request: no such label'],
    ['as forbidden', 403, 'admission webhook "policy.test" denied the request: no such label'],
    ['of the API server’s own', 422, "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no such label"],
  ])('that says no is asked by one object alone, and again after a while: %s', async (_how, status, message) => {
    const { control, many, run } = executing();
    let sent = 0;
    control.fault = () => (++sent > 0 ? new KubeError(status, 'SomeReason', message) : undefined);
    const { failure, refusals, waitMs } = await run(many(500));
    expect([failure, sent, waitMs]).toEqual([undefined, 1, 5_000]);
    expect(refusals).toMatchObject([{ ref: { name: 'p0' }, reason: 'Denied', message }]);
  });

  test('that cannot be asked ends the tries that have not begun, but holds up nothing that has to go', async () => {
    const { cluster, control, many, owner, run, writes } = executing();
    const old = cluster.add(childOf(owner, 'old'));
    let sent = 0;
    const down = new KubeError(500, 'InternalError', 'failed calling webhook "policy.test"');
    control.fault = ({ verb }) => (verb === 'create' && ++sent > 0 ? down : undefined);
    const { failure, refusals } = await run(many(500), { known: [old], remove: [refOf(old)] });
    expect([failure?.ref.name, failure?.error, refusals, sent]).toEqual(['p0', down, [], 1]);
    expect(writes()).toEqual(['remove ConfigMap/old']);
  });
});

describe('a quota that is full', () => {
  test('is asked by one object alone, and again only after a while', async () => {
    const { clock, control, many, run } = executing();
    let sent = 0;
    control.fault = () => (++sent > 0 ? forbidden() : undefined);
    const once = await run(many(500));
    expect([once.refusals.length, sent, once.waitMs]).toEqual([1, 1, 5_000]);
    expect((await run(many(500))).refusals).toEqual(once.refusals);
    expect(sent).toBe(1);
    clock.advance(5_000);
    control.fault = () => undefined;
    expect(await run(many(500))).toEqual({ refusals: [], waitMs: undefined });
  });

  test('that is reached midway keeps what fits, and ends the tries that have not begun', async () => {
    const { control, many, run, writes } = executing();
    let room = 100;
    let sent = 0;
    control.fault = () => {
      sent += 1;
      return room-- > 0 ? undefined : forbidden();
    };
    const { refusals } = await run(many(500));
    expect(writes()).toHaveLength(100);
    expect(refusals.length).toBeGreaterThan(0);
    expect(sent).toBeLessThanOrEqual(164);
  });

  test('whose own count collided is tried again at once', async () => {
    const { control, many, run } = executing();
    let left = 3;
    control.fault = ({ ref }) => (ref.name === 'p1' && left-- > 0 ? conflict() : undefined);
    expect(await run(many(3))).toEqual({ refusals: [], waitMs: undefined });
    control.fault = ({ ref }) => (ref.name === 'p3' ? conflict() : undefined);
    expect((await run(many(4))).failure).toMatchObject({ ref: { name: 'p3' }, error: { status: 409 } });
  });
});

describe('what is removed', () => {
  test('goes many at a time; what its node has still to stop stays known', async () => {
    const { assumed, cluster, gone, owner, run, writes } = executing();
    const pods = ['a', 'b'].map((name) =>
      cluster.add({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...childOf(owner, name).metadata },
        spec: name === 'a' ? { nodeName: 'n1' } : {},
      }),
    );
    await run([], { known: pods, remove: pods.map(refOf) });
    expect(writes().sort()).toEqual(['remove Pod/a', 'remove Pod/b']);
    expect([assumed, gone]).toEqual([['a'], ['b']]);
  });

  test('is taken away without its node where the plan says so, although it is being deleted', async () => {
    const { cluster, owner, run, writes } = executing();
    const pod = cluster.add({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...childOf(owner, 'a').metadata },
      spec: { nodeName: 'n1' },
    });
    const ref = refOf(pod);
    cluster.delete(ref);
    const leaving = cluster.get(ref);
    await run([], { known: [leaving], remove: [ref] });
    expect(writes()).toEqual([]);
    await run([], { known: [leaving], remove: [{ ...ref, gracePeriodSeconds: 0 }] });
    expect(writes()).toEqual(['remove Pod/a']);
    expect(cluster.all({ apiVersion: 'v1', kind: 'Pod' })).toEqual([]);
  });
});
