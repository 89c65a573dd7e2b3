import { drainDelayMs, modelsFile, paths, servingEnv, tracesSampler, tracingEnv } from '../../../runtime/contract.ts';
import type { ModelDeployment, ModelDeploymentSpec } from '../../api/model-deployment.gen.ts';
import { wholeQuantity } from '../../api/quantity.ts';
import { asStored } from '../as-stored.ts';
import { durationMs } from '../duration.ts';
import { labels, revisionOf, servingLabels, servingNames, servingSelector } from '../metadata.ts';
import { type Env, plainEnv, podEnv, podSpec, runtimeContainer, storageEnv, volumeAccess } from '../pod-template.ts';
import { accessEnv, servingPorts } from './access.ts';
import { claimsOf, modelsOf, modelStorage } from './models.ts';
import { volumeMountOf, volumeOf } from './mounted-objects.ts';
import { objectsOf } from './mounts.ts';
import type { CacheSpec, ServingInputs } from './observed.ts';
import { torchServeContainerPorts, torchServeEnv } from './torchserve.ts';

/** The part of a pod's life after its requests are done: closing, flushing, exiting. */
const exitSeconds = 5;

/** What is served. Several models are read from a file, so that another list is no other pod. */
function modelEnv({ metadata, spec }: ModelDeployment): Record<string, string | undefined> {
  const { model, models, serving } = spec;
  if (models !== undefined) {
    const { memoryBudget } = serving;
    return {
      [servingEnv.modelsFile]: `${paths.models}/${modelsFile}`,
      [servingEnv.memoryBudget]: bytesIn(memoryBudget),
    };
  }
  return {
    [servingEnv.modelName]: metadata.name,
    [servingEnv.modelUri]: model?.uri,
    [servingEnv.modelDigest]: model?.digest,
    [servingEnv.task]: model?.task,
  };
}

/** Where each variable's value comes from, in the order of the contract. */
function env(owner: ModelDeployment, inputs: ServingInputs): Env[] {
  const { spec } = owner;
  const { serving } = spec;
  const storage = modelStorage(spec);
  const plain = plainEnv({
    ...modelEnv(owner),
    [servingEnv.batchMaxSize]: String(serving.batching.maxSize),
    [servingEnv.batchMaxDelayMs]: String(durationMs(serving.batching.maxDelay)),
    [servingEnv.queueMaxLength]: String(serving.queue.maxLength),
    [servingEnv.timeoutMs]: String(durationMs(serving.timeout)),
    [servingEnv.warmup]: String(serving.warmup),
    [servingEnv.modelControl]: serving.modelControl === 'None' ? undefined : serving.modelControl,
    ...torchServeEnv(serving),
    [servingEnv.accessLog]: serving.accessLog === 'None' ? undefined : serving.accessLog,
    [servingEnv.executionProvider]: spec.accelerator === undefined ? 'cpu' : 'cuda',
    [servingEnv.endpoint]: storage?.endpoint,
    [servingEnv.region]: storage?.region,
    [servingEnv.storageAllowedCidrs]: inputs.storageAllowedCidrs.join(',') || undefined,
    [servingEnv.cacheDir]: paths.cache,
    [servingEnv.cacheMaxBytes]: bytesIn(cacheOf(spec, inputs).maxSize),
    [servingEnv.volumesDir]: paths.volumes,
    [servingEnv.pinDir]: paths.pin,
    [servingEnv.drainDelayMs]: String(drainDelayMs),
    [servingEnv.logLevel]: inputs.logLevel,
    [servingEnv.allowFileUris]: inputs.allowFileUris ? 'true' : undefined,
    ...tracingVariables(owner.metadata, inputs),
  });
  const uris = modelsOf(spec).flatMap(({ uri }) => uri ?? []);
  return [...plain, ...accessEnv(spec.access), ...podEnv(), ...storageEnv(uris, storage)];
}

/** As the runtime reads numbers. */
const maxBytes = 10n ** 15n - 1n;

function bytesIn(quantity: string | number | undefined): string | undefined {
  if (quantity === undefined) return undefined;
  const bytes = wholeQuantity(quantity);
  return String(bytes < maxBytes ? bytes : maxBytes);
}

/** Spans name their deployment as a service of its namespace. */
function tracingVariables(
  { name, namespace = 'default' }: ModelDeployment['metadata'],
  { tracing }: ServingInputs,
): Record<string, string> {
  if (tracing === undefined) return {};
  return {
    [tracingEnv.endpoint]: tracing.endpoint,
    [tracingEnv.sampler]: tracesSampler,
    [tracingEnv.samplingRatio]: String(tracing.samplingRatio),
    [tracingEnv.serviceName]: name,
    [tracingEnv.resourceAttributes]: `service.namespace=${namespace},k8s.namespace.name=${namespace}`,
  };
}

/** The volume of a claim with models. The first one's name is as old as the operator: another would be a rollout. */
const claimVolume = (index: number): string => (index === 0 ? 'modelyard-model' : `modelyard-model-${index}`);

const cacheOf = ({ serving }: ModelDeploymentSpec, inputs: ServingInputs): CacheSpec => ({
  ...inputs.cache,
  ...serving.cache,
});

function volumes(spec: ModelDeploymentSpec, name: string, inputs: ServingInputs): object[] {
  const { persistentVolumeClaim } = cacheOf(spec, inputs);
  const claims = claimsOf(spec).map(({ name: claimName }, index) => ({
    name: claimVolume(index),
    persistentVolumeClaim: { claimName, readOnly: true },
  }));
  return [
    { name: 'modelyard-cache', ...(persistentVolumeClaim ? { persistentVolumeClaim } : { emptyDir: {} }) },
    { name: 'modelyard-tmp', emptyDir: {} },
    { name: 'modelyard-pin', configMap: { name: servingNames(name).pin, optional: true } },
    ...(spec.models === undefined
      ? []
      : [{ name: 'modelyard-models', configMap: { name: servingNames(name).models } }]),
    ...claims,
    ...objectsOf(spec).map(volumeOf),
    ...(spec.podTemplate?.volumes ?? []),
  ];
}

function volumeMounts(spec: ModelDeploymentSpec): object[] {
  const claims = claimsOf(spec).map(({ name }, index) => ({
    name: claimVolume(index),
    mountPath: `${paths.volumes}/${name}`,
    readOnly: true,
  }));
  return [
    { name: 'modelyard-cache', mountPath: paths.cache },
    { name: 'modelyard-tmp', mountPath: '/tmp' },
    { name: 'modelyard-pin', mountPath: paths.pin, readOnly: true },
    ...(spec.models === undefined ? [] : [{ name: 'modelyard-models', mountPath: paths.models, readOnly: true }]),
    ...claims,
    ...objectsOf(spec).map(volumeMountOf),
    ...(spec.podTemplate?.volumeMounts ?? []),
  ];
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

/** A pod that serves. It carries labels of ours that a spec cannot replace. */
export function servingPod(owner: ModelDeployment, inputs: ServingInputs): ShapedPod {
  const { metadata } = owner;
  const { podTemplate } = owner.spec;
  const spec = { ...owner.spec, ...(podTemplate === undefined ? {} : { podTemplate: asStored(podTemplate) }) };
  const given = spec.podTemplate?.metadata;
  const container = runtimeContainer(
    {
      program: 'serve.ts',
      ports: { ...servingPorts(spec.access?.tls), ...torchServeContainerPorts(spec.serving) },
      env: env(owner, inputs),
      resources: spec,
      volumeMounts: volumeMounts(spec),
    },
    inputs,
  );
  const shape = podSpec({
    serviceAccountName: spec.serviceAccountName ?? servingNames(metadata.name).workload,
    terminationGracePeriodSeconds: Math.ceil((drainDelayMs + durationMs(spec.serving.timeout)) / 1_000) + exitSeconds,
    settings: spec.podTemplate,
    ...(cacheOf(spec, inputs).persistentVolumeClaim && { securityContext: volumeAccess }),
    selector: servingSelector(metadata.name),
    container,
    volumes: volumes(spec, metadata.name, inputs),
  });
  const annotations = given?.annotations;
  const ownLabels = { ...given?.labels, ...servingLabels(metadata.name) };
  const revision = revisionOf({ labels: ownLabels, annotations, spec: shape });
  return {
    revision,
    template: {
      metadata: {
        labels: { ...ownLabels, [labels.revision]: revision },
        ...(annotations === undefined ? {} : { annotations }),
      },
      spec: shape,
    },
  };
}
