import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { JobRoles, outcomeOf } from './roles.ts';
import { modelsOf } from './small-job.ts';

const jobs: JobRoles[] = [];

afterEach(async () => {
  await Promise.all(jobs.splice(0).map((job) => job.end()));
});

describe('the model that is served', () => {
  it('is the last one where there is no validation split, and costs no storage before', async () => {
    // Steps that are too long: the loss rises from epoch to epoch.
    const job = await JobRoles.create({ optimizer: { learningRate: 0.3 }, data: { validationSplit: 0 } });
    jobs.push(job);
    const [coordinator] = await job.startAll(2, 1);
    const outcome = await outcomeOf(coordinator);
    const models = await modelsOf(job.small);
    const digests = Object.entries(models).flatMap(([path, digest]) => (path.endsWith('.onnx') ? [digest] : []));
    expect(digests).toHaveLength(2);
    expect(new Set(digests).size).toBe(1);
    expect(outcome.output?.steps).toBe(30);
    const written = await readdir(join(job.small.root, 'checkpoints'), { recursive: true });
    expect(written.filter((path) => path.includes('/best/'))).toEqual([]);
  });
});
