import type { ModelSettings } from '../config.ts';
import type { ListedModel } from '../contract.ts';
import { ModelFault, RequestError } from '../errors.ts';
import type { ModelRepository } from './model-repository.ts';
import type { ServedModel } from './served-model.ts';

/** What a client may set for a model; the rest is as for those that the spec names. */
export type RegisteredSettings = Partial<Pick<ModelSettings, 'batchMaxSize' | 'batchMaxDelayMs' | 'timeoutMs'>>;

export interface RegisteredModelsOptions {
  repository: ModelRepository;
  create: (model: ListedModel, settings: RegisteredSettings) => ServedModel;
  /** URIs of the models that the spec names. */
  specUris: () => readonly string[];
  /** Drops the figures of a model that is gone. */
  forget: (name: string) => Promise<void>;
}

/** Each holds memory of its own. */
const maxModels = 100;

/** Models that no spec names: a laptop's clients had them served, until they have them removed or the process ends. */
export class RegisteredModels {
  readonly #options: RegisteredModelsOptions;
  readonly #models = new Map<string, ServedModel>();

  constructor(options: RegisteredModelsOptions) {
    this.#options = options;
  }

  get specUris(): readonly string[] {
    return this.#options.specUris();
  }

  has(name: string): boolean {
    return this.#models.has(name);
  }

  /** Whether the name is free, among all models that are served. */
  isFree(name: string): boolean {
    return !this.has(name) && !this.#options.repository.has(name);
  }

  /**
   * Loads a model of a free name, which is served once it can run. Rejects with ModelFault where it cannot, and then nothing is left of it,
   * or with RequestError.
   */
  async add(listed: ListedModel, settings: RegisteredSettings): Promise<ServedModel> {
    const { name } = listed;
    if (this.#models.size >= maxModels)
      throw new RequestError('NotAllowed', `at most ${maxModels} models can be registered; unregister one first`);
    const model = this.#options.create(listed, settings);
    this.#models.set(name, model);
    try {
      await model.load();
    } catch (error) {
      this.#models.delete(name);
      const { fault } = model.report;
      await model.stop();
      await this.#forget(name);
      throw fault ? new ModelFault(fault, error) : error;
    }
    this.#options.repository.add(model);
    return model;
  }

  /** Resolves when what it accepted is answered and its memory is free. */
  async remove(name: string): Promise<void> {
    const model = this.#models.get(name);
    if (!model) return;
    this.#options.repository.remove(name);
    this.#models.delete(name);
    await model.unused();
    await model.stop();
    await this.#forget(name);
  }

  async idle(): Promise<void> {
    await Promise.all([...this.#models.values()].map((model) => model.idle()));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#models.values()].map((model) => model.stop()));
  }

  /** Unless a model of this name came meanwhile: the figures are then its own, too. */
  async #forget(name: string): Promise<void> {
    if (this.isFree(name)) await this.#options.forget(name);
  }
}
