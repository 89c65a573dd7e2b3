import { servedSchemes } from '../../../runtime/contract.ts';
import { maxOutputUriLength } from '../../../runtime/training-contract.ts';
import type { TrainingJob, TrainingJobSpec } from '../../api/training-job.gen.ts';
import type { Check, Finding } from '../checks.ts';
import { modelUri } from '../model-uri.ts';
import { warning } from '../pod-checks.ts';
import type { TrainingInputs } from './observed.ts';
import { type Place, placesOf } from './places.ts';

export interface SpecSubject {
  owner: TrainingJob;
  inputs: Pick<TrainingInputs, 'allowFileUris'>;
}

/** Schemes of folders that a job can write to on a cluster; a laptop writes to `file` too. */
const writtenSchemes: readonly string[] = ['s3', 'pvc'];
const readSchemes: readonly string[] = servedSchemes;

const refusal = (reason: string, message: string): Finding => ({ terminal: true, type: 'Warning', reason, message });

function placeFinding({ field, uri, writes }: Place, allowFileUris: boolean): Finding | undefined {
  const { scheme } = modelUri(uri);
  const schemes = writes ? writtenSchemes : readSchemes;
  if (scheme === 'file') {
    if (allowFileUris) return undefined;
    return refusal(
      'UnsupportedScheme',
      `${field} ${uri} names a file of one machine, which pods on a cluster cannot see; use a PersistentVolumeClaim ` +
        '(pvc://CLAIM/PATH) or object storage (s3://BUCKET/KEY)',
    );
  }
  if (schemes.includes(scheme)) return undefined;
  return refusal(
    'UnsupportedScheme',
    `${field} has the scheme ${scheme}, which this version does not ${writes ? 'write to' : 'read'}; use one of ${schemes.join(', ')}`,
  );
}

function queueFinding({ runPolicy: { queueName } }: TrainingJobSpec): Finding | undefined {
  return queueName === undefined
    ? undefined
    : warning(
        'UnsupportedQueue',
        `spec.runPolicy.queueName ${queueName} names a queue, which this version does not wait for; leave it out`,
      );
}

/** What a spec asks for since its job began, and does not get: the job goes on all the same. */
export const laterChecks: readonly Check<TrainingJobSpec>[] = [
  { name: 'no queue holds the job up', find: queueFinding },
];

/** What no pod could ever do. Each is said before any pod is made, and only another spec changes it. */
export const specChecks: readonly Check<SpecSubject>[] = [
  {
    name: 'the built-in trainer does the work',
    find: ({ owner: { spec } }) =>
      spec.train === undefined
        ? refusal(
            'UnsupportedContainers',
            'spec.containers names containers of your own, which this version does not run; describe the training in spec.train',
          )
        : undefined,
  },
  {
    name: 'workers keep in step',
    find: ({ owner: { spec } }) =>
      spec.consistency.mode === 'Synchronous'
        ? undefined
        : refusal(
            'UnsupportedConsistency',
            `spec.consistency.mode ${spec.consistency.mode} is not known to this version; set it to Synchronous`,
          ),
  },
  {
    name: 'the data is no text',
    find: ({ owner: { spec } }) =>
      spec.train?.data.text === undefined
        ? undefined
        : refusal(
            'UnsupportedData',
            'spec.train.data.text is not read by this version; turn texts into columns of numbers, and name those in spec.train.data.features',
          ),
  },
  {
    name: 'no queue admits the job',
    find: ({ owner: { spec } }) => {
      const finding = queueFinding(spec);
      return finding === undefined ? undefined : { ...finding, terminal: true };
    },
  },
  {
    name: 'every place can be reached',
    find: ({ owner, inputs }) => {
      const { train } = owner.spec;
      if (train === undefined) return undefined;
      const { model, data, checkpoint, output } = placesOf(owner, train);
      for (const place of [model, data, output, checkpoint]) {
        const finding = place === undefined ? undefined : placeFinding(place, inputs.allowFileUris);
        if (finding !== undefined) return finding;
      }
      return undefined;
    },
  },
  {
    name: 'the URI of the result fits the status',
    find: ({ owner: { spec } }) => {
      const { uri } = spec.output;
      const { length } = URL.canParse(uri) ? new URL(uri).href : uri;
      return length <= maxOutputUriLength
        ? undefined
        : refusal(
            'UriTooLong',
            `spec.output.uri is ${length} characters long, percent-encoded, and may be ${maxOutputUriLength}, so that the ` +
              'URI of a version in it is not too long; name a folder with a shorter path',
          );
    },
  },
  {
    name: 'the accelerator is one that the runtime uses',
    find: ({ owner: { spec } }) => {
      const { accelerator } = spec.workers;
      return accelerator === undefined || accelerator.resource.startsWith('nvidia.com/')
        ? undefined
        : refusal(
            'UnsupportedAccelerator',
            `spec.workers.accelerator.resource ${accelerator.resource} is not used by this version; name one of nvidia.com/, ` +
              'or leave spec.workers.accelerator out to compute on the CPU',
          );
    },
  },
];
