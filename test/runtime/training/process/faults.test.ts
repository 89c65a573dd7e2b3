import { beforeAll, describe, expect, test } from '@jest/globals';
import { serverName, workerName } from '../../../support/training.ts';
import { killPoints, perceptron, trained } from '../../../support/training-runs.ts';

/** The whole list is `npm run campaign -- training-faults`. */
const chosen = killPoints.filter(({ pod, point }) =>
  [
    `${workerName(0)} WorkerBeforePush`,
    `${serverName(0)} ServerApplying`,
    `${serverName(1)} ServerBeforeAcknowledging`,
    `${serverName(0)} CoordinatorBeforeManifest`,
  ].includes(`${pod} ${point}`),
);

describe('a job makes the same to the bit', () => {
  let undisturbed = '';

  beforeAll(async () => {
    const { sha256, recomputedSteps, deaths } = await trained({ servers: 1, workers: 1, ...perceptron });
    expect({ recomputedSteps, deaths }).toEqual({ recomputedSteps: 0, deaths: [] });
    undisturbed = sha256;
  }, 100_000);

  test('with three parameter servers and five workers', async () => {
    expect(await trained({ servers: 3, workers: 5, ...perceptron })).toEqual({
      sha256: undisturbed,
      recomputedSteps: 0,
      deaths: [],
    });
  }, 100_000);

  test.each(chosen)(
    'when $pod is killed at $point, and loses one step at most',
    async (fault) => {
      const run = await trained({ servers: 2, workers: 2, ...perceptron, faults: [fault] });
      expect(run.sha256).toBe(undisturbed);
      expect(run.deaths).toEqual([`${fault.pod} SIGKILL`]);
      expect(run.recomputedSteps).toBeLessThanOrEqual(1);
    },
    100_000,
  );

  test('when workers come and go', async () => {
    const run = await trained({ servers: 2, workers: 1, ...perceptron }, async (cluster) => {
      await cluster.reached(10);
      await cluster.resize(3);
      await cluster.reached(40);
      await cluster.resize(1);
    });
    expect(run).toEqual({ sha256: undisturbed, recomputedSteps: 0, deaths: [] });
  }, 100_000);

  test('when it is suspended and resumed with other workers, and computes no step again', async () => {
    const run = await trained({ servers: 2, workers: 2, ...perceptron }, async (cluster) => {
      await cluster.reached(15);
      expect(await cluster.suspend()).toEqual([0, 0, 0, 0]);
      await cluster.resume(1);
    });
    expect(run).toEqual({ sha256: undisturbed, recomputedSteps: 0, deaths: [] });
  }, 100_000);
});
