import { describe, expect, test } from '@jest/globals';
import { findCondition, setCondition } from '../../../operator/api/conditions.ts';

const before = new Date('2026-11-24T10:00:00.700Z');
const after = new Date('2026-11-24T11:00:00Z');
const ready = (status: 'True' | 'False', message = ''): Parameters<typeof setCondition>[1] => ({
  type: 'Ready',
  status,
  reason: 'Because',
  message,
});

describe('setCondition', () => {
  test('stamps a new condition with whole seconds', () => {
    expect(setCondition([], ready('True'), before)[0]?.lastTransitionTime).toBe('2026-11-24T10:00:00Z');
  });

  test('keeps the time while the status stays, whatever else changes', () => {
    const list = setCondition(setCondition([], ready('True'), before), ready('True', 'other'), after);
    expect(findCondition(list, 'Ready')).toMatchObject({
      message: 'other',
      lastTransitionTime: '2026-11-24T10:00:00Z',
    });
  });

  test('moves the time with the status, and leaves other conditions and the old list alone', () => {
    const other = { type: 'Other', status: 'True', reason: 'R', message: '', lastTransitionTime: 'then' } as const;
    const first = setCondition([other], ready('True'), before);
    const second = setCondition(first, ready('False'), after);
    expect(findCondition(second, 'Ready')?.lastTransitionTime).toBe('2026-11-24T11:00:00Z');
    expect(findCondition(first, 'Ready')?.status).toBe('True');
    expect(second[0]).toEqual(other);
  });
});
