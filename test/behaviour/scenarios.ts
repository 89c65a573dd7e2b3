import { afterAll, beforeAll, test } from '@jest/globals';
import { Meeting } from './meeting.ts';
import type { Platform } from './platform.ts';
import { conditions } from './scenarios/conditions.ts';
import { drift } from './scenarios/drift.ts';
import { lifecycle, longLifecycle } from './scenarios/lifecycle.ts';
import { refusedSpecs } from './scenarios/refused-specs.ts';
import { severalModels } from './scenarios/several-models.ts';
import { specChanges } from './scenarios/spec-changes.ts';
import { trainingFailures } from './scenarios/training-failures.ts';
import { trainingLosses } from './scenarios/training-losses.ts';
import { trainingRefusals } from './scenarios/training-refusals.ts';
import { longTraining, trainingLifecycle } from './scenarios/training.ts';
import type { LongScenario, Scenario, Succession } from './steps.ts';
import { slotsFor } from '../support/slots.ts';

const scenarios: readonly Scenario[] = [
  ...lifecycle,
  ...specChanges,
  ...severalModels,
  ...drift,
  ...conditions,
  ...refusedSpecs,
  ...trainingLifecycle,
  ...trainingRefusals,
  ...trainingLosses,
  ...trainingFailures,
];

const longScenarios: readonly LongScenario[] = [...longLifecycle, ...longTraining];

/** Scenarios that run at the same time. */
const parallel = 24;
const timeoutMs = 600_000;

/** Runs all scenarios; each promise settles with the outcome of its own. */
class Run {
  readonly #platform: Platform;
  readonly #slots = slotsFor(parallel);
  readonly #ends: Meeting;
  readonly #begins: Meeting;
  #stopOperator: () => Promise<void> = () => Promise.resolve();
  readonly outcomes = new Map<string, Promise<void>>();

  constructor(platform: Platform) {
    this.#platform = platform;
    // The short ones come as one.
    this.#ends = new Meeting(longScenarios.length + 1, () => this.#stopOperator());
    this.#begins = new Meeting(longScenarios.length, () => this.#startOperator());
  }

  async start(): Promise<void> {
    await this.#startOperator();
    for (const scenario of longScenarios) void this.#note(scenario.name, this.#long(scenario));
    const short = scenarios.map((scenario) => this.#note(scenario.name, this.#short(scenario)));
    void Promise.allSettled(short).then(() => this.#ends.leave());
  }

  async stop(): Promise<void> {
    await Promise.allSettled(this.outcomes.values());
    await this.#stopOperator();
  }

  async #startOperator(): Promise<void> {
    this.#stopOperator = await this.#platform.startOperator();
  }

  #note(name: string, outcome: Promise<void>): Promise<void> {
    if (this.outcomes.has(name)) throw new Error(`two scenarios promise that ${name}`);
    // A failure is told by its own test, which may still have to come.
    outcome.catch(() => undefined);
    this.outcomes.set(name, outcome);
    return outcome;
  }

  async #short(scenario: Scenario): Promise<void> {
    await this.#slots.take();
    try {
      await scenario.run(this.#platform);
    } finally {
      this.#slots.give();
    }
  }

  async #long(scenario: LongScenario): Promise<void> {
    const ahead = new Set([this.#ends, this.#begins]);
    const reach = (meeting: Meeting) => (): Promise<void> => {
      ahead.delete(meeting);
      return meeting.arrive();
    };
    const operator: Succession = { ends: reach(this.#ends), begins: reach(this.#begins) };
    try {
      await scenario.run(this.#platform, operator);
    } finally {
      for (const meeting of ahead) meeting.leave();
    }
  }
}

/**
 * The promises that every platform keeps.
 *
 * @param startTimeoutMs how long `start` may take, such as where Kubernetes is built first
 */
export function behaviour(start: () => Promise<Platform>, startTimeoutMs = timeoutMs): void {
  let platform: Platform;
  let run: Run;
  beforeAll(async () => {
    platform = await start();
    run = new Run(platform);
    await run.start();
  }, startTimeoutMs);
  afterAll(async () => {
    await run.stop();
    await platform.stop();
  }, timeoutMs);

  const names = [...scenarios, ...longScenarios].map(({ name }) => name);
  test.each(names)('%s', (name) => run.outcomes.get(name), timeoutMs);
}
