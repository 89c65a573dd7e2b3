/** Pods that are gone are remembered as what they were when their deletion began. */
import { describe, expect, test } from '@jest/globals';
import { LastSeen } from '../../../operator/controllers/last-seen.ts';
import { podOf } from '../../support/training-world.ts';

const key = 'team-a/digits';
const pod = (is: 'Ready' | 'Leaving' | 'Succeeded', metadata: object = {}) => podOf({ name: 'worker-0', is, metadata });
const wanted = (): boolean => true;
const name = 'digits-worker-0';

describe('a pod that is gone', () => {
  test('is known as it was seen last, until another has its name', () => {
    const lastSeen = new LastSeen();
    expect(lastSeen.note(key, [pod('Ready')], wanted).size).toBe(0);
    expect(lastSeen.note(key, [], wanted).get(name)).toEqual(pod('Ready'));
    expect(lastSeen.note(key, [], wanted).get(name)).toEqual(pod('Ready'));
    const other = pod('Ready', { uid: 'another' });
    expect(lastSeen.note(key, [other], wanted).size).toBe(0);
    expect(lastSeen.note(key, [], wanted).get(name)).toEqual(other);
  });

  test('is known as it was when its deletion began, however it ended then', () => {
    const lastSeen = new LastSeen();
    lastSeen.note(key, [pod('Leaving')], wanted);
    lastSeen.note(key, [pod('Succeeded', { deletionTimestamp: '2026-11-24T10:00:01Z' })], wanted);
    expect(lastSeen.note(key, [], wanted).get(name)).toEqual(pod('Leaving'));
  });

  test('is not known where nobody wants one of its name, or its object is forgotten', () => {
    const lastSeen = new LastSeen();
    lastSeen.note(key, [pod('Ready')], wanted);
    expect(lastSeen.note(key, [], () => false).size).toBe(0);
    lastSeen.note(key, [pod('Ready')], wanted);
    lastSeen.forget(key);
    expect(lastSeen.note(key, [], wanted).size).toBe(0);
  });
});
