import type { ServingReport } from '../../../runtime/contract.ts';
import type { Check } from '../checks.ts';
import { clip, crashCheck, normal, type PodWords, startChecks, type UnreadyPod, warning } from '../pod-checks.ts';

/** One pod that should be ready and is not, with what it says of itself. */
export interface PodSubject extends UnreadyPod {
  report: ServingReport | undefined;
}

const words: PodWords = {
  resources: 'spec.resources',
  accelerator: 'spec.accelerator',
  podTemplate: 'spec.podTemplate',
  storage: 'spec.model.storage',
  runtime: () => 'the runtime',
};

const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(bytes < 10_485_760 ? 1 : 0)} MiB`;

/** A tenth at a time, so that progress is seen without a status write for every report. */
function progress({ bytesDone, bytesTotal }: ServingReport['model']): string {
  if (bytesDone === undefined) return '';
  if (bytesTotal === undefined || bytesTotal <= 0) return '';
  const percent = Math.min(100, Math.floor((bytesDone / bytesTotal) * 10) * 10);
  return `: ${percent}% of ${mib(bytesTotal)}`;
}

/** Why a pod is not ready, most telling cause first. */
export const podChecks: readonly Check<PodSubject>[] = [
  ...startChecks(words),
  {
    name: 'the model loads',
    find: ({ report }) => {
      const fault = report?.model.fault;
      if (fault === undefined) return undefined;
      const found = warning(fault.reason, clip(fault.message));
      return fault.retrying ? found : { ...found, terminal: true };
    },
  },
  crashCheck(words),
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
