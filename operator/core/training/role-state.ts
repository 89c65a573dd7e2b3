import type { TrainingRole } from '../../../runtime/training-contract.ts';
import type { TrainingJob, TrainingJobStatus } from '../../api/training-job.gen.ts';
import { trainingNames } from '../metadata.ts';
import type { Pod } from '../objects.ts';
import { isReady } from '../pod-checks.ts';
import type { TrainingObserved } from './observed.ts';
import { failuresOf, hasEnded, isLeaving, type Loss, lossOf } from './pod-state.ts';
import { nothingLost, type Predecessors, predecessorsOf } from './predecessors.ts';

type RoleStatus = NonNullable<TrainingJobStatus['workers']>;

/** A wanted pod that is not there. */
interface Missing {
  index: number;
  /** Absent: it never was. */
  predecessors: Predecessors | undefined;
}

/** The pods of one role, against what is wanted. */
export interface RoleState {
  role: TrainingRole;
  /** Wanted pods that are there, by index. */
  present: ReadonlyMap<number, Pod>;
  /** Pods that are there and not wanted. */
  extra: readonly Pod[];
  missing: readonly Missing[];
  status: Required<Omit<RoleStatus, 'former'>> & Pick<RoleStatus, 'former'>;
}

interface Counts {
  restarts: number;
  evictions: number;
}

const plus = (a: Counts, b: Counts): Counts => ({
  restarts: a.restarts + b.restarts,
  evictions: a.evictions + b.evictions,
});

/** What is left where more was counted before; never less than nothing. */
const beyond = (total: Counts, known: Counts): Counts => ({
  restarts: Math.max(0, total.restarts - known.restarts),
  evictions: Math.max(0, total.evictions - known.evictions),
});

const none: Counts = { restarts: 0, evictions: 0 };

/** Everything that happened under the name of a pod, up to and with it. */
function countsOf(pod: Pod): Counts {
  const before = predecessorsOf(pod) ?? none;
  return plus(before, { restarts: failuresOf(pod), evictions: 0 });
}

/** A pod was there, and is not, and nobody saw why. */
const unseenLoss = (name: string): Loss => ({
  reason: 'PodDeleted',
  message: `pod ${name} was deleted, or lost with its node`,
});

const podNameOf = (job: string, role: TrainingRole, index: number): string => {
  const names = trainingNames(job);
  return role === 'Worker' ? names.worker(index) : names.parameterServer(index);
};

/** Whether there should be a pod of this name now. */
export function isWantedPod({ metadata, spec }: TrainingJob, podName: string): boolean {
  if (spec.runPolicy.suspend) return false;
  const wanted = { ParameterServer: spec.parameterServers.replicas, Worker: spec.workers.replicas } as const;
  return (['ParameterServer', 'Worker'] as const).some((role) => {
    const index = indexOf(metadata.name, role, podName);
    return index !== undefined && index < wanted[role];
  });
}

function indexOf(job: string, role: TrainingRole, podName: string): number | undefined {
  const prefix = podNameOf(job, role, 0).slice(0, -1);
  const number = podName.startsWith(prefix) ? podName.slice(prefix.length) : '';
  return /^(0|[1-9]\d{0,5})$/.test(number) ? Number(number) : undefined;
}

/** By the number at the end of their names. */
function indexed(job: string, role: TrainingRole, pods: readonly Pod[]): Map<number, Pod> {
  return new Map(
    pods.flatMap((pod): [number, Pod][] => {
      const index = indexOf(job, role, pod.metadata.name);
      return index === undefined ? [] : [[index, pod]];
    }),
  );
}

/** Pods are made in no order: a gap below one that is there may never have been filled. */
function createdOf(before: RoleStatus | undefined, present: ReadonlyMap<number, Pod>, wanted: number): number {
  let created = Math.min(wanted, before?.created ?? 0);
  for (let index = created; index < wanted; index++) {
    const pod = present.get(index);
    if (pod === undefined) break;
    if (!isLeaving(pod)) created = index + 1;
  }
  return created;
}

/**
 * Takes stock of one role.
 *
 * Counts survive everything but a status and a pod that are lost at once: each pod carries what happened under its name before it; of
 * what the status counted and no pod carries, the first missing pod takes over the rest, or, where none is missing, `former` keeps it.
 *
 * @param wanted how many pods there should be; 0 while the job is suspended
 */
export function roleState(
  { owner, pods, lastSeen, dismissed }: Pick<TrainingObserved, 'owner' | 'pods' | 'lastSeen' | 'dismissed'>,
  role: TrainingRole,
  wanted: number,
): RoleState {
  const { name } = owner.metadata;
  const { workers, parameterServers } = owner.spec;
  const before = role === 'Worker' ? owner.status?.workers : owner.status?.parameterServers;
  const desired = role === 'Worker' ? workers.replicas : parameterServers.replicas;
  const all = indexed(name, role, pods);
  const present = new Map([...all].filter(([index]) => index < wanted));
  const extra = [...all].filter(([index]) => index >= wanted).map(([, pod]) => pod);
  const created = createdOf(before, present, wanted);

  const absent = Array.from({ length: wanted }, (_, index) => index)
    .filter((index) => !present.has(index))
    .map((index) => ({ index, seen: lastSeen.get(podNameOf(name, role, index)) }));
  const carried = [...all.values(), ...absent.flatMap(({ seen }) => seen ?? [])].map(countsOf).reduce(plus, none);
  const counted: Counts = { restarts: before?.restarts ?? 0, evictions: before?.evictions ?? 0 };
  const former: Counts = { restarts: before?.former?.restarts ?? 0, evictions: before?.former?.evictions ?? 0 };
  const rest = beyond(counted, plus(former, carried));
  const heir = absent.find(({ seen }) => seen === undefined);

  const missing = absent.map(({ index, seen }): Missing => {
    const podName = podNameOf(name, role, index);
    const lost = !dismissed.has(podName) && (seen !== undefined || index < created);
    const inherited = plus(seen === undefined ? none : countsOf(seen), index === heir?.index ? rest : none);
    if (lost) {
      const loss = seen === undefined ? unseenLoss(podName) : lossOf(seen);
      return { index, predecessors: { ...plus(inherited, { restarts: 0, evictions: 1 }), ...loss } };
    }
    const isFirst = inherited.restarts + inherited.evictions === 0;
    return { index, predecessors: isFirst ? undefined : { ...inherited, ...nothingLost } };
  });
  const kept = heir === undefined ? plus(former, rest) : former;
  const totals = plus(plus(carried, kept), heir === undefined ? none : rest);
  return {
    role,
    present,
    extra,
    missing,
    status: {
      desired,
      created,
      ready: [...all.values()].filter((pod) => isReady(pod) && !isLeaving(pod) && !hasEnded(pod)).length,
      ...totals,
      ...(kept.restarts + kept.evictions === 0 ? {} : { former: kept }),
    },
  };
}
