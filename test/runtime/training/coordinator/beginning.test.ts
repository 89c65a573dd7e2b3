import { afterEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { trainingPorts } from '../../../../runtime/training-contract.ts';
import type { RunningServer, StartOptions } from '../../../../runtime/training/server/start.ts';
import { eventually } from '../../../support/eventually.ts';
import { MemoryFolder } from '../server/memory-folder.ts';
import { JobRoles, outcomeOf, startServer } from './roles.ts';
import { modelsOf, podAddress } from './small-job.ts';

const jobs: JobRoles[] = [];
const servers: RunningServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.stop(0);
    await server.done;
  }
  await Promise.all(jobs.splice(0).map((job) => job.end()));
});

async function create(): Promise<JobRoles> {
  const job = await JobRoles.create();
  jobs.push(job);
  return job;
}

/** Holds whoever looks for checkpoints until it is told to go on. */
class HeldFolder extends MemoryFolder {
  readonly asked = Promise.withResolvers<undefined>();
  readonly goOn = Promise.withResolvers<undefined>();

  override async list(prefix: string): Promise<string[]> {
    if (prefix.endsWith('/checkpoints/')) {
      this.asked.resolve(undefined);
      await this.goOn.promise;
    }
    return super.list(prefix);
  }
}

/** Two servers and a worker, while the coordinator looks for checkpoints. */
async function heldJob() {
  const folder = new HeldFolder();
  const job = await create();
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line) => void lines.push(line) });
  const peers = [0, 1].map((index) => ({
    host: podAddress(job.small, 'ParameterServer', index),
    port: trainingPorts.transport,
  }));
  const start = async (index: number, changes: Partial<StartOptions> = {}): Promise<RunningServer> => {
    const server = await startServer(job.small, peers, index, folder, { log, ...changes });
    servers.push(server);
    return server;
  };
  const [coordinator, other] = [await start(0), await start(1)];
  await job.start('Worker', 0, 2);
  await folder.asked.promise;
  return { job, folder, lines, coordinator, other, start };
}

describe('while the coordinator looks for checkpoints', () => {
  it('a server that is lost is missed: training begins once it is back, to the same model', async () => {
    const { job, folder, coordinator, other, start } = await heldJob();
    other.stop(0);
    await other.done;
    await eventually(() => expect(coordinator.report().job?.connectedServers).toBe(1), 10_000, 5);
    folder.goOn.resolve(undefined);
    await start(1);
    expect(await coordinator.done).toMatchObject({ succeeded: true });
    const alone = await create();
    const [reference] = await alone.startAll(1, 1);
    await outcomeOf(reference);
    expect(await modelsOf(job.small)).toEqual(await modelsOf(alone.small));
  });

  it('a coordinator that is told to stop stops, and begins nothing', async () => {
    const { folder, lines, coordinator } = await heldJob();
    coordinator.stop(20_000);
    folder.goOn.resolve(undefined);
    expect(await coordinator.done).toBe('Stopped');
    expect(lines.join()).not.toContain('all parameter servers have the same version');
  });
});
