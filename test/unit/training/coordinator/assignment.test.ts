import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { planWork, type Plan, type Planning } from '../../../../runtime/training/coordinator/assignment.ts';
import { listOf, rangesOf } from '../../../../runtime/training/ranges.ts';

const planning = (known: Partial<Planning>): Planning => ({
  leaves: 8,
  servers: 2,
  step: 0,
  until: 10,
  workers: [0],
  before: new Map(),
  missing: undefined,
  ...known,
});

/** Who has which leaves of a step. */
function leavesAt(plans: ReadonlyMap<number, Plan>, step: number): Record<number, number[]> {
  return Object.fromEntries(
    [...plans].map(([worker, { assignments }]) => [
      worker,
      assignments.filter(({ from, until }) => from <= step && step < until).flatMap(({ leaves }) => listOf(leaves)),
    ]),
  );
}

describe('work', () => {
  it('is shared out in consecutive leaves, as evenly as can be', () => {
    const plans = planWork(planning({ workers: [0, 1, 4] }));
    expect(leavesAt(plans, 0)).toEqual({ 0: [0, 1], 1: [2, 3, 4], 4: [5, 6, 7] });
    expect(leavesAt(plans, 9)).toEqual(leavesAt(plans, 0));
    expect(leavesAt(plans, 10)).toEqual({ 0: [], 1: [], 4: [] });
  });

  it('is shared with a worker that joins from the next step on', () => {
    const before = planWork(planning({ workers: [0] }));
    const plans = planWork(planning({ step: 3, workers: [0, 1], before, missing: [{ from: 2, to: 8 }] }));
    expect(leavesAt(plans, 3)).toEqual({ 0: [0, 1, 2, 3, 4, 5, 6, 7], 1: [] });
    expect(leavesAt(plans, 4)).toEqual({ 0: [0, 1, 2, 3], 1: [4, 5, 6, 7] });
  });

  it('that a lost worker left undone is shared out at once', () => {
    const before = new Map(planWork(planning({ workers: [0, 1, 2] })));
    before.delete(1);
    const plans = planWork(planning({ step: 3, workers: [0, 2], before, missing: [{ from: 1, to: 5 }] }));
    expect(leavesAt(plans, 3)).toEqual({ 0: [0, 1, 2], 2: [3, 4, 5, 6, 7] });
    expect(leavesAt(plans, 4)).toEqual({ 0: [0, 1, 2, 3], 2: [4, 5, 6, 7] });
  });

  it('that a lost worker had delivered is not done again', () => {
    const before = new Map(planWork(planning({ workers: [0, 1] })));
    before.delete(1);
    const plans = planWork(planning({ step: 3, workers: [0], before, missing: [{ from: 0, to: 2 }] }));
    expect(leavesAt(plans, 3)).toEqual({ 0: [0, 1, 2, 3] });
  });

  it('always covers what is missing of this step and all leaves of the later ones, by workers that are there', () => {
    const workers = fc.uniqueArray(fc.nat(9), { minLength: 1, maxLength: 6 }).map((list) => list.sort((a, b) => a - b));
    const leaves = fc.integer({ min: 1, max: 20 });
    fc.assert(
      fc.property(
        workers,
        workers,
        leaves,
        fc.integer({ min: 1, max: 4 }),
        fc.func(fc.boolean()),
        (first, then, count, servers, isMissing) => {
          const before = new Map(
            [...planWork(planning({ leaves: count, servers, workers: first }))].filter(([worker]) =>
              then.includes(worker),
            ),
          );
          const missing = rangesOf(Array.from({ length: count }, (_, leaf) => leaf).filter((leaf) => isMissing(leaf)));
          const plans = planWork(planning({ leaves: count, servers, step: 2, workers: then, before, missing }));
          expect([...plans.keys()]).toEqual(then);
          const now = Object.values(leavesAt(plans, 2)).flat();
          for (const leaf of listOf(missing)) expect(now).toContain(leaf);
          const later = Object.values(leavesAt(plans, 3)).flat();
          expect(later).toEqual(Array.from({ length: count }, (_, leaf) => leaf));
          const sizes = Object.values(leavesAt(plans, 3)).map(({ length }) => length);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
          const mirrors = [...plans.values()].flatMap((plan) => plan.mirrors).sort((a, b) => a - b);
          expect(mirrors).toEqual(Array.from({ length: servers }, (_, server) => server));
        },
      ),
    );
  });
});

describe('mirrors', () => {
  const mirrorsOf = (plans: ReadonlyMap<number, Plan>) =>
    Object.fromEntries([...plans].map(([worker, plan]) => [worker, plan.mirrors]));

  it('are spread over the workers', () => {
    expect(mirrorsOf(planWork(planning({ servers: 5, workers: [0, 1, 2] })))).toEqual({ 0: [0, 3], 1: [1, 4], 2: [2] });
  });

  it('are workers that have leaves, for others may lag behind', () => {
    const plans = planWork(planning({ leaves: 2, servers: 4, workers: [0, 1, 2, 3] }));
    for (const [worker, mirrors] of Object.entries(mirrorsOf(plans))) {
      if (leavesAt(plans, 0)[Number(worker)]?.length === 0) expect(mirrors).toEqual([]);
    }
  });

  it('stay where they are while that is even', () => {
    const before = new Map(planWork(planning({ servers: 3, workers: [0, 1, 2] })));
    before.delete(1);
    const plans = planWork(planning({ servers: 3, step: 1, workers: [0, 2, 3], before, missing: [] }));
    expect(mirrorsOf(plans)).toEqual({ 0: [0], 2: [2], 3: [1] });
  });
});
