import { join } from 'node:path';
import { exitCodes } from '../../contract.ts';
import { trainingExitCodes } from '../../training-contract.ts';
import type { Hello } from '../messages.ts';
import { createKernels } from '../kernels.ts';
import { endWith, type ProcessEnd } from '../process-end.ts';
import type { Role, RoleOptions } from '../process-role.ts';
import { prepareProgram } from '../program.ts';
import type { Connection, Receiver, TransportError } from '../transport/connection.ts';
import { Link } from '../transport/link.ts';
import { updateRule } from '../update-rule.ts';
import { Engine } from './engine.ts';
import { TrainingWorker, type WorkerEnd } from './training-worker.ts';
import { observeIn } from './worker-metrics.ts';

/** The rule is only asked how many slots it has. */
const fewBytes = 65_536;

/** Starts a worker of a job. */
export async function startWorker(options: RoleOptions, engine = engineOf(options)): Promise<Role> {
  const { config, job, storageOf, transport, registry, now, random, log, reached } = options;
  const { index, parameterServers, podName } = config;
  const startedAtMs = Math.floor(now());
  const connect = (
    server: number,
    to: Pick<Hello, 'channel' | 'incarnation'>,
    open: (connection: Connection) => Receiver<unknown>,
    failed: (error: TransportError) => boolean,
  ): Link => {
    const peer = parameterServers[server];
    if (!peer) throw new RangeError(`there is no parameter server ${server}`);
    const hello = { specHash: job.specHash, role: 'Worker', index, ...to } as const;
    return new Link({ ...transport, peer, hello, random, log, open, failed });
  };
  const worker = new TrainingWorker({
    job,
    podName,
    servers: parameterServers.length,
    engine,
    slots: updateRule(await createKernels(fewBytes), job.optimizer).slots,
    prepare: (signal) =>
      prepareProgram({ job, storageOf, workFolder: join(config.storage.cacheDir, `rows-${podName}`), signal, log }),
    connectControl: (open, failed) => connect(0, { channel: 'Control', incarnation: startedAtMs }, open, failed),
    connectData: (server, incarnation, open, failed) => connect(server, { channel: 'Data', incarnation }, open, failed),
    now,
    random,
    log,
    reached,
    observer: observeIn(registry),
  });
  return {
    report: () => ({ phase: worker.phase, ...(worker.fault && { fault: worker.fault }) }),
    whyNotReady: () => (worker.phase === 'Running' ? undefined : `the worker is ${worker.phase}`),
    ended: worker.ended.then(endOf),
    stop: async () => {
      await worker.leave();
      return { exitCode: exitCodes.ok };
    },
    isRunning: () => engine.isRunning,
  };
}

function engineOf({ config: { executionProvider, threads } }: RoleOptions): Engine {
  return new Engine(executionProvider === 'cuda' ? 1 : threads, executionProvider);
}

function endOf(end: WorkerEnd): ProcessEnd {
  switch (end.kind) {
    case 'Finished':
      return { exitCode: exitCodes.ok };
    case 'Superseded':
      return { exitCode: trainingExitCodes.superseded, lastWords: end.message };
    case 'Rejected': {
      const { reason, message } = end.fault;
      return endWith({ succeeded: false, reason, message });
    }
  }
}
