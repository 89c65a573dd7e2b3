import { ports } from '../../../runtime/contract.ts';
import type { ModelDeployment } from '../../api/model-deployment.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import { servingMetadata, labels, servingNames, servingSelector } from '../metadata.ts';

const tcp = (...numbers: number[]): object[] => numbers.map((port) => ({ protocol: 'TCP', port }));

/**
 * Requests from anywhere; reports and metrics only for the operator and for namespaces labelled for it; out to anywhere
 * but link-local addresses, where clouds answer with credentials. DNS is let through, for node-local caches live there.
 */
export function networkPolicy(owner: ModelDeployment, operatorNamespace: string): KubeObject {
  const { name } = owner.metadata;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: servingMetadata(owner, servingNames(name).workload),
    spec: {
      podSelector: { matchLabels: servingSelector(name) },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        { ports: tcp(ports.http, ports.grpc) },
        {
          from: [
            { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': operatorNamespace } } },
            { namespaceSelector: { matchLabels: { [labels.metrics]: 'true' } } },
          ],
          ports: tcp(ports.admin),
        },
      ],
      egress: [
        {
          to: [
            { ipBlock: { cidr: '0.0.0.0/0', except: ['169.254.0.0/16'] } },
            { ipBlock: { cidr: '::/0', except: ['fe80::/10'] } },
            { namespaceSelector: {} },
          ],
        },
        { ports: [{ protocol: 'UDP', port: 53 }, ...tcp(53)] },
      ],
    },
  };
}
