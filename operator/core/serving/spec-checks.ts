import { servedSchemes, servedTasks } from '../../../runtime/contract.ts';
import type { Check, Finding } from '../checks.ts';
import { modelUri } from '../model-uri.ts';
import { modelsOf, type NamedModel } from './models.ts';
import type { ServingInputs, ServingObserved } from './observed.ts';

export interface SpecSubject {
  spec: ServingObserved['owner']['spec'];
  inputs: Pick<ServingInputs, 'allowFileUris'>;
}

const isOneOf = (names: readonly string[], name: string): boolean => names.includes(name);

const refusal = (reason: string, message: string): Finding => ({ terminal: true, type: 'Warning', reason, message });

/** A check of each model, one of several being called by its name as well. */
function ofModels(find: (model: NamedModel, called: string) => Finding | undefined) {
  return ({ spec }: SpecSubject): Finding | undefined => {
    for (const model of modelsOf(spec)) {
      const finding = find(model, model.name === undefined ? '' : ` of the model ${model.name}`);
      if (finding !== undefined) return finding;
    }
    return undefined;
  };
}

/** What no pod could ever do. Each is said before any pod is made, and only another spec changes it. */
export const specChecks: readonly Check<SpecSubject>[] = [
  {
    name: 'the task is one that the runtime serves',
    find: ofModels(({ field, task }, called) =>
      isOneOf(servedTasks, task)
        ? undefined
        : refusal(
            'UnsupportedTask',
            `${field}.task ${task}${called} is not served by this version; set it to ${servedTasks.join(' or ')}`,
          ),
    ),
  },
  {
    name: 'files are for laptops',
    find: (subject) =>
      subject.inputs.allowFileUris
        ? undefined
        : ofModels(({ field, uri = '' }, called) =>
            modelUri(uri).scheme === 'file'
              ? refusal(
                  'UnsupportedScheme',
                  `${field}.uri ${uri}${called} names a file of one machine, which pods on a cluster cannot see; ` +
                    'copy the model to a PersistentVolumeClaim (pvc://CLAIM/PATH) or to object storage (s3://BUCKET/KEY)',
                )
              : undefined,
          )(subject),
  },
  {
    name: 'the scheme is one that the model store reads',
    find: ofModels(({ field, uri }, called) => {
      const { scheme } = modelUri(uri ?? '');
      if (uri === undefined || scheme === 'file' || isOneOf(servedSchemes, scheme)) return undefined;
      return refusal(
        'UnsupportedScheme',
        `${field}.uri${called} has the scheme ${scheme}, which this version does not read; use one of ${servedSchemes.join(', ')}`,
      );
    }),
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
