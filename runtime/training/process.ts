import { setTimeout as delay } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import { json, metrics, probe, startHealthServer } from '../../lib/health.ts';
import { createRegistry } from '../../lib/metrics.ts';
import { storageOf } from '../config.ts';
import { adminPaths, exitCodes } from '../contract.ts';
import type { Environment } from '../environment.ts';
import { trainingPorts, type TrainingReport } from '../training-contract.ts';
import type { ProcessEnd } from './process-end.ts';
import { lookupIn } from './process-hosts.ts';
import { measureJob } from './process-metrics.ts';
import type { Role, RoleOptions } from './process-role.ts';
import { ServerRole } from './process-server.ts';
import { usualTiming } from './transport/socket-connection.ts';
import { tlsIdentity } from './transport/tls-identity.ts';
import { startWorker } from './worker/start-worker.ts';

export interface TrainingOptions extends Pick<
  RoleOptions,
  'config' | 'job' | 'now' | 'date' | 'random' | 'log' | 'reached'
> {
  environment: Environment;
}

/** A training process. */
export interface Training {
  /** Resolves when the process is to end. Rejects with the error of a bug. */
  ended: Promise<ProcessEnd>;
  /** The pod is told to stop: `ended` resolves once what is worth saving is saved. */
  stop(): void;
  /** Whether ONNX Runtime runs a graph at this moment. */
  isRunning(): boolean;
}

/** Of the time that a pod has between SIGTERM and SIGKILL, what its role may take. */
const graceMs = 40_000;

/** Beyond that, for what is under way. */
const slackMs = 5_000;

/** How long an outcome stays in the report for somebody to read it. */
const readOutcomeMs = 10_000;

/** Starts the role of a pod, and its admin port. */
export async function startTraining(options: TrainingOptions): Promise<Training> {
  const { config, log } = options;
  const registry = createRegistry({ ofProcess: true });
  const role = await startRole(options, registry);
  if (config.role === 'ParameterServer' && config.index === 0) measureJob(registry, () => role.report().job);
  const report = (): TrainingReport => ({
    version: 1,
    kind: 'Training',
    podName: config.podName,
    role: config.role,
    index: config.index,
    ...role.report(),
  });
  const wasRead = Promise.withResolvers<undefined>();
  const admin = await startHealthServer({
    host: config.host,
    port: trainingPorts.admin,
    routes: {
      [adminPaths.live]: () => probe(undefined),
      [adminPaths.ready]: () => probe(role.whyNotReady()),
      [adminPaths.metrics]: () => metrics(registry),
      [adminPaths.report]: () => {
        const current = report();
        if (current.outcome) wasRead.resolve(undefined);
        return json(current);
      },
    },
  });
  log.info({ role: config.role, index: config.index }, 'started');
  const stopped = Promise.withResolvers<ProcessEnd>();
  const untilRead = async (end: ProcessEnd): Promise<ProcessEnd> => {
    if (role.report().outcome) await Promise.race([wasRead.promise, delay(readOutcomeMs)]);
    return end;
  };
  return {
    ended: Promise.race([role.ended.then(untilRead), stopped.promise]).finally(() => admin.close()),
    stop: () => {
      const late = delay(graceMs + slackMs).then((): ProcessEnd => {
        log.warn('the pod ends before all that it did was done');
        return { exitCode: exitCodes.ok };
      });
      Promise.race([role.stop(graceMs), late]).then(stopped.resolve, stopped.reject);
    },
    isRunning: () => role.isRunning(),
  };
}

function startRole(options: TrainingOptions, registry: Registry): Promise<Role> {
  const { config, environment, now } = options;
  const tls = config.tlsDir === undefined ? undefined : tlsIdentity(config.tlsDir);
  // What is wrong with it is to be said before anything connects.
  tls?.options();
  const lookup = config.hostsFile === undefined ? undefined : lookupIn(config.hostsFile);
  const roleOptions: RoleOptions = {
    ...options,
    registry,
    transport: { tls, lookup, timing: { ...usualTiming, now } },
    storageOf: (name, location) => storageOf(environment, name, location, config.storage),
  };
  return config.role === 'Worker' ? startWorker(roleOptions) : Promise.resolve(new ServerRole(roleOptions));
}
