import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { createRegistry } from '../../../../lib/metrics.ts';
import { readSharedStorage, storageOf } from '../../../../runtime/config.ts';
import { servingEnv } from '../../../../runtime/contract.ts';
import { openWritableFolder, type WritableFolder } from '../../../../runtime/store/writable-folder.ts';
import type { Location, LocationName, TrainingOutcome, TrainingRole } from '../../../../runtime/training-contract.ts';
import { readTrainingConfig } from '../../../../runtime/training/config.ts';
import { coordinatorWork } from '../../../../runtime/training/coordinator-work.ts';
import { createKernels } from '../../../../runtime/training/kernels.ts';
import type { ProcessEnd } from '../../../../runtime/training/process-end.ts';
import type { Role, RoleOptions } from '../../../../runtime/training/process-role.ts';
import { ServerRole } from '../../../../runtime/training/process-server.ts';
import { prepareProgram } from '../../../../runtime/training/program.ts';
import {
  startParameterServer,
  type RunningServer,
  type StartOptions,
} from '../../../../runtime/training/server/start.ts';
import { startWorker } from '../../../../runtime/training/worker/start-worker.ts';
import { createSmallJob, podEnvironment, type JobChanges, type SmallJob } from './small-job.ts';

const timing = { heartbeatMs: 2_000, silenceMs: 10_000, helloMs: 5_000 };

/** A job on this machine whose roles share this process; they talk over loopback all the same. */
export class JobRoles {
  readonly small: SmallJob;
  readonly #roles = new Set<Role>();
  #started = 0;

  constructor(small: SmallJob) {
    this.small = small;
  }

  static async create(changes: JobChanges = {}): Promise<JobRoles> {
    return new JobRoles(await createSmallJob(changes));
  }

  /** @param servers how many there are in all */
  async start(
    role: TrainingRole,
    index: number,
    servers: number,
    reached: RoleOptions['reached'] = () => undefined,
  ): Promise<Role> {
    // Each pod has a disk of its own, also one that replaces another.
    const cacheDir = join(this.small.root, 'cache', `${role}-${index}-${++this.#started}`);
    const environment = { ...podEnvironment(this.small, servers, role, index), [servingEnv.cacheDir]: cacheDir };
    const config = { ...readTrainingConfig(environment), threads: 1 };
    const now = (): number => performance.now();
    const options: RoleOptions = {
      config,
      job: this.small.job,
      storageOf: (name, location) => storageOf(environment, name, location, config.storage),
      transport: { tls: undefined, timing: { ...timing, now }, lookup: undefined },
      registry: createRegistry({ ofProcess: false }),
      now,
      date: () => new Date(),
      random: Math.random,
      log: pino({ level: 'silent' }),
      reached,
    };
    const started = role === 'Worker' ? await startWorker(options) : new ServerRole(options);
    this.#roles.add(started);
    // A process would exit: its connections end.
    void started.ended.catch(() => undefined).then(() => this.stop(started, 0));
    return started;
  }

  startAll(servers: number, workers: number, reached?: RoleOptions['reached']): Promise<Role[]> {
    return Promise.all([
      ...Array.from({ length: servers }, (_, index) => this.start('ParameterServer', index, servers, reached)),
      ...Array.from({ length: workers }, (_, index) => this.start('Worker', index, servers, reached)),
    ]);
  }

  /** Stops everybody, as a suspension does. */
  async suspend(): Promise<ProcessEnd[]> {
    return Promise.all([...this.#roles].map((role) => this.stop(role, 10_000)));
  }

  async end(): Promise<void> {
    await Promise.all([...this.#roles].map((role) => this.stop(role, 0)));
    await rm(this.small.root, { recursive: true, force: true });
  }

  stop(role: Role, graceMs: number): Promise<ProcessEnd> {
    this.#roles.delete(role);
    return role.stop(graceMs);
  }
}

/** A parameter server whose checkpoints go where the test says. */
export async function startServer(
  { root, job }: SmallJob,
  peers: readonly { host: string; port: number }[],
  index: number,
  checkpoints: WritableFolder,
  changes: Partial<StartOptions> = {},
): Promise<RunningServer> {
  const environment = { [servingEnv.cacheDir]: join(root, 'cache', `ps-${index}`), [servingEnv.allowFileUris]: 'true' };
  const shared = readSharedStorage(environment);
  const stores = (name: LocationName, location: Location) => storageOf(environment, name, location, shared);
  const log = pino({ level: 'silent' });
  const work = coordinatorWork({
    job,
    prepareProgram: (signal) =>
      prepareProgram({ job, storageOf: stores, workFolder: join(root, 'cache', 'rows-test'), signal, log }),
    openOutput: () =>
      openWritableFolder(job.output.location.uri, stores('output', job.output.location), {
        noun: 'output',
        field: 'spec.output',
        signal: new AbortController().signal,
        now: () => performance.now(),
        random: Math.random,
        log,
      }),
    software: { modelyard: 'test', onnxruntime: 'test', node: 'test', platform: 'test' },
    date: () => new Date(),
  });
  const server = await startParameterServer({
    index,
    peers,
    listen: peers[index] ?? { host: '127.0.0.1', port: 0 },
    job,
    podName: `job-ps-${index}`,
    tls: undefined,
    lookup: undefined,
    checkpoints,
    kernels: await createKernels(2 ** 24),
    work: index === 0 ? work : undefined,
    now: () => performance.now(),
    random: Math.random,
    log,
    ...changes,
  });
  void server.done.catch(() => undefined).then(() => work.close());
  return server;
}

/** How a job ended, from what server 0 says last. */
export async function outcomeOf(coordinator: Role | undefined): Promise<TrainingOutcome> {
  const end = await coordinator?.ended;
  return JSON.parse(end?.lastWords ?? 'null') as TrainingOutcome;
}
