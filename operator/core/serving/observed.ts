import type { ServingReport } from '../../../runtime/contract.ts';
import type { ModelDeployment, ModelDeploymentStatus } from '../../api/model-deployment.gen.ts';
import type { TrainingJob } from '../../api/training-job.gen.ts';
import type { Refusal } from '../../kube/definition.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { RuntimeInputs } from '../inputs.ts';
import type { Pod } from '../objects.ts';

/** Everything a decision about one ModelDeployment is taken on. */
export interface ServingObserved {
  owner: ModelDeployment;
  /** What the owner controls. */
  children: readonly KubeObject[];
  /** By name. */
  pods: readonly Pod[];
  /** Of those pods, by pod name. Not trusted beyond its schema. */
  reports: ReadonlyMap<string, ServingReport>;
  /** The TrainingJobs of the lineage that the spec names, in the same namespace. */
  jobs: readonly TrainingJob[];
  /** The version of it that is served, once that is decided. */
  trained?: NonNullable<ModelDeploymentStatus['trained']>;
  /** What the last attempt was refused. */
  refusals: readonly Refusal[];
}

/** What the operator was configured with. */
export interface ServingInputs extends RuntimeInputs {
  /** Where a deployment answers. */
  url(namespace: string, name: string): string;
}
