import { trainingPorts } from '../../../runtime/training-contract.ts';
import type { TrainingJob } from '../../api/training-job.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import { trainingMetadata, trainingNames, trainingSelector } from '../metadata.ts';

/** Gives every pod its name in DNS, also before it is ready: the roles need each other to become so. */
export function service(owner: TrainingJob): KubeObject {
  const { name } = owner.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: trainingMetadata(owner, trainingNames(name).workload),
    spec: {
      type: 'ClusterIP',
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: trainingSelector(name),
      ports: [
        {
          name: 'transport',
          port: trainingPorts.transport,
          targetPort: trainingPorts.transport,
          protocol: 'TCP',
        },
      ],
    },
  };
}
