import type { TrainingJob } from '../../api/training-job.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import { trainingMetadata, trainingNames } from '../metadata.ts';

/** An identity without a token and without a right. */
export function serviceAccount(owner: TrainingJob): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: trainingMetadata(owner, trainingNames(owner.metadata.name).workload),
    automountServiceAccountToken: false,
  };
}
