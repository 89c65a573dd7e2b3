import type { ContainerSpec, ContainerStatus, PodCondition, PodPhase, PodStatus, Terminated } from './pod.ts';

/** What the node knows of a pod with one container. */
export interface PodFacts {
  container: ContainerSpec;
  /** RFC 3339. */
  startedAt: string;
  /** Absent: none was given yet. */
  address?: string;
  state: ContainerStatus['state'];
  /** How the run before the present state ended. */
  last?: Terminated;
  restarts: number;
  started: boolean;
  ready: boolean;
  /** It will not run again. */
  isOver: boolean;
}

function phaseOf({ address, state, last, isOver }: PodFacts): PodPhase {
  const ended = state.terminated ?? last;
  if (isOver && ended !== undefined) return ended.exitCode === 0 ? 'Succeeded' : 'Failed';
  const hasRun = last !== undefined || state.waiting === undefined;
  return address !== undefined && hasRun ? 'Running' : 'Pending';
}

/** The status as a kubelet writes it. Conditions that `old` has too keep their time. */
export function podStatus(facts: PodFacts, old: readonly PodCondition[], now: string): PodStatus {
  const { container, address, last, ready } = facts;
  const phase = phaseOf(facts);
  const why = phase === 'Succeeded' ? { reason: 'PodCompleted' } : phase === 'Failed' ? { reason: 'PodFailed' } : {};
  const condition = (type: PodCondition['type'], holds: boolean): PodCondition => {
    const status = holds ? 'True' : 'False';
    const same = old.find((known) => known.type === type && known.status === status);
    return { type, status, ...(holds ? {} : why), lastTransitionTime: same?.lastTransitionTime ?? now };
  };
  return {
    phase,
    startTime: facts.startedAt,
    ...(address === undefined ? {} : { podIP: address, podIPs: [{ ip: address }] }),
    conditions: [
      condition('PodScheduled', true),
      condition('Initialized', true),
      condition('ContainersReady', ready),
      condition('Ready', ready),
    ],
    containerStatuses: [
      {
        name: container.name,
        ready,
        started: facts.started,
        restartCount: facts.restarts,
        image: container.image,
        imageID: '',
        state: facts.state,
        ...(last === undefined ? {} : { lastState: { terminated: last } }),
      },
    ],
  };
}
