import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ProcessEnd } from '../../../../runtime/training/process-end.ts';
import type { Role } from '../../../../runtime/training/process-role.ts';
import { eventually } from '../../../support/eventually.ts';
import { JobRoles } from './roles.ts';

const jobs: JobRoles[] = [];

afterEach(async () => {
  await Promise.all(jobs.splice(0).map((job) => job.end()));
});

/** Two servers and a worker, held before step 12 is done. */
async function heldJob(): Promise<{ job: JobRoles; servers: Role[]; worker: Role; goOn: () => void }> {
  const job = await JobRoles.create({ checkpoint: { every: 1_000 } });
  jobs.push(job);
  const arrived = Promise.withResolvers<undefined>();
  const goOn = Promise.withResolvers<undefined>();
  const roles = await job.startAll(2, 1, (point, step) => {
    if (point !== 'WorkerBeforePush' || step < 12) return undefined;
    arrived.resolve(undefined);
    return goOn.promise;
  });
  await arrived.promise;
  const [first, second, worker] = roles;
  if (first === undefined || second === undefined || worker === undefined) throw new Error('a role is missing');
  return { job, servers: [first, second], worker, goOn: () => goOn.resolve(undefined) };
}

/** The versions of complete checkpoints. */
async function checkpoints({ small }: JobRoles): Promise<number[]> {
  const files = await readdir(join(small.root, 'checkpoints'), { recursive: true });
  return files.flatMap((path) => {
    const version = /\/checkpoints\/(\d+)-\d+\/manifest\.json$/.exec(path)?.[1];
    return version === undefined ? [] : [Number(version)];
  });
}

describe('what there is when servers are told to stop is saved', () => {
  const delaysMs = [0, 10, 60, 200];
  it.each([[0, 1] as const, [1, 0] as const].flatMap((order) => delaysMs.map((delayMs) => ({ order, delayMs }))))(
    'also without workers, and one after the other: $order, $delayMs ms apart',
    async ({ order, delayMs }) => {
      const { job, servers, worker, goOn } = await heldJob();
      goOn();
      await job.stop(worker, 1_000);
      const stopped: Promise<[number, ProcessEnd]>[] = [];
      for (const index of order) {
        const server = servers[index];
        if (server !== undefined) stopped.push(job.stop(server, 5_000).then((end) => [index, end]));
        await delay(delayMs);
      }
      const ends = new Map(await Promise.all(stopped));
      expect(await checkpoints(job)).toEqual([12]);
      // Server 0 says what the job goes on from.
      expect(ends.get(0)).toEqual({ exitCode: 0, lastWords: '{"step":12,"checkpointStep":12}' });
      expect(ends.get(1)).toEqual({ exitCode: 0 });
    },
    60_000,
  );

  it('where that is nothing, nothing is said', async () => {
    const job = await JobRoles.create();
    jobs.push(job);
    const server = await job.start('ParameterServer', 0, 1);
    await eventually(() => expect(server.report().phase).toBe('Waiting'), 20_000, 10);
    expect(await job.stop(server, 5_000)).toEqual({ exitCode: 0 });
  }, 60_000);
});
