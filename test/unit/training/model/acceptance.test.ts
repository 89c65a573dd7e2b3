import { describe, expect, test } from '@jest/globals';
import { accepts } from '../../../../runtime/training/model/acceptance.ts';

describe('acceptance', () => {
  test.each([
    [{ metric: 'accuracy', atLeast: 0.9 }, { accuracy: 0.9 }, true],
    [{ metric: 'accuracy', atLeast: 0.9 }, { accuracy: 0.8999 }, false],
    [{ metric: 'loss', atMost: 0.5 }, { loss: 0.5 }, true],
    [{ metric: 'loss', atMost: 0.5 }, { loss: 0.51 }, false],
    [{ metric: 'loss', atMost: 0.5 }, { loss: Number.NaN }, false],
    [{ metric: 'r2', atLeast: 0 }, {}, false],
    [undefined, {}, true],
  ])('by %j of %j is %s', (acceptance, metrics: Record<string, number>, verdict) => {
    expect(accepts(acceptance, metrics)).toBe(verdict);
  });
});
