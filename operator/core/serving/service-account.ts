import type { ModelDeployment } from '../../api/model-deployment.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import { servingMetadata, servingNames } from '../metadata.ts';

/** An identity without a token and without a right; none where the spec names one. */
export function serviceAccount(owner: ModelDeployment): KubeObject | undefined {
  if (owner.spec.serviceAccountName !== undefined) return undefined;
  return {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: servingMetadata(owner, servingNames(owner.metadata.name).workload),
    automountServiceAccountToken: false,
  };
}
