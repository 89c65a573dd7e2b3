import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../support/free-port.ts';
import { lostReason } from '../support/played-status.ts';
import type { Supervisor } from '../support/supervisor.ts';
import type { Binaries } from './binaries.ts';
import type { Kubectl } from './kubectl.ts';

/** The one node there is at first. */
const kwokNode = 'kwok-node';

const readyStatus = '.status.conditions.[] | select( .type == "Ready" ) | .status';
const conditions = `conditions:
{{ range NodeConditions }}
- type: {{ .type | Quote }}
  status: {{ .status | Quote }}
  reason: {{ .reason | Quote }}
  message: {{ .message | Quote }}
  lastHeartbeatTime: {{ Now | Quote }}
  lastTransitionTime: {{ Now | Quote }}
{{ end }}
`;
const deleted = { key: '.metadata.deletionTimestamp', operator: 'Exists' };
const disruption = '.status.conditions.[] | select( .type == "DisruptionTarget" ) | .reason';
const hasNode = { key: disruption, operator: 'NotIn', values: [lostReason] };

/**
 * KWOK keeps nodes ready and lets go of deleted pods, but for those that were lost with their node. It gives pods no state by itself: pod-player.ts does, because it
 * must be known before a pod appears.
 */
const stages = [
  {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'Stage',
    metadata: { name: 'node-ready' },
    spec: {
      resourceRef: { apiGroup: 'v1', kind: 'Node' },
      selector: { matchExpressions: [{ key: readyStatus, operator: 'NotIn', values: ['True'] }] },
      next: { statusTemplate: conditions },
    },
  },
  {
    apiVersion: 'kwok.x-k8s.io/v1alpha1',
    kind: 'Stage',
    metadata: { name: 'pod-delete' },
    spec: {
      resourceRef: { apiGroup: 'v1', kind: 'Pod' },
      selector: { matchExpressions: [deleted, hasNode] },
      next: { delete: true },
    },
  },
];

function nodeObject(name: string, extended: Record<string, string>): unknown {
  const resources = { cpu: '64', memory: '256Gi', pods: '500', 'ephemeral-storage': '1Ti', ...extended };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { 'kwok.x-k8s.io/node': 'fake' },
      labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', type: 'kwok' },
    },
    status: { allocatable: resources, capacity: resources },
  };
}

/** Adds a node that KWOK keeps ready. `extended` are extended resources. */
async function addKwokNode(kubectl: Kubectl, name: string, extended: Record<string, string> = {}): Promise<void> {
  await kubectl(['create', '--filename', '-'], JSON.stringify(nodeObject(name, extended)));
  await kubectl(['wait', '--for=condition=Ready', `node/${name}`, '--timeout=60s']);
}

export interface KwokOptions {
  supervisor: Supervisor;
  binaries: Binaries;
  folder: string;
  kubeconfig: string;
  kubectl: Kubectl;
  /** Extended resources of its node, such as `{ 'nvidia.com/gpu': '4' }`. */
  extended: Record<string, string>;
}

/** Starts KWOK with one node. */
export async function startKwok({
  supervisor,
  binaries,
  folder,
  kubeconfig,
  kubectl,
  extended,
}: KwokOptions): Promise<void> {
  const config = join(folder, 'kwok.yaml');
  writeFileSync(config, stages.map((stage) => stringify(stage)).join('---\n'));
  await supervisor.start({
    name: 'kwok',
    argv: [
      binaries.path('kwok'),
      `--config=${config}`,
      `--kubeconfig=${kubeconfig}`,
      '--manage-all-nodes=true',
      '--node-lease-duration-seconds=40',
      `--node-port=${await freePort()}`,
    ],
    log: join(folder, 'logs', 'kwok.log'),
    signal: 'SIGKILL',
  });
  await addKwokNode(kubectl, kwokNode, extended);
}
