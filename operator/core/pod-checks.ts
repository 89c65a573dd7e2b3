import type { Check, Finding } from './checks.ts';
import type { ContainerStatus, Pod } from './objects.ts';
import { type Mount, setUpMessage, setUpOverdueAtMs } from './pod-setup.ts';

/** One pod that should be ready and is not. */
export interface UnreadyPod {
  pod: Pod;
  /** The extended resource that was asked for. */
  accelerator: string | undefined;
  /** What its node mounts for it, as far as the spec names it. */
  mounts: readonly Mount[];
  /** In milliseconds since 1970. */
  nowMs: number;
}

/** Where a person changes what keeps pods of a kind away, and what the container is called. */
export interface PodWords {
  /** Fields of the spec. */
  resources: string;
  accelerator: string;
  podTemplate: string;
  storage: string;
  /** Who died. */
  runtime: (pod: Pod) => string;
}

const maxMessageLength = 1_024;

/** What somebody else said, on one line of bounded length. */
export const clip = (text: string): string => {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  return line.length > maxMessageLength ? `${line.slice(0, maxMessageLength)}…` : line;
};

export const warning = (reason: string, message: string): Finding => ({ type: 'Warning', reason, message });
export const normal = (reason: string, message: string): Finding => ({ type: 'Normal', reason, message });

export const isReady = ({ status }: Pod): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;

export const runtimeOf = ({ status }: Pod): ContainerStatus | undefined =>
  status?.containerStatuses?.find(({ name }) => name === 'runtime');

/** How the container died last, be it dead now or running again. */
export function deathOf(pod: Pod) {
  const status = runtimeOf(pod);
  return status?.state?.terminated ?? status?.lastState?.terminated;
}

const waitingOf = (pod: Pod) => runtimeOf(pod)?.state?.waiting;

const imageReasons: readonly string[] = [
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'RegistryUnavailable',
];

/** What keeps a pod from starting or alive, most telling cause first. */
export const startChecks = (words: PodWords): readonly Check<UnreadyPod>[] => [
  {
    name: 'a node takes the pod',
    find: ({ pod, accelerator }) => {
      const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
      if (scheduled?.status !== 'False') return undefined;
      const said = clip(scheduled.message ?? scheduled.reason ?? '');
      if (accelerator !== undefined && said.includes(accelerator)) {
        return warning(
          'AcceleratorUnavailable',
          `no node has the ${accelerator} that ${words.accelerator} asks for free: ${said}; add a node with it, free one, or leave ${words.accelerator} out`,
        );
      }
      return warning(
        'Unschedulable',
        `pod ${pod.metadata.name} finds no node: ${said}; see ${words.resources} and ${words.podTemplate}`,
      );
    },
  },
  {
    name: 'the image can be pulled',
    find: ({ pod }) => {
      const waiting = waitingOf(pod);
      if (waiting?.reason === undefined || !imageReasons.includes(waiting.reason)) return undefined;
      const said = clip(waiting.message ?? waiting.reason);
      return warning(
        'ImagePullFailed',
        `the runtime's image cannot be pulled: ${said}; check the image's name and ${words.podTemplate}.imagePullSecrets`,
      );
    },
  },
  {
    name: 'the Secrets and ConfigMaps are there',
    find: ({ pod }) => {
      const waiting = waitingOf(pod);
      if (waiting?.reason !== 'CreateContainerConfigError') return undefined;
      return warning(
        'ConfigurationMissing',
        `the pod's configuration is incomplete: ${clip(waiting.message ?? '')}; create what ${words.storage} names, with the keys it needs`,
      );
    },
  },
  {
    name: 'the node sets the pod up',
    find: ({ pod, mounts, nowMs }) => {
      const overdueAtMs = setUpOverdueAtMs(pod);
      if (overdueAtMs === undefined || nowMs < overdueAtMs) return undefined;
      return warning('PodNotSetUp', setUpMessage(pod, mounts));
    },
  },
  {
    name: 'the container can be created',
    find: ({ pod }) => {
      const waiting = waitingOf(pod);
      if (waiting?.reason !== 'CreateContainerError' && waiting?.reason !== 'RunContainerError') return undefined;
      return warning('ContainerFailed', `the container cannot be started: ${clip(waiting.message ?? '')}`);
    },
  },
  {
    name: 'memory suffices',
    find: ({ pod }) =>
      deathOf(pod)?.reason === 'OOMKilled'
        ? warning(
            'OutOfMemory',
            `${words.runtime(pod)} was killed for using more memory than its limit; raise ${words.resources}.limits.memory`,
          )
        : undefined,
  },
  {
    name: 'the pod was not evicted',
    find: ({ pod }) =>
      pod.status?.phase === 'Failed'
        ? warning(pod.status.reason ?? 'PodFailed', clip(pod.status.message ?? `pod ${pod.metadata.name} failed`))
        : undefined,
  },
];

export const crashCheck = (words: PodWords): Check<UnreadyPod> => ({
  name: 'the runtime stays up',
  find: ({ pod }) => {
    const death = deathOf(pod);
    if (death === undefined) return undefined;
    const restarts = runtimeOf(pod)?.restartCount ?? 0;
    const said = clip(death.message ?? death.reason ?? '');
    const cause = said === '' ? '' : `: ${said}`;
    return warning(
      'CrashLoop',
      `${words.runtime(pod)} ended with exit code ${death.exitCode ?? 'unknown'} (${restarts} restarts)${cause}`,
    );
  },
});
