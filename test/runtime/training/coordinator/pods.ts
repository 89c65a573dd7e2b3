import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { adminPaths } from '../../../../runtime/contract.ts';
import {
  trainingPorts,
  type TrainingOutcome,
  type TrainingReport,
  type TrainingRole,
} from '../../../../runtime/training-contract.ts';
import { createSmallJob, podAddress, podEnvironment, type JobChanges, type SmallJob } from './small-job.ts';

const program = fileURLToPath(new URL('./role-main.ts', import.meta.url));

/** One process of a job, as a pod's container would run it. */
export interface Pod {
  process: ChildProcess;
  /** What it logged so far, JSON lines. */
  log(): string;
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
}

/** A job on this machine: each role a process with a loopback address of its own. */
export class JobPods {
  readonly small: SmallJob;
  readonly #servers: number;
  readonly #pods: Pod[] = [];

  private constructor(small: SmallJob, servers: number) {
    this.small = small;
    this.#servers = servers;
  }

  static async create(servers: number, changes: JobChanges = {}): Promise<JobPods> {
    return new JobPods(await createSmallJob(changes), servers);
  }

  /** @param kill where it ends itself, as `POINT:STEP` */
  start(role: TrainingRole, index: number, kill?: string): Pod {
    const { root } = this.small;
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: {
        PATH: process.env.PATH,
        ...podEnvironment(this.small, this.#servers, role, index),
        MODELYARD_TEST_KILLED: join(root, 'killed'),
        ...(kill !== undefined && { MODELYARD_TEST_KILL: kill }),
      },
    });
    let log = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (log += chunk));
    const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    const pod = { process: child, log: () => log, exited };
    this.#pods.push(pod);
    return pod;
  }

  /** Starts a pod again whenever it was killed, each time with the next place to be killed at. Resolves when it ended by itself. */
  async keep(role: TrainingRole, index: number, kills: readonly string[] = []): Promise<number | null> {
    for (const kill of kills) {
      const { code, signal } = await this.start(role, index, kill).exited;
      if (signal !== 'SIGKILL') return code;
    }
    return (await this.start(role, index).exited).code;
  }

  async report(index = 0): Promise<TrainingReport> {
    const url = `http://${podAddress(this.small, 'ParameterServer', index)}:${trainingPorts.admin}${adminPaths.report}`;
    return (await (await fetch(url, { signal: AbortSignal.timeout(5_000) })).json()) as TrainingReport;
  }

  /** Where processes were killed by themselves. */
  killed(): string[] {
    const path = join(this.small.root, 'killed');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  }

  /** What coordinators said whenever all servers had come to one version: it, and the newest that anybody had had. */
  recoveries(): { version: number; newest: number }[] {
    const lines = this.#pods.flatMap((pod) => pod.log().split('\n'));
    return lines
      .filter((line) => line.includes('"all parameter servers have the same version"'))
      .map((line) => JSON.parse(line) as { version: number; newest: number });
  }

  /** What server 0 left in its termination message. */
  async outcome(): Promise<TrainingOutcome> {
    return JSON.parse(await readFile(join(this.small.root, 'ps-0.words'), 'utf8')) as TrainingOutcome;
  }

  async end(): Promise<void> {
    for (const { process } of this.#pods) process.kill('SIGKILL');
    await Promise.all(this.#pods.map(({ exited }) => exited));
    await rm(this.small.root, { recursive: true, force: true });
  }
}
