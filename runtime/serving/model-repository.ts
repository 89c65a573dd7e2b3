import type { ModelControl } from '../contract.ts';
import { invalid, RequestError } from '../errors.ts';
import type { ServedModel } from './served-model.ts';

/** Each model has one version, under this name. */
export const modelVersion = '1';

/** The models of one server, by name: those that its configuration names, never others. */
export class ModelRepository {
  readonly #models: ReadonlyMap<string, ServedModel>;
  readonly #control: ModelControl;

  constructor(models: readonly ServedModel[], control: ModelControl) {
    this.#models = new Map(models.map((model) => [model.name, model]));
    this.#control = control;
  }

  get models(): readonly ServedModel[] {
    return [...this.#models.values()];
  }

  /** An empty version means any. Throws RequestError `NotFound`. */
  find(name: string, version = ''): ServedModel {
    const model = this.#models.get(name);
    const shown = JSON.stringify(name.slice(0, 200));
    if (!model) {
      const served = [...this.#models.keys()].map((known) => JSON.stringify(known)).join(', ');
      throw new RequestError('NotFound', `model ${shown} is not here; this serves ${served}`);
    }
    if (version !== '' && version !== modelVersion) {
      throw new RequestError('NotFound', `model ${shown} has only the version ${JSON.stringify(modelVersion)}`);
    }
    return model;
  }

  /**
   * Loads a model, or loads it again. Resolves when it can run. Rejects with RequestError.
   *
   * @param parameters what the client asks for beside that, by name: another configuration or other files are refused
   */
  async load(name: string, parameters: readonly string[]): Promise<void> {
    const model = this.#controlled(name);
    const [parameter] = parameters;
    if (parameter !== undefined)
      throw invalid(
        `parameters: ${JSON.stringify(parameter.slice(0, 200))} is not supported; the deployment says how a model is loaded`,
      );
    await model.load();
  }

  /** Resolves when the model's memory is free. Rejects with RequestError. */
  async unload(name: string): Promise<void> {
    await this.#controlled(name).unload();
  }

  #controlled(name: string): ServedModel {
    const model = this.find(name);
    if (this.#control === 'Explicit') return model;
    throw new RequestError(
      'NotAllowed',
      'loading and unloading by clients is off; spec.serving.modelControl: Explicit turns it on',
    );
  }

  /** Undefined when all models can run, but for those that somebody unloaded. */
  whyNotReady(): string | undefined {
    for (const model of this.#models.values()) {
      const reason = model.isUnloaded ? undefined : model.whyNotReady();
      if (reason !== undefined) return reason;
    }
    return undefined;
  }
}
