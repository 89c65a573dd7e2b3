import { ports } from '../../runtime/contract.ts';
import type { KubeObject, ObjectMeta } from '../kube/object.ts';
import { labels } from './metadata.ts';

export const tcp = (...numbers: number[]): object[] => numbers.map((port) => ({ protocol: 'TCP', port }));

export interface PolicyParts {
  metadata: ObjectMeta;
  /** The pods it is about. */
  selector: Readonly<Record<string, string>>;
  /** Who may reach what the pods are there for. */
  ingress: object;
  operatorNamespace: string;
}

/**
 * Beside `ingress`, reports and metrics only for the operator and for namespaces labelled for it; out to anywhere but link-local
 * addresses, where clouds answer with credentials. DNS is let through, for node-local caches live there.
 */
export function policyFor({ metadata, selector, ingress, operatorNamespace }: PolicyParts): KubeObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata,
    spec: {
      podSelector: { matchLabels: selector },
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        ingress,
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
