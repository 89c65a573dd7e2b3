import type { ModelControl } from '../contract.ts';
import { invalid, RequestError } from '../errors.ts';
import type { ServedModel } from './served-model.ts';

/** Each model has one version, under this name. */
export const modelVersion = '1';

const maxShownNames = 10;

/** The models of one server, by name: those that its configuration names, and on a laptop those that a client added. */
export class ModelRepository {
  #models: ReadonlyMap<string, ServedModel> = new Map();
  readonly #added = new Map<string, ServedModel>();
  readonly #control: ModelControl;

  constructor(control: ModelControl) {
    this.#control = control;
  }

  /** From now on these are the models. */
  set(models: readonly ServedModel[]): void {
    this.#models = new Map(models.map((model) => [model.name, model]));
  }

  /** One that the configuration does not name. A client may load and unload it. */
  add(model: ServedModel): void {
    this.#added.set(model.name, model);
  }

  remove(name: string): void {
    this.#added.delete(name);
  }

  has(name: string): boolean {
    return this.#models.has(name) || this.#added.has(name);
  }

  get models(): readonly ServedModel[] {
    return [...this.#models.values(), ...[...this.#added.values()].filter(({ name }) => !this.#models.has(name))];
  }

  /** An empty version means any. Throws RequestError `NotFound`. */
  find(name: string, version = ''): ServedModel {
    const model = this.#models.get(name) ?? this.#added.get(name);
    const shown = JSON.stringify(name.slice(0, 200));
    if (!model) {
      throw new RequestError('NotFound', `model ${shown} is not here; this serves ${this.#shownNames()}`);
    }
    if (version !== '' && version !== modelVersion) {
      throw new RequestError('NotFound', `model ${shown} has only the version ${JSON.stringify(modelVersion)}`);
    }
    return model;
  }

  /** The same, once the model's inputs and outputs are known. Rejects with RequestError. */
  async findAwake(name: string, version = ''): Promise<ServedModel> {
    const model = this.find(name, version);
    await model.awake({});
    return model;
  }

  /**
   * Loads a model, or loads it again. Resolves when it can run. Rejects with RequestError.
   *
   * @param parameters what the client asks for beside that, by name: another configuration or other files are refused
   */
  async load(name: string, parameters: readonly string[]): Promise<void> {
    const model = this.controlled(name);
    const [parameter] = parameters;
    if (parameter !== undefined)
      throw invalid(
        `parameters: ${JSON.stringify(parameter.slice(0, 200))} is not supported; the deployment says how a model is loaded`,
      );
    await model.load();
  }

  /** Resolves when the model's memory is free. Rejects with RequestError. */
  async unload(name: string): Promise<void> {
    await this.controlled(name).unload();
  }

  /** A model that clients may load and unload. Throws RequestError. */
  controlled(name: string): ServedModel {
    const model = this.find(name);
    if (this.#control === 'Explicit' || this.#added.get(name) === model) return model;
    throw new RequestError(
      'NotAllowed',
      'loading and unloading by clients is off; spec.serving.modelControl: Explicit turns it on',
    );
  }

  #shownNames(): string {
    const names = this.models.map((known) => JSON.stringify(known.name));
    const more = names.length - maxShownNames;
    return names.slice(0, maxShownNames).join(', ') + (more > 0 ? ` and ${more} more` : '');
  }

  /** Undefined when all models that the configuration names can run, but for those that somebody unloaded, and those that share memory: each of them answers for itself. */
  whyNotReady(): string | undefined {
    for (const model of this.#models.values()) {
      const reason = model.isUnloaded || model.isShared ? undefined : model.whyNotReady();
      if (reason !== undefined) return reason;
    }
    return undefined;
  }
}
