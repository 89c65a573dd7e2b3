import type { Pod } from './objects.ts';

/** What a node mounts before it starts a pod's container, and which the pod waits for without a word where it is not there. */
export interface Mount {
  kind: 'Secret' | 'ConfigMap' | 'PersistentVolumeClaim';
  name: string;
  /** The field of the spec that names it. */
  field: string;
}

/** How long a node may take to give a pod its volumes and its network before somebody should look. */
const allowedMs = 30_000;

/**
 * When a pod has been set up by its node for too long, in milliseconds since 1970; undefined where it is not being set up. A kubelet says
 * only in Events what it waits for. While it pulls the image, volumes and network are there, and it says so.
 */
export function setUpOverdueAtMs({ metadata, status }: Pod): number | undefined {
  const isCreating = status?.containerStatuses?.some(({ state }) => state?.waiting?.reason === 'ContainerCreating');
  const condition = (name: string) => status?.conditions?.find(({ type }) => type === name);
  const scheduled = condition('PodScheduled');
  const setUp = condition('PodReadyToStartContainers');
  if (isCreating !== true || metadata.deletionTimestamp !== undefined) return undefined;
  if (scheduled?.status !== 'True' || setUp?.status === 'True') return undefined;
  const sinceMs = [scheduled, setUp].map((each) => Date.parse(each?.lastTransitionTime ?? '') || 0);
  return Math.max(...sinceMs) + allowedMs;
}

/** Until the next of some pods is set up for too long; Infinity where time alone makes none so. */
export function untilSetUpOverdueMs(pods: readonly Pod[], now: Date): number {
  const dueMs = pods.map((pod) => (setUpOverdueAtMs(pod) ?? 0) - now.getTime()).filter((ms) => ms > 0);
  return Math.min(Infinity, ...dueMs);
}

/** What keeps such a pod, as far as its spec tells. */
export function setUpMessage({ metadata, spec }: Pod, mounts: readonly Mount[]): string {
  const where = spec?.nodeName === undefined ? 'its node' : `node ${spec.nodeName}`;
  const named = mounts.map(({ kind, name, field }) => `${kind} ${name} (${field})`);
  const cure =
    named.length === 0 ? '' : `see that these are there and can be mounted on that node: ${named.join(', ')}; `;
  return (
    `${where} has not set up pod ${metadata.name} for more than ${allowedMs / 1_000} s: a volume cannot be mounted, or the network ` +
    `cannot be joined; ${cure}kubectl describe pod ${metadata.name} tells which`
  );
}
