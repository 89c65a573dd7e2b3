import { availableParallelism } from 'node:os';
import { logLevels, type LogLevel } from '../lib/log.ts';
import { credentialKeys, drainDelayMs, paths, servedTasks, servingEnv } from './contract.ts';
import { ConfigurationError } from './errors.ts';

/** The serving process's configuration, checked. Durations in milliseconds. */
export interface ServingConfig {
  modelName: string;
  modelUri: string;
  /** `sha256:HEX`. */
  modelDigest: string | undefined;
  task: string;
  batchMaxSize: number;
  batchMaxDelayMs: number;
  queueMaxLength: number;
  timeoutMs: number;
  warmup: boolean;
  executionProvider: 'cpu' | 'cuda';
  /** Threads of a run: the CPUs that the container may use. */
  threads: number;
  drainDelayMs: number;
  podName: string;
  /** Where to listen. */
  host: string;
  logLevel: LogLevel;
  storage: StorageConfig;
}

export interface StorageConfig {
  s3Endpoint: string | undefined;
  s3Region: string | undefined;
  /** PEM. */
  ca: string | undefined;
  allowedCidrs: string[];
  cacheDir: string;
  volumesDir: string;
  pinDir: string;
  allowFileUris: boolean;
  /** The variables of `credentialKeys` that are set. */
  credentials: Record<string, string>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws ConfigurationError that names the variable and the cure. */
export function readServingConfig(environment: Environment): ServingConfig {
  const read = new Reader(environment);
  return {
    modelName: read.matching(
      servingEnv.modelName,
      /^[a-z]([-a-z0-9]*[a-z0-9])?$/,
      'a name of lower case letters, digits and "-"',
    ),
    modelUri: read.matching(servingEnv.modelUri, /^[a-z0-9]+:\/\/\S+$/, 'a URI such as s3://models/digits/'),
    modelDigest: read.optionalMatching(
      servingEnv.modelDigest,
      /^sha256:[0-9a-f]{64}$/,
      'sha256: and 64 lower case hex digits',
    ),
    task: read.oneOf(servingEnv.task, servedTasks, 'Tensor'),
    batchMaxSize: read.whole(servingEnv.batchMaxSize, 1, 1024, 32),
    batchMaxDelayMs: read.whole(servingEnv.batchMaxDelayMs, 0, 3_600_000, 0),
    queueMaxLength: read.whole(servingEnv.queueMaxLength, 1, 100_000, 256),
    timeoutMs: read.whole(servingEnv.timeoutMs, 10, 3_600_000, 30_000),
    warmup: read.boolean(servingEnv.warmup, true),
    executionProvider: read.oneOf(servingEnv.executionProvider, ['cpu', 'cuda'] as const, 'cpu'),
    threads: availableParallelism(),
    drainDelayMs: read.whole(servingEnv.drainDelayMs, 0, 3_600_000, drainDelayMs),
    podName: read.optional(servingEnv.podName) ?? 'local',
    host: listenHost(read.optional(servingEnv.podIp)),
    logLevel: read.oneOf(servingEnv.logLevel, logLevels, 'info'),
    storage: {
      s3Endpoint: read.optionalMatching(
        servingEnv.s3Endpoint,
        /^https?:\/\/[^\s/@]+\/?$/,
        'a URL such as http://minio.storage.svc:9000',
      ),
      s3Region: read.optional(servingEnv.s3Region),
      ca: read.optional(servingEnv.storageCa),
      allowedCidrs: (read.optional(servingEnv.storageAllowedCidrs) ?? '')
        .split(',')
        .flatMap((cidr) => cidr.trim() || []),
      cacheDir: read.optional(servingEnv.cacheDir) ?? paths.cache,
      volumesDir: read.optional(servingEnv.volumesDir) ?? paths.volumes,
      pinDir: read.optional(servingEnv.pinDir) ?? paths.pin,
      allowFileUris: read.boolean(servingEnv.allowFileUris, false),
      credentials: read.present(
        Object.values(credentialKeys).flatMap(({ required, optional }) => [...required, ...optional]),
      ),
    },
  };
}

/**
 * A pod listens on all its addresses, so that `kubectl port-forward`, which comes from the loopback one, reaches it.
 * Laptop pods share a machine and the ports: each listens on its own loopback address, as does a process without one.
 */
function listenHost(podIp: string | undefined): string {
  if (podIp === undefined) return '127.0.0.1';
  if (podIp.startsWith('127.')) return podIp;
  return podIp.includes(':') ? '::' : '0.0.0.0';
}

class Reader {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Empty counts as absent, as Kubernetes has it for variables without a value. */
  optional(name: string): string | undefined {
    const value = this.#environment[name];
    return value === '' ? undefined : value;
  }

  present(names: readonly string[]): Record<string, string> {
    return Object.fromEntries(
      names.flatMap((name) => {
        const value = this.optional(name);
        return value === undefined ? [] : [[name, value]];
      }),
    );
  }

  optionalMatching(name: string, pattern: RegExp, what: string): string | undefined {
    const value = this.optional(name);
    if (value !== undefined && !pattern.test(value))
      throw new ConfigurationError(`${name} is ${shown(value)}; set it to ${what}`);
    return value;
  }

  matching(name: string, pattern: RegExp, what: string): string {
    const value = this.optionalMatching(name, pattern, what);
    if (value === undefined) throw new ConfigurationError(`${name} is not set; set it to ${what}`);
    return value;
  }

  whole(name: string, low: number, high: number, fallback: number): number {
    const value = this.optional(name);
    if (value === undefined) return fallback;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    if (!(number >= low && number <= high)) {
      throw new ConfigurationError(`${name} is ${shown(value)}; set it to a whole number from ${low} to ${high}`);
    }
    return number;
  }

  boolean(name: string, fallback: boolean): boolean {
    return this.oneOf(name, ['true', 'false'] as const, fallback ? 'true' : 'false') === 'true';
  }

  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const value = this.optional(name) ?? fallback;
    const found = allowed.find((candidate) => candidate === value);
    if (found === undefined)
      throw new ConfigurationError(`${name} is ${shown(value)}; set it to one of ${allowed.join(', ')}`);
    return found;
  }
}

const shown = (value: string): string => JSON.stringify(value.slice(0, 200));
