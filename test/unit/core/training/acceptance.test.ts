import { describe, expect, test } from '@jest/globals';
import { acceptanceOf, scoreOf } from '../../../../operator/core/training/acceptance.ts';
import { admittedJob, smallSpec } from '../../../support/training-world.ts';

const measured = { loss: '0.25', accuracy: '0.95' };

describe('a model is accepted', () => {
  test.each([
    ['where nothing is asked', undefined, true, 'NoCriterion'],
    ['at the bound', { metric: 'accuracy', atLeast: 0.95 }, true, 'CriterionMet'],
    ['never below it', { metric: 'accuracy', atLeast: 0.950001 }, false, 'BelowCriterion'],
    ['at the upper bound', { metric: 'loss', atMost: 0.25 }, true, 'CriterionMet'],
    ['never above it', { metric: 'loss', atMost: 0.2 }, false, 'AboveCriterion'],
    ['never by what was not measured', { metric: 'f1', atLeast: 0 }, false, 'NotMeasured'],
  ])('%s', (_, criterion, accepted, reason) => {
    expect(acceptanceOf(criterion, measured)).toMatchObject({ accepted, reason });
    expect(acceptanceOf(criterion, measured).message).not.toBe('');
  });

  test('by exactly what was measured, not by what is shown of it', () => {
    const close = String(0.95 - Number.EPSILON);
    const verdict = acceptanceOf({ metric: 'accuracy', atLeast: 0.95 }, { accuracy: close });
    expect([verdict.accepted, verdict.message]).toEqual([false, expect.stringContaining('accuracy is 0.95 on')]);
  });

  test('never by a value that is no number, and never without any', () => {
    expect(acceptanceOf({ metric: 'loss', atMost: 1 }, { loss: 'NaN' }).accepted).toBe(false);
    expect(acceptanceOf({ metric: 'loss', atMost: 1 }, undefined).accepted).toBe(false);
  });
});

describe('the score', () => {
  const values = { loss: 0.123456789, accuracy: 0.5 };
  const spec = (more: Record<string, unknown>) => admittedJob({ spec: more }).spec;

  test.each([
    ['the metric of acceptance', { acceptance: { metric: 'loss', atMost: 1 } }, '0.123457'],
    ['else the first that the spec names', {}, '0.5'],
    ['else the loss', { train: { ...smallSpec.train, metrics: [] } }, '0.123457'],
  ])('is %s', (_, more, score) => {
    expect(scoreOf(spec(more), values)).toBe(score);
  });
});
