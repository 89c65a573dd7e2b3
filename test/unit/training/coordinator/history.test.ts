import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { History } from '../../../../runtime/training/coordinator/history.ts';
import { bestOf, isExhausted, stateAt } from '../../../../runtime/training/coordinator/state.ts';

function historyOf(losses: readonly number[]): History {
  const history = new History();
  losses.forEach((loss, step) => history.set(step, loss));
  return history;
}

const evaluation = (version: number, loss?: number, trainingLoss = 1) => ({
  version,
  trainingLoss,
  metrics: loss === undefined ? {} : { loss },
});

describe('the loss curve', () => {
  it('keeps every step, also of long runs', () => {
    const losses = Array.from({ length: 5_000 }, (_, step) => step / 7);
    const history = historyOf(losses);
    expect([...history.slice(0, history.length)]).toEqual(losses);
    expect([...history.slice(4_990, 9_999)]).toEqual(losses.slice(4_990));
  });

  it('forgets what came after a step that is done again, and takes no step out of turn', () => {
    const history = historyOf([1, 2, 3, 4]);
    history.set(1, 9);
    expect([...history.slice(0, 4)]).toEqual([1, 9]);
    expect(() => history.set(3, 1)).toThrow(RangeError);
    history.truncate(1);
    expect(history.length).toBe(1);
    history.replace(Float64Array.of(5, 6, 7));
    history.set(3, 8);
    expect([...history.slice(0, 4)]).toEqual([5, 6, 7, 8]);
  });

  it('weighs steps by their rows', () => {
    expect(historyOf([1, 4]).mean(0, 2, (step) => (step === 0 ? 3 : 1))).toBe(1.75);
  });

  it('is told in at most 64 points that end with the newest step', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 700 }), (length) => {
        const points = historyOf(Array.from({ length }, () => 2)).points(64, []);
        expect(points.length).toBeLessThanOrEqual(64);
        expect(points.length).toBeGreaterThanOrEqual(Math.min(length, 32));
        expect(points.at(-1)?.step).toBe(length);
        expect(points.every(({ loss }) => loss === 2)).toBe(true);
        expect([...points].sort((a, b) => a.step - b.step)).toEqual(points);
      }),
    );
  });

  it('shows each validation loss where it was measured', () => {
    const points = historyOf([1, 1, 1, 1]).points(64, [evaluation(2, 0.5), evaluation(4, 0.25)]);
    expect(points.map(({ validationLoss }) => validationLoss)).toEqual([undefined, 0.5, undefined, 0.25]);
  });
});

describe('the best epoch', () => {
  it('has the lowest validation loss, the first of equals', () => {
    expect(bestOf([evaluation(1, 3), evaluation(2, 2), evaluation(3, 2), evaluation(4, 4)])?.version).toBe(2);
  });

  it('is the last one where there is no validation split, whatever its training loss', () => {
    expect(
      bestOf([evaluation(1, undefined, 3), evaluation(2, undefined, 1), evaluation(3, undefined, 2)])?.version,
    ).toBe(3);
    expect(bestOf([])).toBeUndefined();
  });

  it('ends training once nothing better came for as many epochs as there is patience', () => {
    const evaluations = [evaluation(1, 3), evaluation(2, 2), evaluation(3, 5), evaluation(4, 2)];
    expect(isExhausted(evaluations, 2)).toBe(true);
    expect(isExhausted(evaluations, 3)).toBe(false);
    expect(isExhausted(evaluations, undefined)).toBe(false);
    expect(isExhausted([], 1)).toBe(false);
  });
});

describe('the state at a version', () => {
  it('knows nothing of what came later', () => {
    const state = {
      dataDigest: 'd',
      programDigest: 'p',
      evaluations: [evaluation(2, 1), evaluation(4, 0.5)],
      best: { version: 4, folder: 'best/4/' },
      recomputedSteps: 3,
    };
    expect(stateAt(state, 4)).toEqual(state);
    expect(stateAt(state, 3)).toEqual({ ...state, evaluations: [evaluation(2, 1)], best: null });
  });
});
