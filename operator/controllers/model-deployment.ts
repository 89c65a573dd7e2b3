import type { ModelDeployment, ModelDeploymentStatus } from '../api/model-deployment.gen.ts';
import type { TrainingJob } from '../api/training-job.gen.ts';
import { labels, managedBy } from '../core/metadata.ts';
import type { PodReport, ServingInputs, ServingObserved } from '../core/serving/observed.ts';
import { render } from '../core/serving/render.ts';
import type { Definition, ReadStores, Source } from '../kube/definition.ts';
import { keyOf, type Key, type KubeObject } from '../kube/object.ts';
import { modelDeploymentKind, podKind, servingKinds, trainingJobKind } from './kinds.ts';

/** What does not change while the operator runs. */
export type ServingConfig = Omit<ServingInputs, 'now'>;

/** What pods said last, and the source that asks them. */
export interface ReportSource extends Source {
  get(pod: KubeObject): PodReport | undefined;
}

const ours = `${labels.managedBy}=${managedBy}`;

function deploymentKey({ metadata: { namespace, labels: own } }: KubeObject): Key[] {
  const name = own?.[labels.deployment];
  return name === undefined ? [] : [keyOf({ metadata: { name, ...(namespace === undefined ? {} : { namespace }) } })];
}

const lineageOf = ({ spec }: ModelDeployment): string | undefined => spec.model?.trained?.name;

/** The deployments that a job which is over may be of interest to. */
function followers(object: KubeObject, stores: ReadStores): Key[] {
  const { metadata, spec, status } = object as TrainingJob;
  if (status?.completionTime === undefined) return [];
  return stores(modelDeploymentKind)
    .list(metadata.namespace)
    .filter((deployment) => lineageOf(deployment as ModelDeployment) === spec.output.modelName)
    .map(keyOf);
}

/** The jobs that wrote, or will write, versions of the lineage that a deployment follows. */
function jobsOf(owner: ModelDeployment, stores: ReadStores): TrainingJob[] {
  const lineage = lineageOf(owner);
  if (lineage === undefined) return [];
  return (stores(trainingJobKind).list(owner.metadata.namespace) as readonly TrainingJob[]).filter(
    ({ spec }) => spec.output.modelName === lineage,
  );
}

/** Where a deployment answers inside a cluster. */
export const clusterUrl = (namespace: string, name: string, isSecure: boolean): string =>
  `${isSecure ? 'https' : 'http'}://${name}.${namespace}.svc`;

/** Turns ModelDeployments into pods that serve. */
export function modelDeploymentController(
  config: ServingConfig,
  reports: ReportSource,
): Definition<ServingObserved, ModelDeploymentStatus> {
  return {
    name: 'model-deployment',
    kind: modelDeploymentKind,
    owns: servingKinds.map((kind) => ({ kind, labelSelector: ours })),
    watches: [
      { kind: podKind, labelSelector: `${ours},${labels.component}=serving`, keysOf: deploymentKey },
      { kind: trainingJobKind, keysOf: followers },
    ],
    sources: [reports],
    observe(key, stores, refusals) {
      const owner = stores(modelDeploymentKind).get(key) as ModelDeployment | undefined;
      if (owner === undefined) return undefined;
      const { name, namespace } = owner.metadata;
      const pods = stores(podKind)
        .list(namespace)
        .filter(({ metadata }) => metadata.labels?.[labels.deployment] === name);
      return {
        owner,
        children: servingKinds.flatMap((kind) => [...stores(kind).ownedBy(owner)]),
        pods,
        reports: new Map(
          pods.flatMap((pod) => {
            const report = reports.get(pod);
            return report === undefined ? [] : [[pod.metadata.name, report]];
          }),
        ),
        jobs: jobsOf(owner, stores),
        refusals,
      };
    },
    render: (observed, now) => render(observed, { ...config, now }),
    ownerOf: ({ owner }) => owner,
    childrenOf: ({ children }) => children,
  };
}
