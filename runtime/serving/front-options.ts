import type { ModelRepository } from './model-repository.ts';
import type { Observers } from './observed-request.ts';
import type { ServedModel } from './served-model.ts';

/** What both fronts answer with. */
export interface FrontOptions {
  repository: ModelRepository;
  observers: Observers;
  /** True once the pod was told to stop. */
  isDraining: () => boolean;
}

/** Whether requests may come: to this model, or to all of them. */
export const isReady = (
  { repository, isDraining }: Pick<FrontOptions, 'repository' | 'isDraining'>,
  model: Pick<ServedModel, 'whyNotReady'> = repository,
): boolean => model.whyNotReady() === undefined && !isDraining();
