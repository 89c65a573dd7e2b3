import type { ModelReport } from '../../../runtime/contract.ts';
import type { Check } from '../checks.ts';
import { clip, crashCheck, normal, type PodWords, startChecks, type UnreadyPod, warning } from '../pod-checks.ts';
import type { PodReport } from './observed.ts';

/** One pod that should be ready and is not, with what it says of itself. */
export interface PodSubject extends UnreadyPod {
  report: PodReport | undefined;
}

const words: PodWords = {
  resources: 'spec.resources',
  accelerator: 'spec.accelerator',
  podTemplate: 'spec.podTemplate',
  storage: 'spec.model.storage or spec.access',
  runtime: () => 'the runtime',
};
const sharedWords: PodWords = { ...words, storage: 'spec.storage or spec.access' };

const mib = (bytes: number): string => `${(bytes / 1_048_576).toFixed(bytes < 10_485_760 ? 1 : 0)} MiB`;

/** A tenth at a time, so that progress is seen without a status write for every report. */
function progress({ bytesDone, bytesTotal }: ModelReport): string {
  if (bytesDone === undefined) return '';
  if (bytesTotal === undefined || bytesTotal <= 0) return '';
  const percent = Math.min(100, Math.floor((bytesDone / bytesTotal) * 10) * 10);
  return `: ${percent}% of ${mib(bytesTotal)}`;
}

/** What a pod says of its only model. */
const modelOf = ({ report }: PodSubject): ModelReport | undefined =>
  report?.kind === 'Serving' ? report.model : undefined;

/** Why a pod of one model is not ready, most telling cause first. */
export const podChecks: readonly Check<PodSubject>[] = [
  ...startChecks(words),
  {
    name: 'the model loads',
    find: (subject) => {
      const fault = modelOf(subject)?.fault;
      if (fault === undefined) return undefined;
      const found = warning(fault.reason, clip(fault.message));
      return fault.retrying ? found : { ...found, terminal: true };
    },
  },
  crashCheck(words),
  {
    name: 'the model is on its way',
    find: (subject) => {
      const model = modelOf(subject);
      switch (model?.phase) {
        case 'Resolving':
          return normal('Resolving', `looking for ${model.uri}`);
        case 'Downloading':
          return normal('Downloading', `downloading ${model.uri}${progress(model)}`);
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

/** The same of several models: such a pod is ready once it answers, whatever becomes of each. */
export const sharedPodChecks: readonly Check<PodSubject>[] = [...startChecks(sharedWords), crashCheck(sharedWords)];
