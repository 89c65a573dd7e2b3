import { trainingPorts } from '../../../runtime/training-contract.ts';
import type { TrainingJob } from '../../api/training-job.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import { trainingMetadata, trainingNames, trainingSelector } from '../metadata.ts';
import { policyFor, tcp } from '../network-policy.ts';

/** The roles of one job reach each other, and nobody else reaches them; the rest as for all pods of ours. */
export function networkPolicy(owner: TrainingJob, operatorNamespace: string): KubeObject {
  const { name } = owner.metadata;
  return policyFor({
    metadata: trainingMetadata(owner, trainingNames(name).workload),
    selector: trainingSelector(name),
    ingress: {
      from: [{ podSelector: { matchLabels: trainingSelector(name) } }],
      ports: tcp(trainingPorts.transport),
    },
    operatorNamespace,
  });
}
