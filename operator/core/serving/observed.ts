import type { ServingReport, SharedServingReport } from '../../../runtime/contract.ts';
import type { ModelDeployment, ModelDeploymentStatus } from '../../api/model-deployment.gen.ts';
import type { TrainingJob } from '../../api/training-job.gen.ts';
import type { Refusal } from '../../kube/definition.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { RuntimeInputs } from '../inputs.ts';
import { labels } from '../metadata.ts';
import type { Pod } from '../objects.ts';

/** What a pod says: of its model, or of the several that share it. */
export type PodReport = ServingReport | SharedServingReport;

/** Everything a decision about one ModelDeployment is taken on. */
export interface ServingObserved {
  owner: ModelDeployment;
  /** What the owner controls. */
  children: readonly KubeObject[];
  /** By name. */
  pods: readonly Pod[];
  /** Of those pods, by pod name. Not trusted beyond its schema. */
  reports: ReadonlyMap<string, PodReport>;
  /** The TrainingJobs of the lineage that the spec names, in the same namespace. */
  jobs: readonly TrainingJob[];
  /** The version of it that is served, once that is decided. */
  trained?: NonNullable<ModelDeploymentStatus['trained']>;
  /** What the last attempt was refused. */
  refusals: readonly Refusal[];
}

export type CacheSpec = NonNullable<ModelDeployment['spec']['serving']['cache']>;

/** What the operator was configured with. */
export interface ServingInputs extends RuntimeInputs {
  /** Where a deployment answers, with TLS or without. */
  url(namespace: string, name: string, isSecure: boolean): string;
  /** What holds where the spec says nothing of it. */
  cache?: CacheSpec;
}

/** The pods of one revision that are not on their way out, by name. */
export function podsOf({ pods }: ServingObserved, revision: string): Pod[] {
  return pods
    .filter(
      ({ metadata }) => metadata.labels?.[labels.revision] === revision && metadata.deletionTimestamp === undefined,
    )
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}
