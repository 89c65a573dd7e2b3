import { fileURLToPath } from 'node:url';
import type { KubeObject } from '../../operator/kube/object.ts';
import type { Kubectl } from './kubectl.ts';

const crdFolder = fileURLToPath(new URL('../../crds/', import.meta.url));

/** Applies the CRDs and waits until the API server serves them. */
export async function installCrds(kubectl: Kubectl): Promise<void> {
  await kubectl(['apply', '--server-side', '--filename', crdFolder]);
  await kubectl(['wait', '--for=condition=Established', '--timeout=60s', '--filename', crdFolder]);
  // Established is said a moment before objects can be listed; kubectl asks again until then.
  await kubectl(['get', '--all-namespaces', 'modeldeployments.modelyard.dev,trainingjobs.modelyard.dev']);
}

/** A namespace that takes only pods of the `restricted` Pod Security Standard. */
export function restrictedNamespace(name: string): KubeObject {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}
