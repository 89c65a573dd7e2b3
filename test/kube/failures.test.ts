import { describe, expect, test } from '@jest/globals';
import { KubeError } from '../../operator/kube/errors.ts';
import { child, controlling, owner, planFor } from './controlling.ts';
import { childOf, configMapKind, forbidden, invalid, ownerNamed, unreachable, type Fault } from './setting.ts';
import { settled } from './turns.ts';

/** A fault of every write, or of every one with that verb, and how often it was met. */
function failing(error: () => KubeError, verb?: string): { fault: Fault; tries: () => number } {
  let met = 0;
  const fault: Fault = (write) => {
    if (verb !== undefined && write.verb !== verb) return undefined;
    if (write.verb === 'apply') met += 1;
    return error();
  };
  return { fault, tries: () => met };
}

describe('a failure', () => {
  test('that another try may cure is tried again with backoff, and is no bug', async () => {
    const { fault, tries } = failing(() => unreachable());
    const { clock, cluster, control, metric, user } = await controlling({ fault });
    await user.apply(ownerNamed('x'));
    await settled();
    for (const waitMs of [1_000, 2_000, 4_000]) {
      const before = tries();
      clock.advance(waitMs - 1);
      await settled();
      expect(tries()).toBe(before);
      clock.advance(1);
      await settled();
      expect(tries()).toBe(before + 1);
    }
    control.fault = () => undefined;
    clock.advance(8_000);
    await settled();
    expect(cluster.get(owner).status).toEqual({ phase: 'Made' });
    expect(await metric('modelyard_operator_bugs_total')).toBe(0);
    expect(await metric('controller_runtime_reconcile_errors_total')).toBe(4);
  });

  test('after things went well is the first one again', async () => {
    const { fault, tries } = failing(() => unreachable());
    const { clock, cluster, control, user } = await controlling({ fault });
    await user.apply(ownerNamed('x'));
    await settled();
    control.fault = () => undefined;
    clock.advance(1_000);
    await settled();
    control.fault = fault;
    cluster.delete(child);
    await settled();
    const before = tries();
    clock.advance(1_000);
    await settled();
    expect(tries()).toBe(before + 1);
  });

  test('with Retry-After is not tried before that', async () => {
    const { fault, tries } = failing(
      () => new KubeError(429, 'TooManyRequests', 'later', { retryAfterMs: 60_000 }),
      'apply',
    );
    const { clock, user } = await controlling({ fault });
    await user.apply(ownerNamed('x'));
    await settled();
    clock.advance(59_999);
    await settled();
    expect(tries()).toBe(1);
    clock.advance(1);
    await settled();
    expect(tries()).toBe(2);
  });

  test('to write an object keeps nothing from the status, and is told in it when it fails again', async () => {
    const down = (): KubeError => new KubeError(500, 'InternalError', 'failed calling webhook "policy.test"');
    const { fault, tries } = failing(down, 'apply');
    const { clock, cluster, control, metric, published, user } = await controlling({ fault });
    await user.apply(ownerNamed('x'));
    await settled();
    expect([tries(), cluster.get(owner).status]).toEqual([1, { phase: 'Made' }]);
    for (let seconds = 0; seconds < 5; seconds++) {
      clock.advance(1_000);
      await settled();
    }
    expect(cluster.get(owner).status).toEqual({ phase: 'WriteFailed' });
    control.fault = () => undefined;
    clock.advance(10_000);
    await settled();
    expect(cluster.get(owner).status).toEqual({ phase: 'Made' });
    expect(published).toEqual(['Made', 'WriteFailed', 'Made']);
    expect(await metric('modelyard_operator_bugs_total')).toBe(0);
  });

  test('because somebody was faster is nobody’s concern, however often', async () => {
    const { fault, tries } = failing(() => new KubeError(409, 'Conflict', 'the object has been modified'), 'apply');
    const { clock, cluster, user } = await controlling({ fault });
    await user.apply(ownerNamed('x'));
    await settled();
    for (let seconds = 0; seconds < 20; seconds++) {
      clock.advance(1_000);
      await settled();
    }
    expect(tries()).toBeGreaterThan(3);
    expect(cluster.get(owner).status).toEqual({ phase: 'Made' });
  });

  test('holds up nothing that is due at a time', async () => {
    const { fault, tries } = failing(() => unreachable(), 'apply');
    const { clock, user } = await controlling({
      fault,
      render: (observed) => ({ ...planFor(observed), requeueAfterMs: 100 }),
    });
    await user.apply(ownerNamed('x'));
    await settled();
    clock.advance(100);
    await settled();
    expect(tries()).toBe(2);
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
