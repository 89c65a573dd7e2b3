import type { ModelDeployment } from '../../api/model-deployment.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import { servingMetadata, servingNames, servingSelector } from '../metadata.ts';
import type { PodTemplate } from './pod.ts';

/** The pods of a deployment. A rollout starts new ones before it stops any: no request finds nobody. */
export function deployment(owner: ModelDeployment, template: PodTemplate): KubeObject {
  const { name } = owner.metadata;
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: servingMetadata(owner, servingNames(name).workload),
    spec: {
      replicas: owner.spec.replicas,
      selector: { matchLabels: servingSelector(name) },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 0, maxSurge: '25%' } },
      revisionHistoryLimit: 2,
      template,
    },
  };
}
