import { describe, expect, test } from '@jest/globals';
import { KubeError } from '../../operator/kube/errors.ts';
import { child, controlling, owner, planFor } from './controlling.ts';
import { childOf, configMapKind, forbidden, invalid, ownerNamed, unreachable, type Fault } from './setting.ts';
import { settled } from './turns.ts';

describe('a failure', () => {
  test('that another try may cure is tried again with backoff, and is no bug', async () => {
    const { clock, cluster, control, looks, metric, user } = await controlling({ fault: () => unreachable() });
    await user.apply(ownerNamed('x'));
    await settled();
    for (const waitMs of [1_000, 2_000, 4_000]) {
      const before = looks.length;
      clock.advance(waitMs - 1);
      await settled();
      expect(looks).toHaveLength(before);
      clock.advance(1);
      await settled();
      expect(looks).toHaveLength(before + 1);
    }
    control.fault = () => undefined;
    clock.advance(8_000);
    await settled();
    expect(cluster.get(owner).status).toEqual({ phase: 'Made' });
    expect(await metric('modelyard_operator_bugs_total')).toBe(0);
    expect(await metric('controller_runtime_reconcile_errors_total')).toBe(4);
  });

  test('after things went well is the first one again', async () => {
    const { clock, cluster, control, looks, user } = await controlling({ fault: () => unreachable() });
    await user.apply(ownerNamed('x'));
    await settled();
    control.fault = () => undefined;
    clock.advance(1_000);
    await settled();
    control.fault = () => unreachable();
    cluster.delete(child);
    await settled();
    const before = looks.length;
    clock.advance(1_000);
    await settled();
    expect(looks).toHaveLength(before + 1);
  });

  test('with Retry-After is not tried before that', async () => {
    const fault = (): KubeError => new KubeError(429, 'TooManyRequests', 'later', { retryAfterMs: 60_000 });
    const { clock, looks, user } = await controlling({ fault });
    await user.apply(ownerNamed('x'));
    await settled();
    clock.advance(59_999);
    await settled();
    expect(looks).toHaveLength(1);
    clock.advance(1);
    await settled();
    expect(looks).toHaveLength(2);
  });

  test('by a bug is logged with its stack, counted, and tried again', async () => {
    let broken = true;
    const { clock, cluster, lines, metric, user } = await controlling({
      render: (observed) => {
        if (broken) throw new TypeError('no such field');
        return planFor(observed);
      },
    });
    await user.apply(ownerNamed('x'));
    await settled();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ key: 'n/x', controller: 'owners', err: { type: 'TypeError' } });
    expect(lines[0]?.err?.stack).toContain('failures.test.ts');
    expect(await metric('modelyard_operator_bugs_total')).toBe(1);
    broken = false;
    clock.advance(1_000);
    await settled();
    expect(cluster.get(owner).status).toEqual({ phase: 'Made' });
  });
});

describe('a spec that the API server refuses', () => {
  test('is told in the status at once, and not sent again until it changes or an hour is over', async () => {
    let sent = 0;
    const fault: Fault = ({ verb }) => (verb === 'apply' && ++sent > 0 ? invalid() : undefined);
    const { clock, cluster, control, controller, metric, published, user } = await controlling({ fault });
    await user.apply(ownerNamed('x', { size: -1 }));
    await settled();
    expect(cluster.get(owner).status).toEqual({ phase: 'Invalid' });
    expect(published).toEqual(['Invalid']);
    for (let minute = 1; minute < 50; minute++) {
      controller.queue.add('n/x');
      clock.advance(60_000);
      await settled();
    }
    expect([sent, published]).toEqual([1, ['Invalid']]);
    clock.advance(3_600_000);
    await settled();
    expect(sent).toBe(2);
    control.fault = () => undefined;
    await user.apply(ownerNamed('x', { size: 1 }));
    await settled();
    expect(cluster.get(owner).status).toEqual({ phase: 'Made' });
    expect(await metric('controller_runtime_reconcile_errors_total')).toBe(0);
  });

  test('is not sent again because another of its objects moves', async () => {
    let sent = 0;
    const fault: Fault = ({ ref: { name } }) => (name === 'bad' && ++sent > 0 ? invalid() : undefined);
    const render = (observed: Parameters<typeof planFor>[0]): ReturnType<typeof planFor> => {
      const plan = planFor(observed);
      return { ...plan, apply: [...plan.apply, childOf(observed.owner, 'bad')] };
    };
    const { cluster, user } = await controlling({ fault, render });
    await user.apply(ownerNamed('x', { size: 1 }));
    await settled();
    cluster.update({ ...cluster.get(child), data: { size: '9' } });
    await settled();
    expect([cluster.get(child).data, sent]).toEqual([{ size: '1' }, 1]);
  });

  test('as forbidden is tried again by itself, after 5 s', async () => {
    const { clock, cluster, control, user } = await controlling({
      fault: ({ verb }) => (verb === 'apply' ? forbidden() : undefined),
    });
    await user.apply(ownerNamed('x'));
    await settled();
    expect(cluster.get(owner).status).toEqual({ phase: 'Forbidden' });
    control.fault = () => undefined;
    clock.advance(4_999);
    await settled();
    expect(cluster.all(configMapKind)).toEqual([]);
    clock.advance(1);
    await settled();
    expect(cluster.all(configMapKind)).toHaveLength(1);
    expect(cluster.get(owner).status).toEqual({ phase: 'Made' });
  });

  test('names that are taken are told in the status, and nothing is written but that', async () => {
    const { cluster, user, writes } = await controlling({
      before: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x-child', namespace: 'n' } }],
    });
    await user.apply(ownerNamed('x'));
    await settled();
    expect(cluster.get(owner).status).toEqual({ phase: 'NameConflict' });
    expect(writes()).toEqual(['applyStatus Owner/x']);
  });
});
