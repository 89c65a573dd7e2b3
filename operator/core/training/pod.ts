import { paths, servingEnv } from '../../../runtime/contract.ts';
import {
  jobFileName,
  locationPrefixes,
  trainingEnv,
  trainingPaths,
  trainingPorts,
  type TrainingRole,
} from '../../../runtime/training-contract.ts';
import type { TrainingJob } from '../../api/training-job.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import { labels, trainingMetadata, trainingNames, trainingSelector } from '../metadata.ts';
import { modelUri } from '../model-uri.ts';
import {
  type Env,
  plainEnv,
  podEnv,
  type PodSettings,
  podSpec,
  runtimeContainer,
  storageEnv,
  volumeAccess,
} from '../pod-template.ts';
import type { TrainingInputs } from './observed.ts';
import { type NamedPlace, placesOf, rolePlaces, type TrainSpec } from './places.ts';
import { type Predecessors, predecessorsAnnotation } from './predecessors.ts';

/** Servers write a checkpoint when they are told to stop. */
const graceSeconds = 60;
/** How long a pod stays on a node that nobody hears of. */
const tolerationSeconds = 30;

/** Where each parameter server is found, in order. */
function serverAddresses({ metadata, spec }: TrainingJob): string {
  const { workload, parameterServer } = trainingNames(metadata.name);
  const domain = `${workload}.${metadata.namespace ?? 'default'}.svc`;
  return Array.from(
    { length: spec.parameterServers.replicas },
    (_, index) => `${parameterServer(index)}.${domain}:${trainingPorts.transport}`,
  ).join(',');
}

function env(
  owner: TrainingJob,
  role: TrainingRole,
  index: number,
  places: NamedPlace[],
  inputs: TrainingInputs,
): Env[] {
  const { transport, workers } = owner.spec;
  const plain = plainEnv({
    [trainingEnv.role]: role,
    [trainingEnv.index]: String(index),
    [trainingEnv.jobFile]: `${trainingPaths.job}/${jobFileName}`,
    [trainingEnv.parameterServers]: serverAddresses(owner),
    [trainingEnv.tlsDir]: transport === undefined ? undefined : trainingPaths.tls,
    [trainingEnv.executionProvider]: role === 'Worker' && workers.accelerator !== undefined ? 'cuda' : 'cpu',
    [servingEnv.storageAllowedCidrs]: inputs.storageAllowedCidrs.join(',') || undefined,
    [servingEnv.cacheDir]: paths.cache,
    [servingEnv.volumesDir]: paths.volumes,
    [servingEnv.logLevel]: inputs.logLevel,
    [servingEnv.allowFileUris]: inputs.allowFileUris ? 'true' : undefined,
  });
  const reached = places.flatMap(([name, { uri, storage }]) => storageEnv([uri], storage, locationPrefixes[name]));
  return [...plain, ...podEnv(), ...reached];
}

/** The claims of all places, each once, and whether anything is written to it. */
function claimsOf(places: NamedPlace[]): [claim: string, writes: boolean][] {
  const claims = new Map<string, boolean>();
  for (const [, { uri, writes }] of places) {
    const { claim } = modelUri(uri);
    if (claim !== undefined) claims.set(claim, writes || claims.get(claim) === true);
  }
  return [...claims];
}

function volumes(owner: TrainingJob, places: NamedPlace[]): { volumes: object[]; volumeMounts: object[] } {
  const tls = owner.spec.transport?.tlsSecretRef.name;
  const claims = claimsOf(places).map(([claimName, writes], index) => ({
    volume: {
      name: `modelyard-claim-${index}`,
      persistentVolumeClaim: { claimName, ...(writes ? {} : { readOnly: true }) },
    },
    mount: {
      name: `modelyard-claim-${index}`,
      mountPath: `${paths.volumes}/${claimName}`,
      ...(writes ? {} : { readOnly: true }),
    },
  }));
  return {
    volumes: [
      { name: 'modelyard-cache', emptyDir: {} },
      { name: 'modelyard-tmp', emptyDir: {} },
      { name: 'modelyard-job', configMap: { name: trainingNames(owner.metadata.name).job } },
      ...(tls === undefined ? [] : [{ name: 'modelyard-tls', secret: { secretName: tls } }]),
      ...claims.map(({ volume }) => volume),
    ],
    volumeMounts: [
      { name: 'modelyard-cache', mountPath: paths.cache },
      { name: 'modelyard-tmp', mountPath: '/tmp' },
      { name: 'modelyard-job', mountPath: trainingPaths.job, readOnly: true },
      ...(tls === undefined ? [] : [{ name: 'modelyard-tls', mountPath: trainingPaths.tls, readOnly: true }]),
      ...claims.map(({ mount }) => mount),
    ],
  };
}

/** What the spec says, with our own answer to nodes that are lost. */
function settingsOf(given: PodSettings | undefined): PodSettings {
  const tolerated = given?.tolerations ?? [];
  const lost = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']
    .filter((key) => !tolerated.some((toleration) => toleration.key === key))
    .map((key) => ({ key, operator: 'Exists' as const, effect: 'NoExecute' as const, tolerationSeconds }));
  return { ...given, tolerations: [...tolerated, ...lost] };
}

export interface RolePod {
  role: TrainingRole;
  index: number;
  /** Of the pods that had this name before. */
  predecessors: Predecessors | undefined;
}

/**
 * A pod of a job. It is found by its name, whichever incarnation it is. The kubelet starts its container again when that fails, so a
 * crash heals while no operator runs.
 */
export function rolePod(
  owner: TrainingJob,
  train: TrainSpec,
  { role, index, predecessors }: RolePod,
  inputs: TrainingInputs,
): KubeObject {
  const { name } = owner.metadata;
  const names = trainingNames(name);
  const podName = role === 'Worker' ? names.worker(index) : names.parameterServer(index);
  const spec = role === 'Worker' ? owner.spec.workers : owner.spec.parameterServers;
  const given = spec.podTemplate?.metadata;
  const places = rolePlaces(role, placesOf(owner, train));
  const { volumes: podVolumes, volumeMounts } = volumes(owner, places);
  const metadata = trainingMetadata(owner, podName);
  const annotations = { ...given?.annotations, ...predecessorsAnnotation(predecessors) };
  const shape = podSpec({
    serviceAccountName: names.workload,
    terminationGracePeriodSeconds: graceSeconds,
    settings: settingsOf(spec.podTemplate),
    securityContext: volumeAccess,
    selector: trainingSelector(name),
    container: runtimeContainer(
      {
        program: 'train.ts',
        ports: trainingPorts,
        env: env(owner, role, index, places, inputs),
        resources: spec,
        volumeMounts,
      },
      inputs,
    ),
    volumes: podVolumes,
  });
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...metadata,
      labels: { ...given?.labels, ...metadata.labels, [labels.role]: role, [labels.index]: String(index) },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    spec: { hostname: podName, subdomain: names.workload, restartPolicy: 'OnFailure', ...shape },
  };
}
