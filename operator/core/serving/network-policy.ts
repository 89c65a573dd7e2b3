import { ports } from '../../../runtime/contract.ts';
import type { ModelDeployment } from '../../api/model-deployment.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import { servingMetadata, servingNames, servingSelector } from '../metadata.ts';
import { policyFor, tcp } from '../network-policy.ts';
import { torchServeIngress } from './torchserve.ts';

/** Requests from anywhere; the rest as for all pods of ours. */
export function networkPolicy(owner: ModelDeployment, operatorNamespace: string): KubeObject {
  const { name } = owner.metadata;
  return policyFor({
    metadata: servingMetadata(owner, servingNames(name).workload),
    selector: servingSelector(name),
    ingress: { ports: tcp(ports.http, ports.grpc, ...torchServeIngress(owner.spec.serving)) },
    operatorNamespace,
  });
}
