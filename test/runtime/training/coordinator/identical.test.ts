import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '../../../support/eventually.ts';
import { JobRoles, outcomeOf } from './roles.ts';
import { endsEarly, modelsOf, type JobChanges } from './small-job.ts';

const jobs: JobRoles[] = [];

afterEach(async () => {
  await Promise.all(jobs.splice(0).map((job) => job.end()));
});

async function create(...parameters: Parameters<typeof JobRoles.create>): Promise<JobRoles> {
  const job = await JobRoles.create(...parameters);
  jobs.push(job);
  return job;
}

let alone: Promise<Record<string, string>> | undefined;

/** What one server and one worker make. */
function reference(): Promise<Record<string, string>> {
  alone ??= train(1, 1);
  return alone;
}

async function train(servers: number, workers: number, changes: JobChanges = {}): Promise<Record<string, string>> {
  const job = await create(changes);
  const [coordinator] = await job.startAll(servers, workers);
  expect(await outcomeOf(coordinator)).toMatchObject({ succeeded: true, reason: 'Trained' });
  return modelsOf(job.small);
}

describe('the bytes of the model', () => {
  const counts = [1, 2, 3].flatMap((servers) => [1, 2, 3, 5].map((workers) => ({ servers, workers }))).slice(1);

  it.each(counts)(
    'are those of one process with $servers servers and $workers workers',
    async ({ servers, workers }) => {
      const models = await train(servers, workers);
      expect(Object.keys(models)).toHaveLength(3);
      expect(models).toEqual(await reference());
    },
  );

  it('do not depend on workers that join and leave midway', async () => {
    const job = await create();
    const begun = Promise.withResolvers<undefined>();
    const goOn = Promise.withResolvers<undefined>();
    const [coordinator, , first] = await job.startAll(2, 1, (point, step) => {
      if (point !== 'ServerApplying') return undefined;
      if (step >= 4) begun.resolve(undefined);
      return step >= 8 ? goOn.promise : undefined;
    });
    await begun.promise;
    await Promise.all([1, 2].map((index) => job.start('Worker', index, 2)));
    await eventually(() => expect(coordinator?.report().job?.connectedWorkers).toBe(3), 20_000, 20);
    goOn.resolve(undefined);
    if (first) await job.stop(first, 0);
    expect(await outcomeOf(coordinator)).toMatchObject({ succeeded: true });
    expect(await modelsOf(job.small)).toEqual(await reference());
  });

  it.each([
    [1, 3],
    [3, 2],
  ])('do not depend on a suspension midway, after which %i servers become %i', async (before, after) => {
    const job = await create();
    const begun = Promise.withResolvers<undefined>();
    const [suspended] = await job.startAll(before, 2, (point, step) => {
      if (point === 'ServerApplying' && step >= 13) begun.resolve(undefined);
    });
    await begun.promise;
    await job.suspend();
    const steps = suspended?.report().job?.step ?? 0;
    const [resumed] = await job.startAll(after, 2);
    expect(await outcomeOf(resumed)).toMatchObject({ succeeded: true, reason: 'Trained' });
    expect(steps).toBeGreaterThanOrEqual(13);
    expect(resumed?.report().job?.recomputedSteps).toBe(0);
    expect(await modelsOf(job.small)).toEqual(await reference());
  });

  const variants: Record<string, JobChanges> = {
    'a rule that remembers nothing': { optimizer: { name: 'SGD', learningRate: 0.1 } },
    'gradients clipped by the norm over all servers': { optimizer: { clipNorm: 0.5 } },
    'a schedule, and a rule that remembers one vector': {
      optimizer: { name: 'Nesterov', schedule: { name: 'Cosine', warmupSteps: 5 } },
    },
    'an early end, and weights that are not the last ones': endsEarly,
    'running statistics': {
      model: {
        kind: 'Cnn',
        channels: [16, 32],
        kernelSize: 3,
        activation: 'Relu',
        batchNormalization: true,
        dropout: 0,
      },
      data: { shape: [1, 4, 4] },
    },
  };

  it.each(Object.entries(variants))('are the same on 1 and on 3 servers with %s', async (_, changes) => {
    expect(await train(3, 2, changes)).toEqual(await train(1, 1, changes));
  });
});
