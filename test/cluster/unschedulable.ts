import { setTimeout as delay } from 'node:timers/promises';
import { labels } from '../../operator/core/metadata.ts';
import type { Kubectl } from './kubectl.ts';

const apiVersion = 'admissionregistration.k8s.io/v1';
const policyName = 'unschedulable';
const nowhere = 'modelyard.test/nowhere';

/** Makes pods ask for a node that there is not, so that the real scheduler finds none. Bindings say which pods. */
const policy = {
  apiVersion,
  kind: 'MutatingAdmissionPolicy',
  metadata: { name: policyName },
  spec: {
    matchConstraints: {
      resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }],
    },
    failurePolicy: 'Fail',
    reinvocationPolicy: 'Never',
    mutations: [
      {
        patchType: 'JSONPatch',
        jsonPatch: {
          expression: `[JSONPatch{op: 'add', path: '/spec/nodeSelector', value: {'${nowhere}': 'true'}}]`,
        },
      },
    ],
  },
};

function bindingOf(namespace: string, deployment: string): unknown {
  return {
    apiVersion,
    kind: 'MutatingAdmissionPolicyBinding',
    metadata: { name: `${namespace}.${deployment}` },
    spec: {
      policyName,
      matchResources: {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        objectSelector: { matchLabels: { [labels.deployment]: deployment } },
      },
    },
  };
}

/** Only asked about, never made. */
function probeOf(namespace: string, deployment: string): unknown {
  const securityContext = {
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'] },
    seccompProfile: { type: 'RuntimeDefault' },
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'probe-', namespace, labels: { [labels.deployment]: deployment } },
    spec: { containers: [{ name: 'probe', image: 'probe', securityContext }] },
  };
}

export async function installUnschedulable(kubectl: Kubectl): Promise<void> {
  await kubectl(['apply', '--filename', '-'], JSON.stringify(policy));
}

/** Decides about the pods of one deployment that are made from now on; returns once the API server acts upon it. */
export async function setUnschedulable(
  kubectl: Kubectl,
  namespace: string,
  deployment: string,
  holds: boolean,
): Promise<void> {
  const binding = JSON.stringify(bindingOf(namespace, deployment));
  await kubectl([...(holds ? ['apply'] : ['delete', '--ignore-not-found']), '--filename', '-'], binding);
  const probe = JSON.stringify(probeOf(namespace, deployment));
  const ask = ['create', '--dry-run=server', '--output=json', '--filename', '-'];
  while ((await kubectl(ask, probe)).includes(nowhere) !== holds) await delay(50);
}
