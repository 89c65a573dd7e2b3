import { servedSchemes, servedTasks } from '../../../runtime/contract.ts';
import type { Check, Finding } from '../checks.ts';
import { modelUri } from '../model-uri.ts';
import type { ServingInputs, ServingObserved } from './observed.ts';

export interface SpecSubject {
  spec: ServingObserved['owner']['spec'];
  inputs: Pick<ServingInputs, 'allowFileUris'>;
}

const isOneOf = (names: readonly string[], name: string): boolean => names.includes(name);

const refusal = (reason: string, message: string): Finding => ({ terminal: true, type: 'Warning', reason, message });

/** What no pod could ever do. Each is said before any pod is made, and only another spec changes it. */
export const specChecks: readonly Check<SpecSubject>[] = [
  {
    name: 'the task is one that the runtime serves',
    find: ({ spec: { model } }) =>
      isOneOf(servedTasks, model.task)
        ? undefined
        : refusal(
            'UnsupportedTask',
            `spec.model.task ${model.task} is not served by this version; set it to ${servedTasks.join(' or ')}`,
          ),
  },
  {
    name: 'files are for laptops',
    find: ({ spec: { model }, inputs }) =>
      modelUri(model.uri ?? '').scheme !== 'file' || inputs.allowFileUris
        ? undefined
        : refusal(
            'UnsupportedScheme',
            `spec.model.uri ${model.uri ?? ''} names a file of one machine, which pods on a cluster cannot see; ` +
              'copy the model to a PersistentVolumeClaim (pvc://CLAIM/PATH) or to object storage (s3://BUCKET/KEY)',
          ),
  },
  {
    name: 'the scheme is one that the model store reads',
    find: ({ spec: { model } }) => {
      const { scheme } = modelUri(model.uri ?? '');
      if (model.uri === undefined || scheme === 'file' || isOneOf(servedSchemes, scheme)) return undefined;
      return refusal(
        'UnsupportedScheme',
        `spec.model.uri has the scheme ${scheme}, which this version does not read; use one of ${servedSchemes.join(', ')}`,
      );
    },
  },
  {
    name: 'the accelerator is one that the runtime uses',
    find: ({ spec: { accelerator } }) =>
      accelerator === undefined || accelerator.resource.startsWith('nvidia.com/')
        ? undefined
        : refusal(
            'UnsupportedAccelerator',
            `spec.accelerator.resource ${accelerator.resource} is not used by this version; name one of nvidia.com/, ` +
              'or leave spec.accelerator out to run on the CPU',
          ),
  },
];
