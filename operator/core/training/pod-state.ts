import { trainingExitCodes } from '../../../runtime/training-contract.ts';
import type { Pod } from '../objects.ts';
import { clip, deathOf, runtimeOf } from '../pod-checks.ts';
import { predecessorsOf } from './predecessors.ts';

/** Its deletion has begun. */
export const isLeaving = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined;

/** Its containers have ended for good: no kubelet starts them again. */
export const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Failed' || status?.phase === 'Succeeded';

/** Its container runs, as far as anybody knows. */
export const isRunning = (pod: Pod): boolean =>
  !isLeaving(pod) && !hasEnded(pod) && runtimeOf(pod)?.state?.running !== undefined;

/** Why Kubernetes took a pod away, where it says so. */
const disruptionOf = ({ status }: Pod) =>
  status?.conditions?.find(({ type, status: value }) => type === 'DisruptionTarget' && value === 'True');

const lostWithNode = (pod: Pod): boolean =>
  pod.status?.reason === 'NodeLost' ||
  ['DeletionByTaintManager', 'DeletionByPodGC'].includes(disruptionOf(pod)?.reason ?? '');

/** Time for a node to say that a pod is gone, beyond the pod's grace period: less where the node is known to be lost. */
const goodbyeMs = { lostNode: 5_000, other: 30_000 } as const;

/**
 * When a pod that is being deleted should have gone, in milliseconds since 1970: later than that nobody is there to stop it. It may be
 * taken away then, for whatever still runs of it can do no harm.
 */
export function overdueAtMs(pod: Pod): number | undefined {
  const { deletionTimestamp } = pod.metadata;
  if (deletionTimestamp === undefined) return undefined;
  return Date.parse(deletionTimestamp) + (lostWithNode(pod) ? goodbyeMs.lostNode : goodbyeMs.other);
}

/** A pod that fails as soon as it is made, time and again, is made less and less often. */
const quickReplacements = { freeLosses: 1, baseMs: 5_000, maxMs: 300_000 } as const;

/** When a pod that ended without being asked to may be replaced, in milliseconds since 1970. */
export function replaceableAtMs(pod: Pod): number {
  const losses = predecessorsOf(pod)?.evictions ?? 0;
  const bornMs = Date.parse(pod.metadata.creationTimestamp ?? '') || 0;
  if (losses < quickReplacements.freeLosses) return bornMs;
  const doublings = Math.min(losses - quickReplacements.freeLosses, 10);
  return bornMs + Math.min(quickReplacements.maxMs, quickReplacements.baseMs * 2 ** doublings);
}

/** A pod that ended well before the job did may be ahead of what server 0 said last: all end well once the job is over. */
const farewellMs = 15_000;

/**
 * Until when a pod that ended well, without being asked to, is taken for one whose job is over, in milliseconds since 1970; undefined where
 * it did not end so.
 */
export function farewellUntilMs(pod: Pod): number | undefined {
  const end = runtimeOf(pod)?.state?.terminated;
  if (isLeaving(pod) || (pod.status?.phase !== 'Succeeded' && end?.exitCode !== 0)) return undefined;
  return (Date.parse(end?.finishedAt ?? '') || 0) + farewellMs;
}

/** Why there is no such pod any more, or soon will be none. */
export interface Loss {
  /** CamelCase. */
  reason: string;
  message: string;
}

const disruptions: Readonly<Record<string, [reason: string, what: string]>> = {
  PreemptionByScheduler: ['Preempted', 'made room for one of higher priority'],
  DeletionByTaintManager: ['NodeLost', 'was lost with its node'],
  DeletionByPodGC: ['NodeLost', 'was lost with its node'],
  EvictionByEvictionAPI: ['Evicted', 'was evicted'],
  TerminationByKubelet: ['Evicted', 'was evicted by its node'],
};

/** An API server grants time to end only to a pod that has not ended: however it ended then, that is why. */
const endsByDeletion = ({ metadata }: Pod): boolean => (metadata.deletionGracePeriodSeconds ?? 0) > 0;

/** @param pod as it was seen last */
export function lossOf(pod: Pod): Loss {
  const { metadata, spec, status } = pod;
  const phase = endsByDeletion(pod) ? undefined : status?.phase;
  const who = `pod ${metadata.name}${spec?.nodeName === undefined ? '' : ` on node ${spec.nodeName}`}`;
  const disruption = disruptionOf(pod);
  const said = clip(status?.message ?? disruption?.message ?? '').replace(/\.$/, '');
  const because = said === '' ? '' : `: ${said}`;
  const known = disruptions[disruption?.reason ?? ''];
  if (known !== undefined) return { reason: known[0], message: `${who} ${known[1]}${because}` };
  if (phase === 'Failed') {
    const reason = /^[A-Z][A-Za-z0-9]*$/.test(status?.reason ?? '') ? status?.reason : undefined;
    const what = reason === 'Evicted' ? 'was evicted' : 'failed';
    return { reason: reason ?? 'PodFailed', message: `${who} ${what}${because}` };
  }
  if (phase === 'Succeeded') return { reason: 'PodEnded', message: `${who} ended before the job was over` };
  if (lostWithNode(pod)) return { reason: 'NodeLost', message: `${who} was lost with its node${because}` };
  return { reason: 'PodDeleted', message: `${who} was deleted` };
}

/** With these a container tells that the job is over, or that another has taken its place. */
const noFailures: readonly number[] = [0, trainingExitCodes.failed, trainingExitCodes.superseded];

/** What a kubelet says of containers that were gone when it came back, as after its node started again. */
const unseenEnds: readonly string[] = ['Unknown', 'ContainerStatusUnknown'];

/** The container ended last with its node, through no fault of its own. */
export const endedWithNode = (pod: Pod): boolean => unseenEnds.includes(deathOf(pod)?.reason ?? '');

/** How the container failed last, if it ever did. */
export function failureOf(pod: Pod) {
  const death = deathOf(pod);
  if (death === undefined || noFailures.includes(death.exitCode ?? 0) || endedWithNode(pod)) return undefined;
  return death;
}

/** How often the containers of one pod ended with a failure. What ends because its pod has to go is none. */
export function failuresOf(pod: Pod): number {
  const runtime = runtimeOf(pod);
  const restarts = runtime?.restartCount ?? 0;
  const going = isLeaving(pod) || hasEnded(pod);
  // A container that is down and not yet started again has ended once more than it was started again.
  const ends = restarts + (!going && runtime?.state?.running === undefined && deathOf(pod) !== undefined ? 1 : 0);
  return deathOf(pod) === undefined || failureOf(pod) !== undefined || going ? ends : Math.max(0, ends - 1);
}
