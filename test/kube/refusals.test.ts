import { describe, expect, test } from '@jest/globals';
import { Refusals } from '../../operator/kube/refusals.ts';
import { ManualClock } from './manual-clock.ts';

const refusal = (reason: string) => ({
  ref: { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', namespace: 'n' },
  reason,
  message: 'no',
});

describe('Refusals', () => {
  test('what is invalid stands for an hour, and no longer than its content', () => {
    const clock = new ManualClock();
    const refusals = new Refusals(clock);
    refusals.add('n/x', 'a', 'hash', refusal('Invalid'));
    expect(refusals.retryInMs('n/x')).toBe(3_600_000);
    clock.advance(3_599_999);
    expect(refusals.standing('n/x', 'a', 'hash')).toEqual(refusal('Invalid'));
    expect(refusals.standing('n/x', 'a', 'another')).toBeUndefined();
    expect(refusals.standing('n/other', 'a', 'hash')).toBeUndefined();
    clock.advance(1);
    expect(refusals.standing('n/x', 'a', 'hash')).toBeUndefined();
  });

  test.each(['Forbidden', 'NameConflict'])('%s is tried again after 5 s and then up to every minute', (reason) => {
    const refusals = new Refusals(new ManualClock());
    const waits = Array.from({ length: 6 }, () => {
      refusals.add('n/x', 'a', 'hash', refusal(reason));
      return refusals.retryInMs('n/x');
    });
    expect(waits).toEqual([5_000, 10_000, 20_000, 40_000, 60_000, 60_000]);
    refusals.add('n/x', 'a', 'new content', refusal(reason));
    expect(refusals.retryInMs('n/x')).toBe(5_000);
  });

  test('what moves frees names and quotas, but makes nothing valid', () => {
    const refusals = new Refusals(new ManualClock());
    refusals.add('n/x', 'a', 'hash', refusal('Invalid'));
    refusals.add('n/x', 'b', 'hash', refusal('Forbidden'));
    refusals.expire('n/x');
    expect(refusals.standing('n/x', 'a', 'hash')).toBeDefined();
    expect(refusals.standing('n/x', 'b', 'hash')).toBeUndefined();
  });

  test('an invalid change of an object is tried again once that object is gone', () => {
    const refusals = new Refusals(new ManualClock());
    refusals.add('n/x', 'a', 'hash', refusal('Invalid'));
    refusals.expire('n/x', 'b');
    expect(refusals.standing('n/x', 'a', 'hash')).toBeDefined();
    refusals.expire('n/x', 'a');
    expect(refusals.standing('n/x', 'a', 'hash')).toBeUndefined();
  });

  test('of what is refused no longer nothing is kept', () => {
    const refusals = new Refusals(new ManualClock());
    refusals.add('n/x', 'a', 'hash', refusal('Invalid'));
    refusals.keepOnly('n/x', new Set());
    expect(refusals.retryInMs('n/x')).toBeUndefined();
  });
});
