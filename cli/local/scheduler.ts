import type { KubeObject } from '../../operator/kube/object.ts';
import type { Devices } from './devices.ts';
import type { PodSpec } from './pod.ts';

/** How many of which extended resources a pod asks for; CPU and memory are not rationed on a laptop. */
export function devicesOf(pod: KubeObject): Record<string, number> {
  const total: Record<string, number> = {};
  for (const { resources } of (pod.spec as PodSpec).containers) {
    for (const [name, quantity] of Object.entries({ ...resources?.requests, ...resources?.limits })) {
      if (name.includes('/')) total[name] = (total[name] ?? 0) + Number(quantity);
    }
  }
  return total;
}

/**
 * Why the one node of a laptop cannot take `pod` beside `others`, in the scheduler's words; undefined: it can. Only devices
 * count: no CPU, memory, taints, affinity or topology.
 */
export function whyUnschedulable(pod: KubeObject, others: readonly KubeObject[], devices: Devices): string | undefined {
  const used: Record<string, number> = {};
  for (const other of others) {
    for (const [name, count] of Object.entries(devicesOf(other))) used[name] = (used[name] ?? 0) + count;
  }
  const missing = Object.entries(devicesOf(pod)).filter(
    ([name, count]) => (devices[name]?.length ?? 0) - (used[name] ?? 0) < count,
  );
  if (missing.length === 0) return undefined;
  return `0/1 nodes are available: ${missing.map(([name]) => `1 Insufficient ${name}`).join(', ')}.`;
}
