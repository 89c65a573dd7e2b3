import type { KubeObject } from '../../operator/kube/object.ts';
import type { PodFate, PodState } from '../behaviour/platform.ts';

/** States in which the node has started the pod and its container is there. */
const up: readonly PodState[] = ['Ready', 'NotReady', 'OOMKilled', 'Crashed', 'Lost'];

function containerStatus(name: string, fate: PodFate, now: string): Record<string, unknown> {
  const { state, message = '', restarts = 1, exitCode = 1 } = fate;
  const common = { name, image: 'image', imageID: '', restartCount: 0, ready: false, started: false };
  const running = { running: { startedAt: now } };
  const ended = (reason: string, code: number) => ({
    terminated: { reason, exitCode: code, startedAt: now, finishedAt: now, ...(message === '' ? {} : { message }) },
  });
  switch (state) {
    case 'Ready':
      return { ...common, ready: true, started: true, state: running };
    case 'NotReady':
    case 'Lost':
      return { ...common, started: true, state: running };
    case 'ImagePullBackOff':
    case 'CreateContainerConfigError':
      return { ...common, state: { waiting: { reason: state, message } } };
    case 'OOMKilled':
      return {
        ...common,
        restartCount: 1,
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off restarting failed container' } },
        lastState: ended('OOMKilled', 137),
      };
    case 'Crashed':
      return {
        ...common,
        ready: true,
        started: true,
        restartCount: restarts,
        state: running,
        lastState: ended('Error', exitCode),
      };
    case 'Completed':
      return { ...common, state: ended('Completed', 0) };
    case 'Unschedulable':
    case 'Evicted':
      return { ...common, state: ended('Error', 137) };
  }
}

/** What a control plane says of the pods of a lost node before it deletes them. */
export const lostReason = 'DeletionByTaintManager';

/** The pod status that a kubelet, or for an unschedulable pod the scheduler, would write. */
export function playedStatus(pod: KubeObject, fate: PodFate, podIP: string, now: Date): Record<string, unknown> {
  const at = now.toISOString().replace(/\.\d+Z$/, 'Z');
  const { state, message = '' } = fate;
  const condition = (type: string, holds: boolean, more: object = {}) => ({
    type,
    status: holds ? 'True' : 'False',
    lastTransitionTime: at,
    ...more,
  });
  if (state === 'Unschedulable') {
    const why = { reason: 'Unschedulable', message };
    return { phase: 'Pending', conditions: [condition('PodScheduled', false, why)] };
  }
  if (state === 'Evicted')
    return { phase: 'Failed', reason: 'Evicted', message, conditions: [condition('Ready', false)] };
  const ready = state === 'Ready' || state === 'Crashed';
  const conditions = [condition('Initialized', true), condition('ContainersReady', ready), condition('Ready', ready)];
  const { containers, initContainers = [] } = pod.spec as Record<string, { name: string }[]>;
  const initialized = initContainers.map(({ name }) => containerStatus(name, { state: 'Ready' }, at));
  return {
    phase: state === 'Completed' ? 'Succeeded' : up.includes(state) ? 'Running' : 'Pending',
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: at,
    conditions:
      state === 'Lost'
        ? [...conditions, condition('DisruptionTarget', true, { reason: lostReason, message })]
        : conditions,
    containerStatuses: (containers ?? []).map(({ name }) => containerStatus(name, fate, at)),
    ...(initialized.length === 0 ? {} : { initContainerStatuses: initialized }),
  };
}
