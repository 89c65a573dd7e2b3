import type { ServingReport } from '../../../runtime/contract.ts';
import type { Check, Finding } from '../checks.ts';
import type { ContainerStatus, Pod } from '../objects.ts';

/** One pod that should be ready and is not, with what it says of itself. */
export interface PodSubject {
  pod: Pod;
  report: ServingReport | undefined;
  /** The extended resource that was asked for. */
  accelerator: string | undefined;
}

const maxMessageLength = 1_024;

const clip = (text: string): string => {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  return line.length > maxMessageLength ? `${line.slice(0, maxMessageLength)}…` : line;
};

const warning = (reason: string, message: string): Finding => ({ type: 'Warning', reason, message });
const normal = (reason: string, message: string): Finding => ({ type: 'Normal', reason, message });

const runtimeOf = ({ pod }: PodSubject): ContainerStatus | undefined =>
  pod.status?.containerStatuses?.find(({ name }) => name === 'runtime');

/** How the container died last, be it dead now or running again. */
const deathOf = (subject: PodSubject) => {
  const status = runtimeOf(subject);
  return status?.state?.terminated ?? status?.lastState?.terminated;
};

const waitingOf = (subject: PodSubject) => runtimeOf(subject)?.state?.waiting;

const imageReasons: readonly string[] = [
  'ErrImagePull',
  'ImagePullBackOff',
  'InvalidImageName',
  'ErrImageNeverPull',
  'RegistryUnavailable',
];

const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(bytes < 10_485_760 ? 1 : 0)} MiB`;

/** A tenth at a time, so that progress is seen without a status write for every report. */
function progress({ bytesDone, bytesTotal }: ServingReport['model']): string {
  if (bytesDone === undefined) return '';
  if (bytesTotal === undefined || bytesTotal <= 0) return '';
  const percent = Math.min(100, Math.floor((bytesDone / bytesTotal) * 10) * 10);
  return `: ${percent}% of ${mib(bytesTotal)}`;
}

function unschedulable({ pod, accelerator }: PodSubject): Finding | undefined {
  const scheduled = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status !== 'False') return undefined;
  const said = clip(scheduled.message ?? scheduled.reason ?? '');
  if (accelerator !== undefined && said.includes(accelerator)) {
    return warning(
      'AcceleratorUnavailable',
      `no node has the ${accelerator} that spec.accelerator asks for free: ${said}; add a node with it, free one, or leave spec.accelerator out`,
    );
  }
  return warning(
    'Unschedulable',
    `pod ${pod.metadata.name} finds no node: ${said}; see spec.resources and spec.podTemplate`,
  );
}

/** Why a pod is not ready, most telling cause first. */
export const podChecks: readonly Check<PodSubject>[] = [
  { name: 'a node takes the pod', find: unschedulable },
  {
    name: 'the image can be pulled',
    find: (subject) => {
      const waiting = waitingOf(subject);
      if (waiting?.reason === undefined || !imageReasons.includes(waiting.reason)) return undefined;
      const said = clip(waiting.message ?? waiting.reason);
      return warning(
        'ImagePullFailed',
        `the runtime's image cannot be pulled: ${said}; check the image's name and spec.podTemplate.imagePullSecrets`,
      );
    },
  },
  {
    name: 'the Secrets and ConfigMaps are there',
    find: (subject) => {
      const waiting = waitingOf(subject);
      if (waiting?.reason !== 'CreateContainerConfigError') return undefined;
      return warning(
        'ConfigurationMissing',
        `the pod's configuration is incomplete: ${clip(waiting.message ?? '')}; create what spec.model.storage names, with the keys it needs`,
      );
    },
  },
  {
    name: 'the container can be created',
    find: (subject) => {
      const waiting = waitingOf(subject);
      if (waiting?.reason !== 'CreateContainerError' && waiting?.reason !== 'RunContainerError') return undefined;
      return warning('ContainerFailed', `the container cannot be started: ${clip(waiting.message ?? '')}`);
    },
  },
  {
    name: 'memory suffices',
    find: (subject) =>
      deathOf(subject)?.reason === 'OOMKilled'
        ? warning(
            'OutOfMemory',
            'the runtime was killed for using more memory than its limit; raise spec.resources.limits.memory',
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
  {
    name: 'the model loads',
    find: ({ report }) => {
      const fault = report?.model.fault;
      if (fault === undefined) return undefined;
      const found = warning(fault.reason, clip(fault.message));
      return fault.retrying ? found : { ...found, terminal: true };
    },
  },
  {
    name: 'the runtime stays up',
    find: (subject) => {
      const death = deathOf(subject);
      if (death === undefined) return undefined;
      const restarts = runtimeOf(subject)?.restartCount ?? 0;
      const said = clip(death.message ?? death.reason ?? '');
      const cause = said === '' ? '' : `: ${said}`;
      return warning(
        'CrashLoop',
        `the runtime ended with exit code ${death.exitCode ?? 'unknown'} (${restarts} restarts)${cause}`,
      );
    },
  },
  {
    name: 'the model is on its way',
    find: ({ report }) => {
      switch (report?.model.phase) {
        case 'Resolving':
          return normal('Resolving', `looking for ${report.model.uri}`);
        case 'Downloading':
          return normal('Downloading', `downloading ${report.model.uri}${progress(report.model)}`);
        case 'Loading':
          return normal('Loading', 'the model is being loaded into memory');
        case 'WarmingUp':
          return normal('WarmingUp', 'the model runs once before it takes requests');
        default:
          return undefined;
      }
    },
  },
];
