import { describe, expect, test } from '@jest/globals';
import type { Source } from '../../operator/kube/definition.ts';
import { refOf } from '../../operator/kube/object.ts';
import { child, controlling, owner, planFor } from './controlling.ts';
import { configMapKind, ownerNamed } from './setting.ts';
import { settled, until } from './turns.ts';

describe('a controller', () => {
  test('makes what is wanted, says so in the status and in one event, and is quiet then', async () => {
    const { clock, cluster, controller, published, user, writes } = await controlling();
    await user.apply(ownerNamed('x', { size: 3 }));
    await settled();
    expect(cluster.get(child).data).toEqual({ size: '3' });
    expect(cluster.get(owner).status).toEqual({ phase: 'Made' });
    expect(published).toEqual(['Made']);
    expect(writes()).toEqual(['apply ConfigMap/x-child', 'applyStatus Owner/x']);
    controller.queue.add('n/x');
    clock.advance(10_000);
    await settled();
    expect(writes()).toEqual([]);
  });

  test('heals a child that is changed or deleted', async () => {
    const { cluster, user, writes } = await controlling();
    await user.apply(ownerNamed('x', { size: 3 }));
    await settled();
    writes();
    cluster.update({ ...cluster.get(child), data: { size: '9' } });
    await settled();
    expect(cluster.get(child).data).toEqual({ size: '3' });
    cluster.delete(child);
    await settled();
    expect(writes()).toEqual(['apply ConfigMap/x-child', 'apply ConfigMap/x-child']);
  });

  test('looks at every object again within 66 minutes, whether or not anything was heard of it', async () => {
    const { clock, looks, user } = await controlling();
    await user.apply(ownerNamed('x'));
    await settled();
    looks.splice(0);
    clock.advance(3_960_000);
    await settled();
    expect(looks).toEqual(['x']);
  });

  test('writes nothing about an object that is being deleted', async () => {
    const { cluster, user, writes } = await controlling();
    const made = ownerNamed('x');
    made.metadata.finalizers = ['test.dev/held'];
    const parts = await user.apply(made);
    await settled();
    cluster.delete(refOf(parts));
    cluster.delete(child);
    writes();
    await settled();
    expect(writes()).toEqual([]);
  });

  test('brings a status that was held back, 5 s after the last one', async () => {
    const { clock, cluster, user } = await controlling({
      render: (observed) => ({
        ...planFor(observed),
        apply: [],
        status: { phase: JSON.stringify(observed.owner.spec) },
      }),
    });
    await user.apply(ownerNamed('x', { size: 1 }));
    await settled();
    await user.apply(ownerNamed('x', { size: 2 }));
    await settled();
    expect(cluster.get(owner).status).toEqual({ phase: '{"size":1}' });
    clock.advance(5_000);
    await settled();
    expect(cluster.get(owner).status).toEqual({ phase: '{"size":2}' });
  });

  test('looks once at a thousand events of children that may wait for each other', async () => {
    const { clock, cluster, looks, user } = await controlling({ settleMs: 100 });
    await user.apply(ownerNamed('x'));
    await settled();
    clock.advance(100);
    await settled();
    looks.splice(0);
    for (let change = 0; change < 1_000; change++) cluster.update({ ...cluster.get(child), binaryData: { change } });
    await settled();
    clock.advance(99);
    await settled();
    expect(looks).toEqual([]);
    clock.advance(1);
    await settled();
    expect(looks).toEqual(['x']);
  });

  test('looks at those of its objects that an event of another kind is about', async () => {
    const { cluster, looks } = await controlling({ secrets: true, before: [ownerNamed('x'), ownerNamed('y')] });
    await settled();
    looks.splice(0);
    cluster.add({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 's', namespace: 'n', labels: { about: 'y' } } });
    await settled();
    expect(looks).toEqual(['y']);
  });

  test('removes an owner whose plan says so, after its last status, and with it what it owns', async () => {
    const { cluster, user, writes } = await controlling({
      render: (observed) => ({ ...planFor(observed), removeOwner: true }),
    });
    await user.apply(ownerNamed('x'));
    await settled();
    expect(writes()).toEqual(['apply ConfigMap/x-child', 'applyStatus Owner/x', 'remove Owner/x']);
    expect(cluster.all(configMapKind)).toEqual([]);
  });

  test('begins with what was there before it', async () => {
    const { looks } = await controlling({ before: [ownerNamed('x'), ownerNamed('y')] });
    await settled();
    expect(looks.filter((name) => name === 'y')).not.toEqual([]);
  });

  test('runs a source that failed again, and takes its word that a key is worth a look', async () => {
    let runs = 0;
    const source: Source = {
      name: 'reports',
      run: async (_stores, lookAgain, signal) => {
        if (++runs === 1) throw new Error('source broke');
        lookAgain('n/x');
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      },
    };
    const { clock, lines, looks, metric } = await controlling({ sources: [source], before: [ownerNamed('x')] });
    await settled();
    looks.splice(0);
    expect([runs, lines[0]?.err?.stack]).toEqual([1, expect.stringContaining('source broke')]);
    expect(await metric('modelyard_operator_bugs_total')).toBe(1);
    clock.advance(1_000);
    await settled();
    expect([runs, looks]).toEqual([2, ['x']]);
  });
});

describe('one key', () => {
  test('is with one worker at a time, and events meanwhile cause exactly one more look', async () => {
    const { control, controller, looks, user } = await controlling();
    let release: () => void = () => undefined;
    control.held = new Promise((resolve) => (release = resolve));
    await user.apply(ownerNamed('x'));
    await until(() => looks.length === 1);
    for (let event = 0; event < 5; event++) controller.queue.add('n/x');
    await settled();
    expect(looks).toEqual(['x']);
    release();
    await settled();
    // One more for the events, in which the echo of the child is merged.
    expect(looks).toEqual(['x', 'x']);
  });

  test('does not hold up another one', async () => {
    const { control, cluster, user } = await controlling({ workers: 2 });
    let release: () => void = () => undefined;
    control.held = new Promise((resolve) => (release = resolve));
    await user.apply(ownerNamed('x'));
    await settled();
    control.held = Promise.resolve();
    await user.apply(ownerNamed('y'));
    await settled();
    expect(cluster.all(configMapKind).map(({ metadata }) => metadata.name)).toEqual(['y-child']);
    release();
  });

  test('that a worker is at is finished before the controller ends', async () => {
    const { control, cluster, looks, running, stop, user } = await controlling();
    let release: () => void = () => undefined;
    control.held = new Promise((resolve) => (release = resolve));
    await user.apply(ownerNamed('x'));
    await until(() => looks.length === 1);
    stop.abort();
    release();
    await running;
    expect(cluster.get(owner).status).toEqual({ phase: 'Made' });
  });
});
