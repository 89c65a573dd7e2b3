import { availableParallelism, totalmem } from 'node:os';
import { logLevels, type LogLevel } from '../lib/log.ts';
import type { TracingConfig } from '../lib/tracing.ts';
import { readAccessConfig, type AccessConfig } from './access-config.ts';
import {
  accessLogs,
  credentialKeys,
  drainDelayMs,
  modelControls,
  paths,
  servedTasks,
  servingEnv,
  tracesSampler,
  tracingEnv,
  tracingSyntax,
  type AccessLogChoice,
  type ListedModel,
  type ModelControl,
} from './contract.ts';
import { EnvironmentReader, type Environment } from './environment.ts';
import { locationPrefixes, type Location, type LocationName } from './training-contract.ts';

/** The serving process's configuration, checked. Durations in milliseconds. */
export interface ServingConfig {
  /** One model, or a file that lists several. */
  models: ListedModel | { file: string };
  /** What the processes of several models may hold together. */
  memoryBudgetBytes: number;
  batchMaxSize: number;
  batchMaxDelayMs: number;
  queueMaxLength: number;
  timeoutMs: number;
  warmup: boolean;
  /** `Explicit`: clients may load and unload models. */
  modelControl: ModelControl;
  accessLog: AccessLogChoice;
  /** Undefined: nothing is traced. */
  tracing: TracingConfig | undefined;
  /** Where the tokens of TorchServe's calls are; undefined: its port is closed. */
  torchServeTokenDir: string | undefined;
  executionProvider: 'cpu' | 'cuda';
  /** Threads of a run: the CPUs that the container may use. */
  threads: number;
  drainDelayMs: number;
  podName: string;
  /** Where to listen. */
  host: string;
  logLevel: LogLevel;
  pinDir: string;
  storage: StorageConfig;
  access: AccessConfig;
}

/** What holds for each of the models. */
export type ModelSettings = Pick<
  ServingConfig,
  'batchMaxSize' | 'batchMaxDelayMs' | 'queueMaxLength' | 'timeoutMs' | 'executionProvider' | 'threads' | 'warmup'
>;

/** What holds for every place that a process reads or writes. */
export interface SharedStorage {
  allowedCidrs: string[];
  cacheDir: string;
  /** What is in use counts and stays; of the rest, the least recently used goes. Infinity: nothing does. */
  cacheMaxBytes: number;
  volumesDir: string;
  allowFileUris: boolean;
}

export interface StorageConfig extends SharedStorage {
  endpoint: string | undefined;
  region: string | undefined;
  /** PEM. */
  ca: string | undefined;
  /** The variables of `credentialKeys` that are set. */
  credentials: Record<string, string>;
}

const credentialVariables = Object.values(credentialKeys).flatMap(({ required, optional }) => [
  ...required,
  ...optional,
]);

/** Throws ConfigurationError that names the variable and the cure. */
export function readServingConfig(environment: Environment): ServingConfig {
  const read = new EnvironmentReader(environment);
  const file = read.optional(servingEnv.modelsFile);
  return {
    models: file === undefined ? soleModel(read) : { file },
    memoryBudgetBytes: read.whole(servingEnv.memoryBudget, 1, Number.MAX_SAFE_INTEGER, defaultMemoryBudget()),
    batchMaxSize: read.whole(servingEnv.batchMaxSize, 1, 1024, 32),
    batchMaxDelayMs: read.whole(servingEnv.batchMaxDelayMs, 0, 3_600_000, 0),
    queueMaxLength: read.whole(servingEnv.queueMaxLength, 1, 100_000, 256),
    timeoutMs: read.whole(servingEnv.timeoutMs, 10, 3_600_000, 30_000),
    warmup: read.boolean(servingEnv.warmup, true),
    modelControl: read.oneOf(servingEnv.modelControl, modelControls, 'None'),
    accessLog: read.oneOf(servingEnv.accessLog, accessLogs, 'None'),
    tracing: readTracing(read),
    torchServeTokenDir: read.optional(servingEnv.torchServeTokenDir),
    executionProvider: read.oneOf(servingEnv.executionProvider, ['cpu', 'cuda'] as const, 'cpu'),
    threads: availableParallelism(),
    drainDelayMs: read.whole(servingEnv.drainDelayMs, 0, 3_600_000, drainDelayMs),
    podName: read.optional(servingEnv.podName) ?? 'local',
    host: listenHost(read.optional(servingEnv.podIp)),
    logLevel: read.oneOf(servingEnv.logLevel, logLevels, 'info'),
    pinDir: read.optional(servingEnv.pinDir) ?? paths.pin,
    storage: {
      ...readSharedStorage(environment),
      endpoint: read.optionalMatching(
        servingEnv.endpoint,
        /^https?:\/\/[^\s/@]+\/?$/,
        'a URL such as http://minio.storage.svc:9000',
      ),
      region: read.optional(servingEnv.region),
      ca: read.optional(servingEnv.storageCa),
      credentials: read.present(credentialVariables),
    },
    access: readAccessConfig(environment),
  };
}

function soleModel(read: EnvironmentReader): ListedModel {
  const digest = read.optionalMatching(
    servingEnv.modelDigest,
    /^sha256:[0-9a-f]{64}$/,
    'sha256: and 64 lower case hex digits',
  );
  return {
    name: read.matching(
      servingEnv.modelName,
      /^[a-z]([-a-z0-9]*[a-z0-9])?$/,
      'a name of lower case letters, digits and "-"',
    ),
    uri: read.matching(servingEnv.modelUri, /^[a-z0-9]+:\/\/\S+$/, 'a URI such as s3://models/digits/'),
    ...(digest !== undefined && { digest }),
    task: read.oneOf(servingEnv.task, servedTasks, 'Tensor'),
  };
}

/** For this process itself, and for what requests hold here. */
const frontBytes = 256 * 1024 ** 2;

/** Most of what the container may hold; where nothing limits it, half of the machine's memory. */
function defaultMemoryBudget(): number {
  const limit = process.constrainedMemory();
  const isLimited = limit > 0 && limit < totalmem();
  return Math.max(frontBytes, Math.floor(isLimited ? limit * 0.8 - frontBytes : totalmem() / 2));
}

function readTracing(read: EnvironmentReader): TracingConfig | undefined {
  const endpoint = read.optionalMatching(
    tracingEnv.endpoint,
    tracingSyntax.endpoint,
    'the URL of a collector such as http://collector.observability.svc:4318',
  );
  if (endpoint === undefined) return undefined;
  read.oneOf(tracingEnv.sampler, [tracesSampler], tracesSampler);
  const ratio = read.optionalMatching(tracingEnv.samplingRatio, tracingSyntax.samplingRatio, 'a number from 0 to 1');
  const given = read.optionalMatching(
    tracingEnv.resourceAttributes,
    /^[\w.]+=[^,=]*(,[\w.]+=[^,=]*)*$/,
    'pairs such as service.namespace=team-a, separated by commas',
  );
  const podName = read.optional(servingEnv.podName);
  return {
    endpoint,
    samplingRatio: Number(ratio ?? 1),
    serviceName: read.optional(tracingEnv.serviceName) ?? 'modelyard',
    attributes: {
      ...Object.fromEntries(
        (given?.split(',') ?? []).map((pair): [string, string] => {
          const [name = '', value = ''] = pair.split('=');
          return [name, value];
        }),
      ),
      ...(podName !== undefined && { 'service.instance.id': podName, 'k8s.pod.name': podName }),
    },
  };
}

/** Throws ConfigurationError that names the variable and the cure. */
export function readSharedStorage(environment: Environment): SharedStorage {
  const read = new EnvironmentReader(environment);
  return {
    allowedCidrs: (read.optional(servingEnv.storageAllowedCidrs) ?? '').split(',').flatMap((cidr) => cidr.trim() || []),
    cacheDir: read.optional(servingEnv.cacheDir) ?? paths.cache,
    cacheMaxBytes:
      read.optional(servingEnv.cacheMaxBytes) === undefined
        ? Infinity
        : read.whole(servingEnv.cacheMaxBytes, 0, Number.MAX_SAFE_INTEGER),
    volumesDir: read.optional(servingEnv.volumesDir) ?? paths.volumes,
    allowFileUris: read.boolean(servingEnv.allowFileUris, false),
  };
}

/** How to reach one place of a job: its credentials and CA are in variables with the prefix of its name. */
export function storageOf(
  environment: Environment,
  name: LocationName,
  { endpoint, region }: Pick<Location, 'endpoint' | 'region'>,
  shared: SharedStorage,
): StorageConfig {
  const read = new EnvironmentReader(environment);
  const prefix = locationPrefixes[name];
  return {
    ...shared,
    endpoint,
    region,
    ca: read.optional(prefix + servingEnv.storageCa),
    credentials: read.present(credentialVariables, prefix),
  };
}

/**
 * A pod listens on all its addresses, so that `kubectl port-forward`, which comes from the loopback one, reaches it.
 * Laptop pods share a machine and the ports: each listens on its own loopback address, as does a process without one.
 */
export function listenHost(podIp: string | undefined): string {
  if (podIp === undefined) return '127.0.0.1';
  if (podIp.startsWith('127.')) return podIp;
  return podIp.includes(':') ? '::' : '0.0.0.0';
}
