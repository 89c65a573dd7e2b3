import { parseArgs } from 'node:util';
import ipaddr from 'ipaddr.js';
import { logLevels, type LogLevel } from '../lib/log.ts';
import { ports, tracingEnv, tracingSyntax } from '../runtime/contract.ts';
import type { TracingSettings } from './core/inputs.ts';
import { OperatorConfigError } from './errors.ts';

export interface OperatorConfig {
  /** The image of the runtime. */
  runtimeImage: string;
  runtimePullPolicy: PullPolicy | undefined;
  /** Where the operator itself runs. */
  namespace: string;
  /** This process, in events and leases. */
  instance: string;
  /** Empty: all. */
  watchNamespaces: readonly string[];
  /** The name of the Lease; undefined: no leader election. */
  leaseName: string | undefined;
  /** Private address ranges that a URI may name. */
  storageAllowedCidrs: readonly string[];
  logLevel: LogLevel;
  /** Of the pods that serve and train: part of the template of those that serve, so another one is a rolling update of every model. */
  runtimeLogLevel: LogLevel;
  /** Where spans of the operator and of the pods that serve go; undefined: nowhere. Part of the template of pods, as the level is. */
  tracing: TracingSettings | undefined;
  /** Probes and metrics; undefined: none. */
  adminPort: number | undefined;
  /** A kubeconfig file; undefined: as client-node looks for one. */
  kubeconfig: string | undefined;
}

const pullPolicies = ['Always', 'IfNotPresent', 'Never'] as const;
type PullPolicy = (typeof pullPolicies)[number];

interface Setting {
  /** Without the dashes. */
  flag: string;
  /** Read where the flag is absent. */
  env?: string;
  /** Absent: required, or nothing. */
  default?: string;
  help: string;
}

/** Every flag and variable of the operator; the help text and the reference pages are made of this list. */
export const settings = {
  runtimeImage: { flag: 'runtime-image', env: 'MODELYARD_RUNTIME_IMAGE', help: 'Image of the runtime; required' },
  runtimePullPolicy: { flag: 'runtime-image-pull-policy', env: 'MODELYARD_RUNTIME_IMAGE_PULL_POLICY', default: '', help: `${pullPolicies.join(', ')}; empty: as Kubernetes chooses` },
  namespace: { flag: 'namespace', env: 'POD_NAMESPACE', default: 'modelyard-system', help: 'Namespace the operator runs in' },
  instance: { flag: 'instance', env: 'POD_NAME', default: '', help: 'Name of this process in events and leases; empty: the host name' },
  watchNamespaces: { flag: 'watch-namespaces', env: 'MODELYARD_WATCH_NAMESPACES', default: '', help: 'Namespaces to watch, comma-separated; empty: all' },
  leaderElection: { flag: 'leader-election', env: 'MODELYARD_LEADER_ELECTION', default: 'true', help: 'true or false; off only where there is one operator' },
  leaseName: { flag: 'leader-election-name', env: 'MODELYARD_LEADER_ELECTION_NAME', default: 'modelyard-operator', help: 'Name of the Lease, in the namespace of the operator' },
  storageAllowedCidrs: { flag: 'storage-allowed-cidrs', env: 'MODELYARD_STORAGE_ALLOWED_CIDRS', default: '', help: 'Private address ranges that the URIs of models and data may name, comma-separated; empty: none' },
  logLevel: { flag: 'log-level', env: 'MODELYARD_LOG_LEVEL', default: 'info', help: `Of the operator itself: ${logLevels.join(', ')}` },
  runtimeLogLevel: { flag: 'runtime-log-level', env: 'MODELYARD_RUNTIME_LOG_LEVEL', default: 'info', help: `Of the pods that serve and train; another one is a rolling update of every model: ${logLevels.join(', ')}` },
  tracingEndpoint: { flag: 'tracing-endpoint', env: tracingEnv.endpoint, default: '', help: 'OpenTelemetry collector that takes OTLP over HTTP, such as http://collector.observability.svc:4318, for the operator and the pods that serve; empty: nothing is traced; another one is a rolling update of every model' },
  tracingSamplingRatio: { flag: 'tracing-sampling-ratio', env: tracingEnv.samplingRatio, default: '0.1', help: 'How many of the traces that begin here are recorded, from 0 to 1; whoever calls with a trace has decided for it' },
  adminPort: { flag: 'admin-port', env: 'MODELYARD_ADMIN_PORT', default: String(ports.admin), help: 'Port of probes and metrics; 0: none' },
  kubeconfig: { flag: 'kubeconfig', default: '', help: 'A kubeconfig file; empty: $KUBECONFIG, ~/.kube/config, or the service account of the pod' },
} satisfies Record<string, Setting>; // prettier-ignore

type Name = keyof typeof settings;
const named = Object.entries(settings) as [Name, Setting][];

export const helpText = (): string =>
  [
    'Turns ModelDeployments into pods that serve, and TrainingJobs into pods that train.',
    '',
    ...named.map(([, { flag, env, default: value, help }]) => {
      const from = env === undefined ? '' : ` (or $${env})`;
      return `  --${flag}${from}\n      ${help}${value === undefined || value === '' ? '' : `; default ${value}`}`;
    }),
    '',
  ].join('\n');

type Raw = Record<Name, string>;

function wrong(name: Name, value: string, cure: string): OperatorConfigError {
  const { flag, env } = settings[name] as Setting;
  const from = env === undefined ? '' : ` ($${env})`;
  return new OperatorConfigError(`--${flag}${from}: ${JSON.stringify(value)} ${cure}`);
}

function rawOf(args: readonly string[], env: NodeJS.ProcessEnv): Raw {
  let flags: Record<string, string | boolean | undefined>;
  try {
    const options = Object.fromEntries(named.map(([, { flag }]) => [flag, { type: 'string' as const }]));
    flags = parseArgs({ args: [...args], options, strict: true }).values;
  } catch (cause) {
    throw new OperatorConfigError(`${cause instanceof Error ? cause.message : String(cause)}; --help lists every flag`);
  }
  return Object.fromEntries(
    named.map(([name, { flag, env: variable, default: value }]) => [
      name,
      flags[flag] ?? (variable === undefined ? undefined : env[variable]) ?? value ?? '',
    ]),
  ) as Raw;
}

const list = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

function oneOf<Value extends string>(name: Name, raw: Raw, values: readonly Value[]): Value {
  const found = values.find((value) => value === raw[name]);
  if (found === undefined) throw wrong(name, raw[name], `must be one of ${values.join(', ')}`);
  return found;
}

/**
 * The configuration from flags, then variables, then defaults.
 *
 * @param hostname the name of this process where nothing else names it
 * @throws OperatorConfigError naming the flag and the cure
 */
export function readConfig(args: readonly string[], env: NodeJS.ProcessEnv, hostname: string): OperatorConfig {
  const raw = rawOf(args, env);
  if (raw.runtimeImage === '')
    throw wrong('runtimeImage', '', 'must name the image of the runtime, such as example.com/modelyard:0.1.0');
  const watchNamespaces = list(raw.watchNamespaces);
  for (const namespace of watchNamespaces) {
    if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace))
      throw wrong('watchNamespaces', namespace, 'is no name of a namespace; separate names by commas');
  }
  const storageAllowedCidrs = list(raw.storageAllowedCidrs);
  for (const cidr of storageAllowedCidrs) {
    if (!ipaddr.isValidCIDR(cidr))
      throw wrong('storageAllowedCidrs', cidr, 'is no address range; write one such as 10.0.0.0/8');
  }
  if (raw.tracingEndpoint !== '' && !tracingSyntax.endpoint.test(raw.tracingEndpoint))
    throw wrong(
      'tracingEndpoint',
      raw.tracingEndpoint,
      'must be a URL such as http://collector.observability.svc:4318',
    );
  if (!tracingSyntax.samplingRatio.test(raw.tracingSamplingRatio))
    throw wrong('tracingSamplingRatio', raw.tracingSamplingRatio, 'must be a number from 0 to 1');
  const adminPort = Number(raw.adminPort);
  if (raw.adminPort === '' || !Number.isInteger(adminPort) || adminPort < 0 || adminPort > 65_535)
    throw wrong('adminPort', raw.adminPort, 'must be a port from 0 to 65535');
  return {
    runtimeImage: raw.runtimeImage,
    runtimePullPolicy: raw.runtimePullPolicy === '' ? undefined : oneOf('runtimePullPolicy', raw, pullPolicies),
    namespace: raw.namespace,
    instance: raw.instance === '' ? hostname : raw.instance,
    watchNamespaces,
    leaseName: oneOf('leaderElection', raw, ['true', 'false']) === 'true' ? raw.leaseName : undefined,
    storageAllowedCidrs,
    logLevel: oneOf('logLevel', raw, logLevels),
    runtimeLogLevel: oneOf('runtimeLogLevel', raw, logLevels),
    tracing:
      raw.tracingEndpoint === ''
        ? undefined
        : { endpoint: raw.tracingEndpoint, samplingRatio: Number(raw.tracingSamplingRatio) },
    adminPort: adminPort === 0 ? undefined : adminPort,
    kubeconfig: raw.kubeconfig === '' ? undefined : raw.kubeconfig,
  };
}
