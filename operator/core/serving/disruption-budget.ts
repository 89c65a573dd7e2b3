import type { ModelDeployment } from '../../api/model-deployment.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import { servingMetadata, servingNames, servingSelector } from '../metadata.ts';

/** Draining nodes takes one pod at a time. With one replica there is none: it would only block the drain. */
export function disruptionBudget(owner: ModelDeployment): KubeObject | undefined {
  const { name } = owner.metadata;
  if (owner.spec.replicas <= 1) return undefined;
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: servingMetadata(owner, servingNames(name).workload),
    spec: {
      maxUnavailable: 1,
      selector: { matchLabels: servingSelector(name) },
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    },
  };
}
