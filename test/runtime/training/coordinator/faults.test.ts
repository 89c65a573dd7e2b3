import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, describe, expect, it } from '@jest/globals';
import { trainingExitCodes, trainingPorts, type TrainingOutcome } from '../../../../runtime/training-contract.ts';
import { manifestName, type Manifest } from '../../../../runtime/training/checkpoint-format.ts';
import { claimIncarnation } from '../../../../runtime/training/server/incarnation.ts';
import type { RunningServer, StartOptions } from '../../../../runtime/training/server/start.ts';
import { folderPart } from '../../../../runtime/training/folder-part.ts';
import { eventually } from '../../../support/eventually.ts';
import { MemoryFolder, storageIsFull } from '../server/memory-folder.ts';
import { JobRoles, outcomeOf, startServer } from './roles.ts';
import { endsEarly, modelsOf, podAddress, type JobChanges } from './small-job.ts';

const jobs: JobRoles[] = [];
const servers: RunningServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.stop(0);
    await server.done;
  }
  await Promise.all(jobs.splice(0).map((job) => job.end()));
});

async function create(changes: JobChanges = {}): Promise<JobRoles> {
  const job = await JobRoles.create(changes);
  jobs.push(job);
  return job;
}

const prefix = 'default.job.5555555555555555/';

/** A job with one server, whose checkpoints are in memory, and one worker. */
async function startJob(
  folder: MemoryFolder,
  { changes = {}, ...options }: Partial<StartOptions> & { changes?: JobChanges } = {},
) {
  const job = await create(changes);
  const server = await startOne(job, folder, options);
  await job.start('Worker', 0, 1);
  return { job, server };
}

async function startOne(
  job: JobRoles,
  folder: MemoryFolder,
  options: Partial<StartOptions> = {},
): Promise<RunningServer> {
  const peers = [{ host: podAddress(job.small, 'ParameterServer', 0), port: trainingPorts.transport }];
  const server = await startServer(job.small, peers, 0, folder, options);
  servers.push(server);
  return server;
}

async function reference(changes: JobChanges = {}): Promise<Record<string, string>> {
  const job = await create(changes);
  const [coordinator] = await job.startAll(1, 1);
  await outcomeOf(coordinator);
  return modelsOf(job.small);
}

/** A job of another name and the same spec, in the same place. */
function namesake({ small }: JobRoles, name: string): JobRoles {
  const job = new JobRoles({ ...small, job: { ...small.job, name } });
  jobs.push(job);
  return job;
}

async function changeData({ small: { root } }: JobRoles): Promise<void> {
  const path = join(root, 'data', 'rows.csv');
  await writeFile(path, (await readFile(path, 'utf8')).replace('kind2', 'kind1'));
  await rm(join(root, 'cache'), { recursive: true, force: true });
}

const manifests = (folder: MemoryFolder, kind = 'checkpoints'): Manifest[] =>
  [...folder.files]
    .filter(([path]) => path.startsWith(`${prefix}${kind}/`) && path.endsWith(manifestName))
    .map(([, bytes]) => JSON.parse(Buffer.from(bytes).toString()) as Manifest);

describe('a job', () => {
  it('that is over is never run again, whatever became of its checkpoints', async () => {
    const folder = new MemoryFolder();
    const { job, server } = await startJob(folder);
    const first = (await server.done) as TrainingOutcome;
    expect(first).toMatchObject({ succeeded: true, reason: 'Trained' });
    expect(manifests(folder).map(({ version }) => version)).toContain(27);
    folder.files.clear();
    const again = await startOne(job, folder, { waits: { farewellMs: 0 } });
    expect(await again.done).toMatchObject({ reason: 'AlreadyTrained', output: first.output });
    expect(folder.files.size).toBe(0);
  });

  it('that is over is never run again, although its data changed', async () => {
    const folder = new MemoryFolder();
    const { job, server } = await startJob(folder);
    const first = (await server.done) as TrainingOutcome;
    await changeData(job);
    const again = (await (await startOne(job, folder, { waits: { farewellMs: 0 } })).done) as TrainingOutcome;
    expect(again).toMatchObject({ succeeded: true, reason: 'AlreadyTrained', output: first.output });
  });

  it('of another name takes what was made of the same data, without a worker, and trains on other data', async () => {
    const folder = new MemoryFolder();
    const { job, server } = await startJob(folder);
    const first = (await server.done) as TrainingOutcome;
    const same = (await (
      await startOne(namesake(job, 'same'), folder, { waits: { farewellMs: 0 } })
    ).done) as TrainingOutcome;
    expect(same).toMatchObject({
      succeeded: true,
      reason: 'AlreadyTrained',
      output: { uri: first.output?.uri, steps: 27 },
    });
    expect(same.output?.checkpointStep).toBeUndefined();
    await changeData(job);
    const other = namesake(job, 'other');
    const last = await startOne(other, folder);
    await other.start('Worker', 0, 1);
    const outcome = (await last.done) as TrainingOutcome;
    expect(outcome).toMatchObject({ succeeded: true, reason: 'Trained' });
    expect(outcome.output?.digest).not.toBe(first.output?.digest);
    expect(outcome.output?.uri).not.toBe(first.output?.uri);
  });

  it('whose loss is no number ends with that reason, and keeps the last good checkpoint', async () => {
    const folder = new MemoryFolder();
    const { server } = await startJob(folder, {
      changes: {
        optimizer: { name: 'SGD', learningRate: 3e37, schedule: { name: 'Linear', warmupSteps: 27 } },
        checkpoint: { every: 1, keep: 3 },
      },
    });
    expect(await server.done).toMatchObject({ succeeded: false, reason: 'LossNotFinite' });
    expect(server.report()).toMatchObject({ phase: 'Failed', outcome: { reason: 'LossNotFinite' } });
    for (const { pieces } of manifests(folder)) {
      for (const { path } of pieces) {
        const file = [...folder.files].find(([name]) => name.endsWith(path))?.[1].slice();
        expect(new Float32Array(file?.buffer ?? new ArrayBuffer(0)).every(Number.isFinite)).toBe(true);
      }
    }
  });

  it('trains on while its storage is full, says so, and ends when there is room again', async () => {
    const folder = new MemoryFolder();
    const { job, server } = await startJob(folder);
    let full = true;
    folder.fails = (path) => (full && /checkpoints\/.*f32$/.test(path) ? storageIsFull : undefined);
    await eventually(
      () =>
        expect(server.report()).toMatchObject({ fault: { reason: 'StorageFull', retrying: true }, phase: 'Running' }),
      20_000,
      10,
    );
    await eventually(() => expect(server.report().job?.step).toBeGreaterThan(9), 20_000, 10);
    full = false;
    expect(await server.done).toMatchObject({ succeeded: true });
    expect(await modelsOf(job.small)).toEqual(await reference());
  });

  it('goes on from the checkpoint before one that is damaged, to the same model', async () => {
    const folder = new MemoryFolder();
    const begun = Promise.withResolvers<undefined>();
    const { job, server } = await startJob(folder, {
      reached: (point, step) => {
        if (point === 'CoordinatorAfterManifest' && step >= 10 && step % 5 === 0) begun.resolve(undefined);
      },
    });
    await begun.promise;
    server.stop(10_000);
    expect(await server.done).toBe('Stopped');
    const versions = manifests(folder).map(({ version }) => version);
    expect(versions).toHaveLength(2);
    const newest = [...folder.files.keys()]
      .filter((path) => path.startsWith(`${prefix}checkpoints/`) && path.endsWith('.f32'))
      .at(-1);
    folder.damage(newest ?? '');
    // Nobody must be left who could fill the server.
    await job.suspend();
    await job.start('Worker', 1, 1);
    const lines: string[] = [];
    const log = pino({ level: 'error' }, { write: (line) => void lines.push(line) });
    const resumed = await startOne(job, folder, { log });
    expect(await resumed.done).toMatchObject({ succeeded: true });
    expect(lines.join()).toContain('a checkpoint is damaged');
    expect(await modelsOf(job.small)).toEqual(await reference());
  });

  it('computes the best weights again where they are damaged', async () => {
    const folder = new MemoryFolder();
    const damaged = { yes: false };
    const { job, server } = await startJob(folder, {
      changes: endsEarly,
      reached: (point, step) => {
        if (point !== 'CoordinatorAfterManifest' || step < 30 || damaged.yes) return;
        damaged.yes = true;
        folder.damage([...folder.files.keys()].find((path) => /best\/.*f32$/.test(path)) ?? '');
      },
    });
    expect(await server.done).toMatchObject({ succeeded: true, output: { steps: 45 } });
    expect(damaged.yes).toBe(true);
    expect(server.report().job?.recomputedSteps).toBe(45);
    expect(await modelsOf(job.small)).toEqual(await reference(endsEarly));
  });

  it('ends where a worker read other data than the coordinator', async () => {
    const folder = new MemoryFolder();
    const job = await create();
    const server = await startOne(job, folder);
    await eventually(() => expect(server.report().phase).toBe('Waiting'), 20_000, 10);
    await changeData(job);
    await job.start('Worker', 0, 1);
    expect(await server.done).toMatchObject({ succeeded: false, reason: 'DataChanged' });
  });

  it('is left by a coordinator that another one replaced, before it writes a manifest', async () => {
    const folder = new MemoryFolder();
    const claimed = Promise.withResolvers<undefined>();
    const { server } = await startJob(folder, {
      reached: async (point) => {
        if (point !== 'CoordinatorBeforeManifest') return;
        await claimIncarnation(folderPart(folder, prefix), 0, 'another');
        claimed.resolve(undefined);
      },
    });
    expect(await server.done).toBe('Superseded');
    expect(manifests(folder)).toEqual([]);
  });

  it('is left by a coordinator that another one replaced while it waits for others', async () => {
    const folder = new MemoryFolder();
    const job = await create();
    const server = await startOne(job, folder, { waits: { successorMs: 50 } });
    await eventually(() => expect(server.report().phase).toBe('Waiting'), 20_000, 10);
    await claimIncarnation(folderPart(folder, prefix), 0, 'another');
    expect(await server.done).toBe('Superseded');
  });

  it('is left by a server that another one replaced', async () => {
    const folder = new MemoryFolder();
    const job = await create();
    const network = [0, 1].map((index) => ({
      host: podAddress(job.small, 'ParameterServer', index),
      port: trainingPorts.transport,
    }));
    const first = await Promise.all([0, 1].map((index) => startServer(job.small, network, index, folder)));
    servers.push(...first);
    await eventually(() => expect(first[0]?.report().job?.connectedServers).toBe(2), 20_000, 10);
    const elsewhere = { host: podAddress(job.small, 'ParameterServer', 9), port: trainingPorts.transport };
    servers.push(await startServer(job.small, network, 1, folder, { listen: elsewhere }));
    expect(await first[1]?.done).toBe('Superseded');
  });

  it('is left by a worker that another one replaced', async () => {
    const { job } = await startJob(new MemoryFolder(), { changes: { epochs: 10_000 } });
    const first = await job.start('Worker', 1, 1);
    await eventually(() => expect(first.report().phase).toBe('Running'), 20_000, 10);
    const second = await job.start('Worker', 1, 1);
    expect(await first.ended).toMatchObject({ exitCode: trainingExitCodes.superseded });
    await eventually(() => expect(second.report().phase).toBe('Running'), 20_000, 10);
  });

  it('goes on with what servers and workers have where its checkpoints vanished with server 0', async () => {
    const folder = new MemoryFolder();
    const job = await create();
    const network = [0, 1].map((index) => ({
      host: podAddress(job.small, 'ParameterServer', index),
      port: trainingPorts.transport,
    }));
    const begun = Promise.withResolvers<undefined>();
    const reached: StartOptions['reached'] = (point, step) => {
      if (point === 'ServerApplying' && step >= 12) begun.resolve(undefined);
    };
    const start = async (index: number, options: Partial<StartOptions> = {}): Promise<RunningServer> => {
      const server = await startServer(job.small, network, index, folder, options);
      servers.push(server);
      return server;
    };
    const [first] = [await start(0, { reached }), await start(1)];
    await job.start('Worker', 0, 2);
    await begun.promise;
    first.stop(10_000);
    expect(await first.done).toBe('Stopped');
    folder.files.clear();
    const second = await start(0);
    expect(await second.done).toMatchObject({ succeeded: true });
    expect(second.report().job?.recomputedSteps).toBeLessThanOrEqual(1);
    expect(await modelsOf(job.small)).toEqual(await reference());
  });

  it('is left by a coordinator that another one replaced, also while it saves what there is', async () => {
    const folder = new MemoryFolder();
    const begun = Promise.withResolvers<undefined>();
    const { server } = await startJob(folder, {
      changes: { checkpoint: { every: 1_000 } },
      reached: async (point, step) => {
        if (point === 'ServerApplying' && step >= 5) begun.resolve(undefined);
        if (point === 'CoordinatorBeforeManifest') await claimIncarnation(folderPart(folder, prefix), 0, 'another');
      },
    });
    await begun.promise;
    server.stop(10_000);
    expect(await server.done).toBe('Superseded');
    expect(manifests(folder)).toEqual([]);
  });

  it('says that a server cannot be reached for its slice, and asks it less and less often', async () => {
    const folder = new MemoryFolder();
    const job = await create();
    const peerAt = (index: number) => ({
      host: podAddress(job.small, 'ParameterServer', index),
      port: trainingPorts.transport,
    });
    const lines: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line) => void lines.push(line) });
    // Server 1 reaches server 0, but is not where that one looks for it.
    const first = await startServer(job.small, [peerAt(0), peerAt(9)], 0, folder, { log });
    const second = await startServer(job.small, [peerAt(0), peerAt(1)], 1, folder);
    servers.push(first, second);
    await job.start('Worker', 0, 2);
    await eventually(
      () =>
        expect(first.report()).toMatchObject({
          fault: { reason: 'WaitingForServers', message: expect.stringContaining(peerAt(9).host), retrying: true },
        }),
      20_000,
      10,
    );
    const interruptions = (): number => lines.filter((line) => line.includes('training is interrupted')).length;
    const before = interruptions();
    await delay(2_000);
    expect(interruptions() - before).toBeLessThan(8);
  });

  it('says so where a worker cannot reach a server that all others can', async () => {
    const folder = new MemoryFolder();
    const job = await create();
    const peerAt = (index: number) => ({
      host: podAddress(job.small, 'ParameterServer', index),
      port: trainingPorts.transport,
    });
    // Server 1 is where server 0 looks for it, and not where workers do.
    const elsewhere = [peerAt(0), peerAt(9)];
    const first = await startServer(job.small, elsewhere, 0, folder);
    servers.push(first, await startServer(job.small, elsewhere, 1, folder));
    await job.start('Worker', 4, 2);
    await eventually(
      () => expect(first.report().fault?.message).toContain('worker 4: parameter server 1 cannot be reached'),
      20_000,
      50,
    );
    expect(first.report()).toMatchObject({ phase: 'Running', fault: { reason: 'WaitingForServers', retrying: true } });
  });
});
