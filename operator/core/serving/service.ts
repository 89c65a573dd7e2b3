import { ports } from '../../../runtime/contract.ts';
import type { ModelDeployment } from '../../api/model-deployment.gen.ts';
import type { KubeObject } from '../../kube/object.ts';
import { servingMetadata, servingNames, servingSelector } from '../metadata.ts';
import { torchServePorts } from './torchserve.ts';

/** Where the model answers: REST on 80, or with TLS on 443, gRPC on 9000, TorchServe's calls, where they are on, on 8085. Never the admin port. */
export function service(owner: ModelDeployment): KubeObject {
  const { name } = owner.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: servingMetadata(owner, servingNames(name).service),
    spec: {
      type: 'ClusterIP',
      selector: servingSelector(name),
      ports: [
        ...(owner.spec.access?.tls === undefined ? plainPorts : securePorts),
        ...torchServePorts(owner.spec.serving),
      ],
    },
  };
}

const plainPorts = [
  { name: 'http', port: 80, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' },
  { name: 'grpc', port: ports.grpc, targetPort: 'grpc', protocol: 'TCP', appProtocol: 'kubernetes.io/h2c' },
];

const securePorts = [
  { name: 'https', port: 443, targetPort: 'https', protocol: 'TCP', appProtocol: 'https' },
  { name: 'grpc', port: ports.grpc, targetPort: 'grpcs', protocol: 'TCP', appProtocol: 'https' },
];
