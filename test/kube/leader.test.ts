import { afterEach, describe, expect, test } from '@jest/globals';
import { createLog } from '../../lib/log.ts';
import { FencedError, LeadershipLostError } from '../../operator/kube/errors.ts';
import { fenced, Leader, leaseDurationMs, renewDeadlineMs } from '../../operator/kube/leader.ts';
import { setting, unreachable } from './setting.ts';
import { settled } from './turns.ts';

const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: 'l', namespace: 'n' };
const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'n' } };
const never = new AbortController().signal;

const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

function electing() {
  const parts = setting();
  const { clock, cluster, client } = parts;
  const leader = (identity: string, through = client): Leader =>
    new Leader({ client: through, namespace: 'n', name: 'l', identity, clock, log: createLog('test', 'silent') });
  const holder = (): string | undefined => (cluster.get(lease).spec as { holderIdentity?: string }).holderIdentity;
  /** Passes time in steps, with everything done in between. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 500) {
      clock.advance(500);
      await settled();
    }
  };
  /** Tries to lead until the test ends. */
  const acquire = (who: Leader): { done: boolean } => {
    const state = { done: false };
    const stop = new AbortController();
    const acquired = who.acquire(stop.signal).then(() => (state.done = !stop.signal.aborted));
    stops.push(() => {
      stop.abort();
      return acquired;
    });
    return state;
  };
  /** Renews until the test ends; resolves with why it ended. */
  const hold = (who: Leader): Promise<unknown> => {
    const stop = new AbortController();
    const ended = who.hold(stop.signal).then(
      () => undefined,
      (error: unknown) => error,
    );
    stops.push(() => {
      stop.abort();
      return ended;
    });
    return ended;
  };
  return { ...parts, acquire, hold, holder, leader, pass };
}

describe('taking the lease', () => {
  test('a lease that is renewed is left to its holder', async () => {
    const { acquire, hold, holder, leader, pass } = electing();
    const one = leader('one');
    await one.acquire(never);
    void hold(one);
    const other = acquire(leader('two'));
    await pass(4 * leaseDurationMs);
    expect([other.done, holder()]).toEqual([false, 'one']);
  });

  test('a lease that is not renewed is taken once it was seen unchanged for its whole duration, and not before', async () => {
    const { acquire, holder, leader, pass } = electing();
    await leader('one').acquire(never);
    const other = acquire(leader('two'));
    await settled();
    await pass(leaseDurationMs - 500);
    expect([other.done, holder()]).toEqual([false, 'one']);
    await pass(3_000);
    expect([other.done, holder()]).toEqual([true, 'two']);
  });

  test('what a foreign clock wrote into the lease does not matter', async () => {
    const { acquire, cluster, leader, pass } = electing();
    const spec = { holderIdentity: 'one', leaseDurationSeconds: 15, renewTime: '1999-01-01T00:00:00.000000Z' };
    const { name, namespace, ...kind } = lease;
    cluster.add({ ...kind, metadata: { name, namespace }, spec });
    const other = acquire(leader('two'));
    await pass(leaseDurationMs - 500);
    expect(other.done).toBe(false);
    await pass(3_000);
    expect(other.done).toBe(true);
  });

  test('of two that see it free only one takes it', async () => {
    const { acquire, holder, leader } = electing();
    const [one, two] = [leader('one'), leader('two')];
    const states = [acquire(one), acquire(two)];
    await settled();
    expect(states.filter(({ done }) => done)).toHaveLength(1);
    const [winner, loser] = holder() === 'one' ? [one, two] : [two, one];
    expect(() => winner.check()).not.toThrow();
    expect(() => loser.check()).toThrow(FencedError);
  });

  test('a released lease is taken at once', async () => {
    const { leader } = electing();
    const [one, two] = [leader('one'), leader('two')];
    await one.acquire(never);
    await one.release();
    expect(() => one.check()).toThrow(FencedError);
    await two.acquire(never);
    expect(() => two.check()).not.toThrow();
  });

  test('failures are tried again until it goes', async () => {
    const { acquire, control, leader, pass } = electing();
    control.fault = () => unreachable();
    const state = acquire(leader('one'));
    await pass(60_000);
    expect(state.done).toBe(false);
    control.fault = () => undefined;
    await pass(3_000);
    expect(state.done).toBe(true);
  });
});

describe('holding the lease', () => {
  test('renewals keep the right to write', async () => {
    const { hold, leader, pass } = electing();
    const one = leader('one');
    await one.acquire(never);
    void hold(one);
    await pass(5 * renewDeadlineMs);
    expect(() => one.check()).not.toThrow();
  });

  test('the right to write counts from when a renewal was sent, not from its answer', async () => {
    const { clock, control, leader } = electing();
    let answered: () => void = () => undefined;
    control.held = new Promise((resolve) => (answered = resolve));
    const one = leader('one');
    const acquired = one.acquire(never);
    await settled();
    clock.advance(4_000);
    answered();
    await acquired;
    clock.advance(renewDeadlineMs - 4_001);
    expect(() => one.check()).not.toThrow();
    clock.advance(1);
    expect(() => one.check()).toThrow(FencedError);
  });

  test('renewals that fail end it after 10 s, which is before anybody else may begin', async () => {
    const { control, clock, hold, leader, pass } = electing();
    const one = leader('one');
    await one.acquire(never);
    control.fault = ({ verb }) => (verb === 'replace' ? unreachable() : undefined);
    let endedMs: number | undefined;
    const ended = hold(one).finally(() => (endedMs = clock.monotonicMs()));
    await pass(leaseDurationMs);
    expect(await ended).toBeInstanceOf(LeadershipLostError);
    expect(endedMs).toBeGreaterThanOrEqual(renewDeadlineMs);
    expect(endedMs).toBeLessThan(leaseDurationMs);
    expect(() => one.check()).toThrow(FencedError);
  });

  test('a renewal that is never answered ends it as well', async () => {
    const { client, hold, leader, pass } = electing();
    const one = leader('one', {
      ...client,
      replace: (_object, options) =>
        new Promise((_resolve, reject) => options?.signal?.addEventListener('abort', () => reject(unreachable()))),
    });
    await one.acquire(never);
    const ended = hold(one);
    await pass(leaseDurationMs);
    expect(await ended).toBeInstanceOf(LeadershipLostError);
  });

  test('some failures in between do not matter', async () => {
    const { control, hold, leader, pass } = electing();
    const one = leader('one');
    await one.acquire(never);
    void hold(one);
    for (let round = 0; round < 5; round++) {
      control.fault = () => unreachable();
      await pass(6_000);
      control.fault = () => undefined;
      await pass(3_000);
    }
    expect(() => one.check()).not.toThrow();
  });

  test.each([
    ['another process took it', { holderIdentity: 'two', leaseDurationSeconds: 15 }],
    ['somebody deleted it', undefined],
  ])('it is lost at once where %s', async (_why, spec) => {
    const { cluster, hold, leader, pass } = electing();
    const one = leader('one');
    await one.acquire(never);
    const ended = hold(one);
    if (spec === undefined) cluster.delete(lease);
    else cluster.update({ ...cluster.get(lease), spec });
    await pass(3_000);
    expect(await ended).toBeInstanceOf(LeadershipLostError);
    expect(() => one.check()).toThrow(FencedError);
  });

  test('it is kept where somebody only touched it', async () => {
    const { cluster, hold, leader, pass } = electing();
    const one = leader('one');
    await one.acquire(never);
    void hold(one);
    const touched = cluster.get(lease);
    touched.metadata.labels = { touched: 'yes' };
    cluster.update(touched);
    await pass(3 * renewDeadlineMs);
    expect(() => one.check()).not.toThrow();
  });
});

describe('fencing', () => {
  test('a process that stalled past the deadline sends no write of any kind, and may still read', async () => {
    const { clock, client, leader, writes } = electing();
    const one = leader('one');
    await one.acquire(never);
    const writer = fenced(client, () => one.check());
    await writer.apply(object);
    writes();
    clock.advance(renewDeadlineMs);
    await expect(writer.apply(object)).rejects.toThrow(FencedError);
    await expect(writer.create(object)).rejects.toThrow(FencedError);
    await expect(writer.replace(object)).rejects.toThrow(FencedError);
    await expect(writer.applyStatus(object)).rejects.toThrow(FencedError);
    await expect(writer.remove({ ...lease })).rejects.toThrow(FencedError);
    expect(writes()).toEqual([]);
    expect((await writer.get({ apiVersion: 'v1', kind: 'ConfigMap', name: 'a', namespace: 'n' })).kind).toBe(
      'ConfigMap',
    );
  });

  test('a process that never led sends none either', async () => {
    const { client, leader } = electing();
    const one = leader('one');
    await expect(fenced(client, () => one.check()).apply(object)).rejects.toThrow(FencedError);
  });
});
