import { availableParallelism } from 'node:os';
import { logLevels, type LogLevel } from '../../lib/log.ts';
import { listenHost, readSharedStorage, type SharedStorage } from '../config.ts';
import { servingEnv } from '../contract.ts';
import { EnvironmentReader, type Environment } from '../environment.ts';
import { ConfigurationError } from '../errors.ts';
import { terminationLog } from '../last-words.ts';
import { jobFileName, trainingEnv, trainingPaths, type TrainingRole } from '../training-contract.ts';
import type { Peer } from './transport/dial.ts';

/** A training process's configuration, checked. */
export interface TrainingConfig {
  role: TrainingRole;
  /** The number in the pod's name. */
  index: number;
  jobFile: string;
  /** Where each parameter server is found, in order. */
  parameterServers: Peer[];
  /** A folder with `tls.crt`, `tls.key` and `ca.crt`. */
  tlsDir: string | undefined;
  executionProvider: 'cpu' | 'cuda';
  /** Runs of a worker at a time: the CPUs that the container may use. */
  threads: number;
  terminationLog: string;
  hostsFile: string | undefined;
  podName: string;
  /** Where to listen. */
  host: string;
  logLevel: LogLevel;
  storage: SharedStorage;
}

const maxIndex = 99_999;

/** Throws ConfigurationError that names the variable and the cure. */
export function readTrainingConfig(environment: Environment): TrainingConfig {
  const read = new EnvironmentReader(environment);
  const role = read.oneOf(trainingEnv.role, ['ParameterServer', 'Worker'] as const);
  const parameterServers = endpoints(
    read.matching(trainingEnv.parameterServers, /^[^\s,:]+:\d{1,5}(,[^\s,:]+:\d{1,5})*$/, 'HOST:PORT,HOST:PORT'),
  );
  const index = read.whole(trainingEnv.index, 0, maxIndex);
  if (role === 'ParameterServer' && index >= parameterServers.length) {
    throw new ConfigurationError(
      `${trainingEnv.index} is ${index}, but ${trainingEnv.parameterServers} names ${parameterServers.length}; name every parameter server there`,
    );
  }
  return {
    role,
    index,
    jobFile: read.optional(trainingEnv.jobFile) ?? `${trainingPaths.job}/${jobFileName}`,
    parameterServers,
    tlsDir: read.optional(trainingEnv.tlsDir),
    executionProvider: read.oneOf(trainingEnv.executionProvider, ['cpu', 'cuda'] as const, 'cpu'),
    threads: availableParallelism(),
    terminationLog: read.optional(trainingEnv.terminationLog) ?? terminationLog,
    hostsFile: read.optional(trainingEnv.hostsFile),
    podName: read.optional(servingEnv.podName) ?? 'local',
    host: listenHost(read.optional(servingEnv.podIp)),
    logLevel: read.oneOf(servingEnv.logLevel, logLevels, 'info'),
    storage: readSharedStorage(environment),
  };
}

function endpoints(list: string): Peer[] {
  return list.split(',').map((endpoint) => {
    const [host = '', port = ''] = endpoint.split(':');
    return { host, port: Number(port) };
  });
}
