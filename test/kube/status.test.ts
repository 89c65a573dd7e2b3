import { describe, expect, test } from '@jest/globals';
import type { PlannedEvent } from '../../operator/core/plan.ts';
import { KubeError } from '../../operator/kube/errors.ts';
import { executeStatus } from '../../operator/kube/execute.ts';
import { refOf } from '../../operator/kube/object.ts';
import { Refusals } from '../../operator/kube/refusals.ts';
import { StatusPace } from '../../operator/kube/status-pace.ts';
import { ownerNamed, setting, unreachable } from './setting.ts';

const signal = new AbortController().signal;
const event: PlannedEvent = { type: 'Normal', reason: 'Ready', action: 'Reconcile', note: 'it serves' };

function writing() {
  const parts = setting();
  const { clock, cluster, client } = parts;
  const ref = refOf(cluster.add(ownerNamed('x')));
  const published: string[] = [];
  const shell = {
    client,
    refusals: new Refusals(clock),
    pace: new StatusPace(clock),
    assume: () => undefined,
    assumeGone: () => undefined,
    publish: (_owner: unknown, { reason }: PlannedEvent) => published.push(reason),
  };
  const read = () => cluster.get({ ...ref, uid: '' });
  const write = (status: object, events: PlannedEvent[] = [], owner = read(), urgent = false) =>
    executeStatus({ status, events, urgent }, owner, shell, signal);
  return { ...parts, published, read, ref, write };
}

describe('a status', () => {
  test('is written once for equal content', async () => {
    const { write, writes } = writing();
    await write({ phase: 'a', replicas: 1 });
    expect(writes()).toEqual(['applyStatus Owner/x']);
    await write({ replicas: 1, phase: 'a' });
    expect(writes()).toEqual([]);
  });

  test('is written at most once in 5 s, and what was held back is written then', async () => {
    const { clock, read, write, writes } = writing();
    expect(await write({ phase: 'a' })).toBeUndefined();
    clock.advance(1_000);
    expect(await write({ phase: 'b' })).toBe(4_000);
    clock.advance(3_999);
    expect(await write({ phase: 'c' })).toBe(1);
    expect(writes()).toEqual(['applyStatus Owner/x']);
    clock.advance(1);
    expect(await write({ phase: 'c' })).toBeUndefined();
    expect(read().status).toEqual({ phase: 'c' });
  });

  test('that is urgent is written at once, and those after it wait for it', async () => {
    const { clock, read, write } = writing();
    await write({ phase: 'a' });
    clock.advance(1_000);
    expect(await write({ phase: 'b' }, [], read(), true)).toBeUndefined();
    expect(read().status).toEqual({ phase: 'b' });
    expect(await write({ phase: 'c' })).toBe(5_000);
  });

  test('of a new incarnation is not held back by that of the earlier one', async () => {
    const { cluster, read, ref, write } = writing();
    await write({ phase: 'a' });
    cluster.delete(ref);
    cluster.add(ownerNamed('x'));
    expect(await write({ phase: 'b' })).toBeUndefined();
    expect(read().status).toEqual({ phase: 'b' });
  });

  test('loses the fields that are wanted no more', async () => {
    const { clock, read, write } = writing();
    await write({ phase: 'a', message: 'b' });
    clock.advance(5_000);
    await write({ phase: 'a' });
    expect(read().status).toEqual({ phase: 'a' });
  });

  test('keeps what others set in it, and is not written for ever because of that', async () => {
    const { clock, cluster, read, ref, write, writes } = writing();
    cluster.writeStatus(ref, { theirs: 1 });
    await write({ phase: 'a' });
    clock.advance(5_000);
    await write({ phase: 'a' });
    expect(writes()).toEqual(['applyStatus Owner/x']);
    expect(read().status).toEqual({ phase: 'a', theirs: 1 });
  });

  test('is put back where it drifted', async () => {
    const { clock, cluster, read, ref, write } = writing();
    await write({ phase: 'a' });
    clock.advance(5_000);
    cluster.writeStatus(ref, { phase: 'changed by hand' });
    await write({ phase: 'a' });
    expect(read().status).toEqual({ phase: 'a' });
  });

  test('of an object deleted meanwhile is nobody’s concern', async () => {
    const { cluster, published, read, ref, write } = writing();
    const owner = read();
    cluster.delete(ref);
    expect(await write({ phase: 'a' }, [event], owner)).toBeUndefined();
    expect(published).toEqual([]);
  });

  test('never reaches another incarnation', async () => {
    const { cluster, read, ref, write } = writing();
    const owner = read();
    cluster.delete(ref);
    cluster.add(ownerNamed('x'));
    await expect(write({ phase: 'a' }, [], owner)).rejects.toMatchObject({ status: 409 });
    expect(read().status).toBeUndefined();
  });
});

describe('events', () => {
  test('come with the status they are about: not before it is written, and not again', async () => {
    const { clock, control, published, write } = writing();
    control.fault = () => unreachable();
    await expect(write({ phase: 'a' }, [event])).rejects.toBeInstanceOf(KubeError);
    expect(published).toEqual([]);
    control.fault = () => undefined;
    await write({ phase: 'a' }, [event]);
    expect(published).toEqual(['Ready']);
    await write({ phase: 'a' }, [event]);
    expect(published).toEqual(['Ready']);
    await write({ phase: 'b' }, [event]);
    expect(published).toEqual(['Ready']);
    clock.advance(5_000);
    await write({ phase: 'b' }, [event]);
    expect(published).toEqual(['Ready', 'Ready']);
  });
});
