import { adminPaths, caConfigMapKey, credentialKeys, servingEnv } from '../../runtime/contract.ts';
import type { ModelDeploymentSpec } from '../api/model-deployment.gen.ts';
import { canonicalQuantity } from '../api/quantity.ts';
import type { RuntimeInputs } from './inputs.ts';
import { modelUri } from './model-uri.ts';

/** Set aside where the spec names neither a request nor a limit, so that a pod is not the first to be evicted. */
const defaultRequests: Readonly<Record<string, string>> = { cpu: '250m', memory: '512Mi' };

type Quantities = Record<string, string>;

/** A variable of a container. */
export type Env = Record<string, unknown> & { name: string };

/** What the spec says of compute resources, for pods of either kind. */
type ResourceSpec = Pick<ModelDeploymentSpec, 'resources' | 'accelerator'>;

/** What the spec may say of pods beyond its own fields; a role of a TrainingJob takes less of it. */
export type PodSettings = NonNullable<ModelDeploymentSpec['podTemplate']>;

/** A URI and how to reach it, as specs have it. */
export interface StoragePlace {
  uri?: string;
  storage?: NonNullable<ModelDeploymentSpec['storage']>;
}

/** Variables with a value, in the given order; those without are left out. */
export const plainEnv = (values: Readonly<Record<string, string | undefined>>): Env[] =>
  Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));

/** Who and where a pod is. */
export function podEnv(): Env[] {
  const fieldRef = (name: string, fieldPath: string): Env => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  return [fieldRef(servingEnv.podIp, 'status.podIP'), fieldRef(servingEnv.podName, 'metadata.name')];
}

const credentialSchemes: Readonly<Record<string, (typeof credentialKeys)[keyof typeof credentialKeys]>> = {
  ...credentialKeys,
  https: credentialKeys.http,
};

/**
 * Credentials and trust for places that are reached alike, as references, so that the kubelet reads what the operator never sees, and a
 * missing one shows in the pod's status.
 *
 * @param prefix before the name of each variable, where a pod knows several storages
 */
export function storageEnv(uris: readonly string[], storage: StoragePlace['storage'], prefix = ''): Env[] {
  const wanted = new Set(uris.map((uri) => credentialSchemes[modelUri(uri).scheme]));
  const keys = Object.values(credentialKeys).filter((each) => wanted.has(each));
  const secret = storage?.credentialsSecretRef?.name;
  const ca = storage?.caConfigMapRef?.name;
  const fromSecret = (key: string, optional: boolean): Env => ({
    name: `${prefix}${key}`,
    valueFrom: { secretKeyRef: { name: secret, key, ...(optional ? { optional } : {}) } },
  });
  const credentials =
    secret === undefined
      ? []
      : keys.flatMap(({ required, optional }) => [
          ...required.map((key) => fromSecret(key, false)),
          ...optional.map((key) => fromSecret(key, true)),
        ]);
  const trust: Env[] =
    ca === undefined
      ? []
      : [
          {
            name: `${prefix}${servingEnv.storageCa}`,
            valueFrom: { configMapKeyRef: { name: ca, key: caConfigMapKey } },
          },
        ];
  return [...credentials, ...trust];
}

const canonical = (given: Readonly<Record<string, string | number>> = {}): Quantities =>
  Object.fromEntries(Object.entries(given).map(([name, amount]) => [name, canonicalQuantity(amount)]));

function resources({ resources: given, accelerator }: ResourceSpec): Record<string, Quantities> {
  const limits: Quantities = {
    ...canonical(given?.limits),
    ...(accelerator === undefined ? {} : { [accelerator.resource]: canonicalQuantity(accelerator.count) }),
  };
  const requests = canonical(given?.requests);
  for (const [name, amount] of Object.entries(defaultRequests)) {
    if (requests[name] === undefined && limits[name] === undefined) requests[name] = amount;
  }
  return {
    ...(Object.keys(requests).length === 0 ? {} : { requests }),
    ...(Object.keys(limits).length === 0 ? {} : { limits }),
  };
}

/** The front process answers from its first second on, also while it downloads for an hour: probes can be strict. */
function probes(): Record<string, object> {
  const probe = (path: string, periodSeconds: number, failureThreshold: number): object => ({
    httpGet: { path, port: 'admin' },
    periodSeconds,
    failureThreshold,
    timeoutSeconds: 5,
  });
  return {
    startupProbe: probe(adminPaths.live, 1, 120),
    livenessProbe: probe(adminPaths.live, 10, 3),
    readinessProbe: probe(adminPaths.ready, 2, 1),
  };
}

export interface ContainerParts {
  /** Of `runtime/`, what the container runs. */
  program: 'serve.ts' | 'train.ts';
  /** By name; one of them is `admin`. */
  ports: Readonly<Record<string, number>>;
  env: readonly Env[];
  resources: ResourceSpec;
  volumeMounts: readonly object[];
}

/** The one container of every pod. It writes nowhere but to its volumes, and gives up every privilege. */
export function runtimeContainer(
  parts: ContainerParts,
  inputs: Pick<RuntimeInputs, 'image' | 'imagePullPolicy'>,
): object {
  return {
    name: 'runtime',
    image: inputs.image,
    ...(inputs.imagePullPolicy === undefined ? {} : { imagePullPolicy: inputs.imagePullPolicy }),
    command: ['node', `runtime/${parts.program}`],
    workingDir: '/app',
    ports: Object.entries(parts.ports).map(([name, containerPort]) => ({ name, containerPort })),
    env: parts.env,
    resources: resources(parts.resources),
    ...probes(),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: parts.volumeMounts,
  };
}

/** The group of the image; volumes are written as it. Large volumes are not walked through at every start. */
export const volumeAccess = { fsGroup: 65_532, fsGroupChangePolicy: 'OnRootMismatch' } as const;

/** Settings that pass through as they are given. */
function placement(settings: PodSettings, selector: Readonly<Record<string, string>>): object {
  const { nodeSelector, tolerations, affinity, topologySpreadConstraints, imagePullSecrets } = settings;
  const { priorityClassName, runtimeClassName, schedulerName } = settings;
  const spread = topologySpreadConstraints?.map((constraint) => ({
    labelSelector: { matchLabels: selector },
    ...constraint,
  }));
  const given = { nodeSelector, tolerations, affinity, imagePullSecrets, priorityClassName, runtimeClassName };
  return Object.fromEntries(
    Object.entries({ ...given, schedulerName, topologySpreadConstraints: spread }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

export interface PodParts {
  serviceAccountName: string;
  terminationGracePeriodSeconds: number;
  settings: PodSettings | undefined;
  /** Unless the settings say otherwise. */
  securityContext?: object;
  /** The pods that spread over the nodes together. */
  selector: Readonly<Record<string, string>>;
  container: object;
  volumes: readonly object[];
}

/**
 * The one place where pods are shaped. Every pod passes the `restricted` Pod Security Standard, holds no token, and writes only to
 * its volumes.
 */
export function podSpec(parts: PodParts): Record<string, unknown> {
  return {
    serviceAccountName: parts.serviceAccountName,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: parts.terminationGracePeriodSeconds,
    securityContext: {
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
      ...parts.securityContext,
      ...parts.settings?.securityContext,
    },
    ...(parts.settings === undefined ? {} : placement(parts.settings, parts.selector)),
    containers: [parts.container],
    volumes: parts.volumes,
  };
}
