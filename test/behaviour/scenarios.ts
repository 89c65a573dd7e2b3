import { afterAll, beforeAll, describe, test } from '@jest/globals';
import type { Platform } from './platform.ts';
import { conditions } from './scenarios/conditions.ts';
import { drift } from './scenarios/drift.ts';
import { lifecycle } from './scenarios/lifecycle.ts';
import { refusedSpecs } from './scenarios/refused-specs.ts';
import { specChanges } from './scenarios/spec-changes.ts';
import { trainingFailures } from './scenarios/training-failures.ts';
import { trainingLosses } from './scenarios/training-losses.ts';
import { trainingRefusals } from './scenarios/training-refusals.ts';
import { trainingLifecycle } from './scenarios/training.ts';
import type { Scenario } from './steps.ts';
import { slotsFor } from '../support/slots.ts';

const scenarios: readonly Scenario[] = [
  ...lifecycle,
  ...specChanges,
  ...drift,
  ...conditions,
  ...refusedSpecs,
  ...trainingLifecycle,
  ...trainingRefusals,
  ...trainingLosses,
  ...trainingFailures,
];

/** Scenarios that run at the same time. */
const parallel = 24;
const timeoutMs = 600_000;

/** Runs `work` for every item, in order, a few at a time; each promise settles with its own item's outcome. */
function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Map<T, Promise<void>> {
  const slots = slotsFor(parallel);
  const turn = async (item: T): Promise<void> => {
    await slots.take();
    try {
      await work(item);
    } finally {
      slots.give();
    }
  };
  return new Map(
    items.map((item) => {
      const outcome = turn(item);
      // A failure is told by its own test, which may still have to come.
      outcome.catch(() => undefined);
      return [item, outcome];
    }),
  );
}

/**
 * The promises that every platform keeps.
 *
 * @param startTimeoutMs how long `start` may take, such as where Kubernetes is built first
 */
export function behaviour(start: () => Promise<Platform>, startTimeoutMs = timeoutMs): void {
  let platform: Platform;
  beforeAll(async () => {
    platform = await start();
  }, startTimeoutMs);
  afterAll(() => platform.stop(), timeoutMs);

  describe('with an operator that runs', () => {
    const shared = scenarios.filter(({ exclusive }) => exclusive !== true);
    let outcomes = new Map<Scenario, Promise<void>>();
    let stopOperator: () => Promise<void>;
    beforeAll(async () => {
      stopOperator = await platform.startOperator();
      outcomes = inTurns(shared, (scenario) => scenario.run(platform));
    }, timeoutMs);
    afterAll(() => stopOperator(), timeoutMs);
    test.each(shared.map((scenario) => [scenario.name, scenario] as const))(
      '%s',
      async (_name, scenario) => {
        await outcomes.get(scenario);
      },
      timeoutMs,
    );
  });

  describe('with operators that come and go', () => {
    const exclusive = scenarios.filter((scenario) => scenario.exclusive === true);
    test.each(exclusive.map((scenario) => [scenario.name, scenario] as const))(
      '%s',
      (_name, scenario) => scenario.run(platform),
      timeoutMs,
    );
  });
}
