/** Pods that are gone are remembered as what they were when their deletion began, and why it did. */
import { describe, expect, test } from '@jest/globals';
import { LastSeen } from '../../../operator/controllers/last-seen.ts';
import type { Pod } from '../../../operator/core/objects.ts';
import { podOf } from '../../support/training-world.ts';

const pod = (is: 'Ready' | 'Leaving' | 'Succeeded', metadata: object = {}) => podOf({ name: 'worker-0', is, metadata });
const name = 'digits-worker-0';

/** What is noted of the pod `worker-0` and its successors, look by look. */
function looking() {
  const lastSeen = new LastSeen();
  let uid = 'first';
  const look = (pods: Pod[], wanted = true) => {
    const noted = lastSeen.note({ metadata: { name: 'digits', namespace: 'team-a', uid } }, pods, () => wanted);
    return { gone: noted.lastSeen.get(name), dismissed: noted.dismissed.has(name) };
  };
  return { look, forget: () => lastSeen.forget('team-a/digits'), replaceOwner: () => void (uid = 'second') };
}

describe('a pod that is gone', () => {
  test('is known as it was seen last, until another has its name', () => {
    const { look } = looking();
    expect(look([pod('Ready')]).gone).toBeUndefined();
    expect(look([]).gone).toEqual(pod('Ready'));
    expect(look([]).gone).toEqual(pod('Ready'));
    const other = pod('Ready', { uid: 'another' });
    expect(look([other]).gone).toBeUndefined();
    expect(look([])).toEqual({ gone: other, dismissed: false });
  });

  test('is known as it was when its deletion began, however it ended then', () => {
    const { look } = looking();
    look([pod('Leaving')]);
    look([pod('Succeeded', { deletionTimestamp: '2026-11-24T10:00:01Z' })]);
    expect(look([]).gone).toEqual(pod('Leaving'));
  });

  test('is not known where nobody wants one of its name, or its object is forgotten', () => {
    const { look, forget } = looking();
    look([pod('Ready')]);
    expect(look([], false).gone).toBeUndefined();
    expect(look([]).gone).toBeUndefined();
    look([pod('Ready')]);
    forget();
    expect(look([]).gone).toBeUndefined();
  });

  test('is not known to an object that was made anew under the name of its own', () => {
    const { look, replaceOwner } = looking();
    look([pod('Ready')]);
    replaceOwner();
    expect(look([])).toEqual({ gone: undefined, dismissed: false });
  });
});

describe('a pod that nobody wanted', () => {
  test.each<[string, [Pod[], boolean][]]>([
    [
      'and that is still ending when it is wanted again',
      [
        [[pod('Leaving')], false],
        [[pod('Leaving')], true],
      ],
    ],
    [
      'and whose deletion began just before it was wanted again',
      [
        [[pod('Ready')], false],
        [[pod('Leaving')], true],
      ],
    ],
    [
      'and that went just before it was wanted again',
      [
        [[pod('Ready')], false],
        [[], true],
      ],
    ],
    [
      'and that went meanwhile',
      [
        [[pod('Ready')], true],
        [[pod('Leaving')], false],
        [[], false],
      ],
    ],
  ])('is known to have been dismissed, until another has its name: %s', (_, looks) => {
    const { look } = looking();
    for (const [pods, wanted] of looks) look(pods, wanted);
    expect(look([]).dismissed).toBe(true);
    expect(look([]).dismissed).toBe(true);
    expect(look([pod('Ready', { uid: 'another' })]).dismissed).toBe(false);
  });

  test('and is wanted again before its deletion began, was not dismissed', () => {
    const { look } = looking();
    look([pod('Ready')], false);
    expect(look([pod('Ready')]).dismissed).toBe(false);
    expect(look([pod('Leaving')]).dismissed).toBe(false);
    expect(look([])).toEqual({ gone: pod('Leaving'), dismissed: false });
  });
});
