import {
  adminPaths,
  caConfigMapKey,
  credentialKeys,
  drainDelayMs,
  paths,
  ports,
  servingEnv,
} from '../../runtime/contract.ts';
import type { ModelDeployment, ModelDeploymentSpec } from '../api/model-deployment.gen.ts';
import { asStored } from './as-stored.ts';
import { durationMs } from './duration.ts';
import { labels, revisionOf, servingLabels, servingNames, servingSelector } from './metadata.ts';
import { modelUri } from './model-uri.ts';
import { canonicalQuantity } from './quantity.ts';
import type { ServingInputs } from './serving/observed.ts';

/** The part of a pod's life after its requests are done: closing, flushing, exiting. */
const exitSeconds = 5;

/** Set aside where the spec names neither a request nor a limit, so that a pod is not the first to be evicted. */
const defaultRequests: Readonly<Record<string, string>> = { cpu: '250m', memory: '512Mi' };

type Env = Record<string, unknown> & { name: string };
type Quantities = Record<string, string>;

/** Where each variable's value comes from, in the order of the contract. */
function env({ metadata, spec }: ModelDeployment, inputs: ServingInputs): Env[] {
  const { model, serving } = spec;
  const values: Record<string, string | undefined> = {
    [servingEnv.modelName]: metadata.name,
    [servingEnv.modelUri]: model.uri,
    [servingEnv.modelDigest]: model.digest,
    [servingEnv.task]: model.task,
    [servingEnv.batchMaxSize]: String(serving.batching.maxSize),
    [servingEnv.batchMaxDelayMs]: String(durationMs(serving.batching.maxDelay)),
    [servingEnv.queueMaxLength]: String(serving.queue.maxLength),
    [servingEnv.timeoutMs]: String(durationMs(serving.timeout)),
    [servingEnv.warmup]: String(serving.warmup),
    [servingEnv.executionProvider]: spec.accelerator === undefined ? 'cpu' : 'cuda',
    [servingEnv.s3Endpoint]: model.storage?.endpoint,
    [servingEnv.s3Region]: model.storage?.region,
    [servingEnv.storageAllowedCidrs]: inputs.storageAllowedCidrs.join(',') || undefined,
    [servingEnv.cacheDir]: paths.cache,
    [servingEnv.volumesDir]: paths.volumes,
    [servingEnv.pinDir]: paths.pin,
    [servingEnv.drainDelayMs]: String(drainDelayMs),
    [servingEnv.logLevel]: inputs.logLevel,
    [servingEnv.allowFileUris]: inputs.allowFileUris ? 'true' : undefined,
  };
  const plain = Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }]));
  const fieldRef = (name: string, fieldPath: string): Env => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  return [
    ...plain,
    fieldRef(servingEnv.podIp, 'status.podIP'),
    fieldRef(servingEnv.podName, 'metadata.name'),
    ...storageEnv(model),
  ];
}

/** References, so that the kubelet reads what the operator never sees, and a missing one shows in the pod's status. */
function storageEnv({ uri = '', storage }: ModelDeploymentSpec['model']): Env[] {
  const { scheme } = modelUri(uri);
  const keys = scheme === 's3' ? credentialKeys.s3 : /^https?$/.test(scheme) ? credentialKeys.http : undefined;
  const secret = storage?.credentialsSecretRef?.name;
  const ca = storage?.caConfigMapRef?.name;
  const fromSecret = (name: string, optional: boolean): Env => ({
    name,
    valueFrom: { secretKeyRef: { name: secret, key: name, ...(optional ? { optional } : {}) } },
  });
  const credentials =
    secret === undefined || keys === undefined
      ? []
      : [...keys.required.map((key) => fromSecret(key, false)), ...keys.optional.map((key) => fromSecret(key, true))];
  const trust: Env[] =
    ca === undefined
      ? []
      : [{ name: servingEnv.storageCa, valueFrom: { configMapKeyRef: { name: ca, key: caConfigMapKey } } }];
  return [...credentials, ...trust];
}

const canonical = (given: Readonly<Record<string, string | number>> = {}): Quantities =>
  Object.fromEntries(Object.entries(given).map(([name, amount]) => [name, canonicalQuantity(amount)]));

function resources({ resources: given, accelerator }: ModelDeploymentSpec): Record<string, Quantities> {
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

function volumes({ model, podTemplate }: ModelDeploymentSpec, name: string): object[] {
  const { claim } = modelUri(model.uri ?? '');
  return [
    { name: 'modelyard-cache', emptyDir: {} },
    { name: 'modelyard-tmp', emptyDir: {} },
    { name: 'modelyard-pin', configMap: { name: servingNames(name).pin, optional: true } },
    ...(claim === undefined
      ? []
      : [{ name: 'modelyard-model', persistentVolumeClaim: { claimName: claim, readOnly: true } }]),
    ...(podTemplate?.volumes ?? []),
  ];
}

function volumeMounts({ model, podTemplate }: ModelDeploymentSpec): object[] {
  const { claim } = modelUri(model.uri ?? '');
  return [
    { name: 'modelyard-cache', mountPath: paths.cache },
    { name: 'modelyard-tmp', mountPath: '/tmp' },
    { name: 'modelyard-pin', mountPath: paths.pin, readOnly: true },
    ...(claim === undefined
      ? []
      : [{ name: 'modelyard-model', mountPath: `${paths.volumes}/${claim}`, readOnly: true }]),
    ...(podTemplate?.volumeMounts ?? []),
  ];
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

function container(owner: ModelDeployment, inputs: ServingInputs): object {
  const { spec } = owner;
  return {
    name: 'runtime',
    image: inputs.image,
    ...(inputs.imagePullPolicy === undefined ? {} : { imagePullPolicy: inputs.imagePullPolicy }),
    command: ['node', 'runtime/serve.ts'],
    workingDir: '/app',
    ports: Object.entries(ports).map(([name, containerPort]) => ({ name, containerPort })),
    env: env(owner, inputs),
    resources: resources(spec),
    ...probes(),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
    volumeMounts: volumeMounts(spec),
  };
}

/** Settings that pass through as they are given. */
function placement({ podTemplate }: ModelDeploymentSpec, name: string): object {
  if (podTemplate === undefined) return {};
  const { nodeSelector, tolerations, affinity, topologySpreadConstraints, imagePullSecrets } = podTemplate;
  const { priorityClassName, runtimeClassName, schedulerName } = podTemplate;
  const spread = topologySpreadConstraints?.map((constraint) => ({
    labelSelector: { matchLabels: servingSelector(name) },
    ...constraint,
  }));
  const given = { nodeSelector, tolerations, affinity, imagePullSecrets, priorityClassName, runtimeClassName };
  return Object.fromEntries(
    Object.entries({ ...given, schedulerName, topologySpreadConstraints: spread }).filter(
      ([, value]) => value !== undefined,
    ),
  );
}

export interface PodTemplate {
  metadata: { labels: Record<string, string>; annotations?: Record<string, string> };
  spec: object;
}

export interface ShapedPod {
  template: PodTemplate;
  /** Names the shape; see `revisionOf`. */
  revision: string;
}

/**
 * The one place where pods are shaped. Every pod passes the `restricted` Pod Security Standard, holds no token, writes
 * only to emptyDirs, and carries labels of ours that a spec cannot replace.
 */
export function servingPod(owner: ModelDeployment, inputs: ServingInputs): ShapedPod {
  const { metadata } = owner;
  const { podTemplate } = owner.spec;
  const spec = { ...owner.spec, ...(podTemplate === undefined ? {} : { podTemplate: asStored(podTemplate) }) };
  const given = spec.podTemplate?.metadata;
  const podSpec = {
    serviceAccountName: spec.serviceAccountName ?? servingNames(metadata.name).workload,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: Math.ceil((drainDelayMs + durationMs(spec.serving.timeout)) / 1_000) + exitSeconds,
    securityContext: {
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
      ...spec.podTemplate?.securityContext,
    },
    ...placement(spec, metadata.name),
    containers: [container({ ...owner, spec }, inputs)],
    volumes: volumes(spec, metadata.name),
  };
  const annotations = given?.annotations;
  const ownLabels = { ...given?.labels, ...servingLabels(metadata.name) };
  const revision = revisionOf({ labels: ownLabels, annotations, spec: podSpec });
  return {
    revision,
    template: {
      metadata: {
        labels: { ...ownLabels, [labels.revision]: revision },
        ...(annotations === undefined ? {} : { annotations }),
      },
      spec: podSpec,
    },
  };
}
