import { join } from 'node:path';
import { env } from 'onnxruntime-node';
import packageFile from '../../package.json' with { type: 'json' };
import { exitCodes } from '../contract.ts';
import { openWritableFolder, type WritableFolder } from '../store/writable-folder.ts';
import {
  trainingExitCodes,
  trainingPorts,
  type JobProgress,
  type TrainingFarewell,
  type TrainingFault,
} from '../training-contract.ts';
import { persistently } from './checkpoint-writer.ts';
import { coordinatorWork, type ClosableWork } from './coordinator-work.ts';
import { createKernels } from './kernels.ts';
import type { Software } from './model/version-files.ts';
import { placeFailure, places } from './places.ts';
import { endWith, type ProcessEnd } from './process-end.ts';
import type { Role, RoleOptions } from './process-role.ts';
import { prepareProgram } from './program.ts';
import { startParameterServer, type RunningServer, type ServerEnd } from './server/start.ts';

const software: Software = {
  modelyard: packageFile.version,
  onnxruntime: env.versions.node ?? '',
  node: process.versions.node,
  platform: `${process.platform}-${process.arch}`,
};

/** A parameter server in a process of its own. Server 0 also prepares the job, and writes what comes of it. */
export class ServerRole implements Role {
  readonly ended: Promise<ProcessEnd>;
  readonly #options: RoleOptions;
  readonly #stopping = new AbortController();
  #server: RunningServer | undefined;
  #fault: TrainingFault | undefined;

  constructor(options: RoleOptions) {
    this.#options = options;
    this.ended = this.#run();
  }

  report(): ReturnType<Role['report']> {
    if (this.#server) return this.#server.report();
    const phase = this.#stopping.signal.aborted ? 'Stopping' : 'Preparing';
    return { phase, ...(this.#fault && { fault: this.#fault }) };
  }

  whyNotReady(): string | undefined {
    return this.#server ? undefined : 'the parameter server does not listen yet';
  }

  stop(graceMs: number): Promise<ProcessEnd> {
    this.#stopping.abort(new Error('the pod is told to stop'));
    this.#server?.stop(graceMs);
    return this.ended;
  }

  isRunning(): boolean {
    return false;
  }

  async #run(): Promise<ProcessEnd> {
    const { signal } = this.#stopping;
    let checkpoints: WritableFolder;
    try {
      checkpoints = await this.#openCheckpoints();
    } catch (error) {
      if (signal.aborted) return { exitCode: exitCodes.ok };
      throw error;
    }
    const work = this.#options.config.index === 0 ? this.#work() : undefined;
    try {
      this.#server = await this.#start(checkpoints, work);
      if (signal.aborted) this.#server.stop(0);
      return endOf(await this.#server.done, this.#options.config.index, this.#server.report().job);
    } finally {
      await work?.close();
      await checkpoints.close();
    }
  }

  #openCheckpoints(): Promise<WritableFolder> {
    return persistently(() => this.#open('checkpoint'), {
      random: this.#options.random,
      signal: this.#stopping.signal,
      onTrouble: (fault) => (this.#fault = fault),
    });
  }

  #open(name: 'checkpoint' | 'output'): Promise<WritableFolder> {
    const { job, storageOf, now, random, log } = this.#options;
    const { location } = job[name];
    // What is to be saved when the pod is told to stop must still be written.
    const { signal } = new AbortController();
    return openWritableFolder(location.uri, storageOf(name, location), {
      ...places[name],
      signal,
      now,
      random,
      log,
    }).catch((error: unknown) => Promise.reject(placeFailure(error, name) as Error));
  }

  #work(): ClosableWork {
    const { config, job, storageOf, date, log } = this.#options;
    const workFolder = join(config.storage.cacheDir, `rows-${config.podName}`);
    return coordinatorWork({
      job,
      prepareProgram: (signal) => prepareProgram({ job, storageOf, workFolder, signal, log }),
      openOutput: () => this.#open('output'),
      software,
      date,
    });
  }

  async #start(checkpoints: WritableFolder, work: ClosableWork | undefined): Promise<RunningServer> {
    const { config, job, transport, now, random, log, reached } = this.#options;
    const { index, parameterServers, host, podName } = config;
    return startParameterServer({
      ...transport,
      index,
      peers: parameterServers,
      listen: { host, port: parameterServers[index]?.port ?? trainingPorts.transport },
      job,
      podName,
      checkpoints,
      kernels: await createKernels(),
      work,
      now,
      random,
      log,
      reached,
    });
  }
}

function endOf(end: ServerEnd, index: number, job: JobProgress | undefined): ProcessEnd {
  if (end === 'Superseded') {
    return {
      exitCode: trainingExitCodes.superseded,
      lastWords: 'another incarnation of this parameter server took over',
    };
  }
  // Server 0 alone speaks for the job.
  if (index !== 0) return { exitCode: exitCodes.ok };
  return end === 'Stopped' ? farewell(job) : endWith(end);
}

/** Says what the job will go on from; nothing where no checkpoint is known. */
function farewell({ step = 0, checkpointStep }: Partial<JobProgress> = {}): ProcessEnd {
  if (checkpointStep === undefined) return { exitCode: exitCodes.ok };
  return { exitCode: exitCodes.ok, lastWords: JSON.stringify({ step, checkpointStep } satisfies TrainingFarewell) };
}
