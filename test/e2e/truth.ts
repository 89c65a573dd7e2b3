import type { TrainingJob, TrainingJobStatus } from '../../operator/api/training-job.gen.ts';
import { labels } from '../../operator/core/metadata.ts';
import type { Pod } from '../../operator/core/objects.ts';
import { isReady, runtimeOf } from '../../operator/core/pod-checks.ts';
import type { KubeObject } from '../../operator/kube/object.ts';

/** One change of an object. */
export interface Seen {
  object: KubeObject;
  /** It was deleted. */
  gone: boolean;
  /** Of the store, which counts the changes of all objects together. */
  revision: number;
  /** When the news arrived. */
  atMs: number;
}

/** What the pods of a job were like between two changes. */
interface Stretch {
  fromRevision: number;
  fromMs: number;
  untilMs: number;
  pods: readonly Pod[];
}

export interface StatusSeen {
  status: TrainingJobStatus;
  generation: number;
  revision: number;
  atMs: number;
}

/** How old what a status says may be: the operator hears of a pod, decides, and writes. */
const lagMs = 6_000;
/** How long the pods may be other than the status says. One status is written in 5 s. */
const settleMs = 20_000;

/** Each status of a job that differs from the one before. */
export function statusesOf(seen: readonly Seen[], job: string): StatusSeen[] {
  const all = seen
    .filter(({ object, gone }) => object.kind === 'TrainingJob' && object.metadata.name === job && !gone)
    .map(({ object, revision, atMs }): StatusSeen => {
      const { status = {}, metadata } = object as TrainingJob;
      return { status, generation: metadata.generation ?? 0, revision, atMs };
    });
  return all.filter(({ status }, index) => JSON.stringify(status) !== JSON.stringify(all[index - 1]?.status));
}

/** The pods of a job, from change to change. */
function stretchesOf(seen: readonly Seen[], job: string): Stretch[] {
  const pods = new Map<string, Pod>();
  const stretches: Stretch[] = [{ fromRevision: 0, fromMs: 0, untilMs: Infinity, pods: [] }];
  for (const { object, gone, revision, atMs } of seen) {
    if (object.kind !== 'Pod' || object.metadata.labels?.[labels.job] !== job) continue;
    if (gone) pods.delete(object.metadata.name);
    else pods.set(object.metadata.name, object);
    const last = stretches.at(-1);
    if (last !== undefined) last.untilMs = atMs;
    stretches.push({ fromRevision: revision, fromMs: atMs, untilMs: Infinity, pods: [...pods.values()] });
  }
  return stretches;
}

const ofRole = (pods: readonly Pod[], role: string): Pod[] =>
  pods.filter(({ metadata }) => metadata.labels?.[labels.role] === role);

const isLeaving = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined;
const isRunning = (pod: Pod): boolean => runtimeOf(pod)?.state?.running !== undefined;
const exitCodeOf = (pod: Pod): number | undefined => runtimeOf(pod)?.state?.terminated?.exitCode;

const readyCount = (pods: readonly Pod[], role: string): number =>
  ofRole(pods, role).filter((pod) => isReady(pod) && !isLeaving(pod) && exitCodeOf(pod) === undefined).length;

const readyText = ({ parameterServers, workers }: TrainingJobStatus): string =>
  `${parameterServers?.ready ?? 0} servers and ${workers?.ready ?? 0} workers ready`;

const readyPods = (pods: readonly Pod[]): string =>
  `${readyCount(pods, 'ParameterServer')} servers and ${readyCount(pods, 'Worker')} workers ready`;

/** What a status says of pods that are like this, and is not so. */
function againstPods(status: TrainingJobStatus, pods: readonly Pod[]): string[] {
  const { phase } = status;
  const servers = ofRole(pods, 'ParameterServer');
  const coordinator = servers.find(({ metadata }) => metadata.labels?.[labels.index] === '0');
  const failed = pods.filter((pod) => (exitCodeOf(pod) ?? 0) !== 0);
  const claims: [claimed: boolean, holds: boolean, what: string][] = [
    [true, readyText(status) === readyPods(pods), `says ${readyText(status)}, and there are ${readyPods(pods)}`],
    [phase === 'Running', servers.every(isRunning) && servers.length > 0, 'says Running, and a server does not run'],
    [phase === 'Running', ofRole(pods, 'Worker').some(isRunning), 'says Running, and no worker runs'],
    [phase === 'Suspending', pods.length > 0, 'says Suspending, and there are no pods'],
    [phase === 'Suspended', pods.length === 0, 'says Suspended, and there are pods'],
    [
      phase === 'Succeeded',
      coordinator !== undefined && (isRunning(coordinator) || exitCodeOf(coordinator) === 0) && failed.length === 0,
      'says Succeeded, and a pod failed',
    ],
  ];
  return claims.filter(([claimed, holds]) => claimed && !holds).map(([, , what]) => what);
}

const trueWith: Readonly<Record<string, string>> = {
  Running: 'Running',
  Complete: 'Succeeded',
  Failed: 'Failed',
  Suspended: 'Suspended',
};

/** What a status says and does not itself believe, or takes back. */
function againstItself(
  { status, generation }: StatusSeen,
  before: TrainingJobStatus | undefined,
  serversMayDie: boolean,
): string[] {
  const wrong: string[] = [];
  for (const { type, status: value, reason, message } of status.conditions ?? []) {
    const phase = trueWith[type];
    if (phase !== undefined && (value === 'True') !== (status.phase === phase))
      wrong.push(`${type} is ${value} in the phase ${status.phase}`);
    if (reason === '' || message === '') wrong.push(`${type} gives no cause`);
  }
  if ((status.observedGeneration ?? 0) > generation) wrong.push('speaks of a spec that is not there yet');
  const known = before?.step ?? 0;
  const least = serversMayDie ? known - 1 : known;
  if ((status.step ?? known) < least) wrong.push(`step ${status.step} comes after step ${known}`);
  if ((status.recomputedSteps ?? 0) < (before?.recomputedSteps ?? 0)) wrong.push('recomputedSteps went down');
  const over = before?.phase === 'Succeeded' || before?.phase === 'Failed';
  if (over && status.phase !== before.phase) wrong.push(`${status.phase} comes after ${before.phase}`);
  return wrong;
}

/** Pods that were otherwise than the last status said for longer than it takes to say so. */
function unsaid(statuses: readonly StatusSeen[], stretches: readonly Stretch[], endMs: number): string[] {
  return stretches.flatMap((stretch, index) => {
    const ready = readyPods(stretch.pods);
    const next = stretches.slice(index + 1).find(({ pods }) => readyPods(pods) !== ready);
    const untilMs = Math.min(endMs, next?.fromMs ?? Infinity);
    if (untilMs - stretch.fromMs < settleMs) return [];
    const said = statuses.findLast(({ atMs }) => atMs <= untilMs)?.status;
    return said === undefined || readyText(said) === ready
      ? []
      : [`says ${readyText(said)} ${Math.round((untilMs - stretch.fromMs) / 1_000)} s after there were ${ready}`];
  });
}

export interface TruthOptions {
  /** A server was killed, so that the last step may be done again. */
  serversMayDie?: boolean;
  /** When the trace ends. */
  endMs: number;
}

/**
 * Everything that `kubectl get trainingjobs` ever showed of a job and that was not so: each status is held against the pods as they were
 * a moment before it was written, against itself, and against the one before.
 */
export function untruths(seen: readonly Seen[], job: string, { serversMayDie = false, endMs }: TruthOptions): string[] {
  const statuses = statusesOf(seen, job);
  const stretches = stretchesOf(seen, job);
  const wrong = statuses.flatMap((each, index) => {
    const recent = stretches.filter(
      ({ fromRevision, untilMs }) => fromRevision < each.revision && untilMs > each.atMs - lagMs,
    );
    const complaints = recent.map(({ pods }) => againstPods(each.status, pods));
    const ofPods = complaints.some((list) => list.length === 0) ? [] : (complaints.at(-1) ?? []);
    return [...ofPods, ...againstItself(each, statuses[index - 1]?.status, serversMayDie)].map(
      (what) => `status ${index + 1} of ${statuses.length}, ${each.status.phase ?? 'without a phase'}: ${what}`,
    );
  });
  return [...wrong, ...unsaid(statuses, stretches, endMs)];
}
