import type { Log } from '../../lib/log.ts';
import type { ListedModel, SharedModelReport } from '../contract.ts';
import type { ModelRepository } from './model-repository.ts';
import type { ServedModel } from './served-model.ts';

export interface SharedModelsOptions {
  repository: ModelRepository;
  /** Makes a model that is not in memory yet. */
  create: (model: ListedModel) => ServedModel;
  log: Log;
}

interface Entry {
  listed: ListedModel;
  model: ServedModel;
  /** Why the newest version of it does not serve: `model` is the one before. */
  refused: SharedModelReport['fault'];
}

/** Reports of faults travel many at a time. */
const maxMessage = 500;

/**
 * The models of one process, as a list says that is read again when it changes. A model that changed is replaced without a failed
 * request: where the old one is in memory, the new one is loaded beside it first, and one that cannot be loaded replaces nothing.
 */
export class SharedModels {
  readonly #options: SharedModelsOptions;
  #entries = new Map<string, Entry>();
  /** Models that were taken off the list and still answer what they accepted. */
  readonly #retiring = new Set<Promise<void>>();
  #isStopped = false;

  constructor(options: SharedModelsOptions) {
    this.#options = options;
  }

  /** In the order of the list. */
  get reports(): SharedModelReport[] {
    return [...this.#entries.values()].map(({ listed, model, refused }) => {
      const { uri, phase, digest, fault = refused } = model.report;
      return {
        name: listed.name,
        uri,
        phase,
        ...(digest !== undefined && { digest }),
        ...(fault && { fault: { ...fault, message: fault.message.slice(0, maxMessage) } }),
      };
    });
  }

  get models(): ServedModel[] {
    return [...this.#entries.values()].map(({ model }) => model);
  }

  /** Takes over a list. Resolves when models that changed were replaced, or refused. */
  async apply(list: readonly ListedModel[]): Promise<void> {
    const { create, log } = this.#options;
    const before = this.#entries;
    const after = new Map<string, Entry>();
    const changes: Promise<void>[] = [];
    for (const listed of list) {
      const known = before.get(listed.name);
      if (!known) {
        after.set(listed.name, { listed, model: create(listed), refused: undefined });
      } else if (isSame(known.listed, listed)) {
        after.set(listed.name, known);
      } else {
        const entry = { ...known, listed, refused: undefined };
        after.set(listed.name, entry);
        changes.push(this.#replace(entry, create(listed)));
      }
    }
    this.#entries = after;
    this.#publish();
    for (const [name, { model }] of before) {
      if (after.has(name)) continue;
      log.info({ model: name }, 'the model is no longer listed');
      this.#retire(model);
    }
    await Promise.all(changes);
  }

  /** Resolves when every process is gone. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.models.map((model) => model.stop()), ...this.#retiring]);
  }

  async #replace(entry: Entry, fresh: ServedModel): Promise<void> {
    const { log } = this.#options;
    const { name } = entry.listed;
    // What is not in memory is not worth the memory of two.
    if (entry.model.pid !== undefined) await fresh.wake();
    const { fault } = fresh.report;
    // Another change may have come meanwhile.
    const isWanted = this.#entries.get(name) === entry && !this.#isStopped;
    if (!isWanted || fault) {
      entry.refused = fault;
      if (fault) log.error({ model: name, fault }, 'the new version cannot be had; the one before goes on');
      await fresh.stop();
      return;
    }
    const old = entry.model;
    entry.model = fresh;
    this.#publish();
    log.info({ model: name, uri: entry.listed.uri }, 'the model was replaced');
    this.#retire(old);
  }

  #publish(): void {
    this.#options.repository.set(this.models);
  }

  #retire(model: ServedModel): void {
    const gone = model
      .idle()
      .then(() => model.stop())
      .finally(() => this.#retiring.delete(gone));
    this.#retiring.add(gone);
  }
}

const isSame = (a: ListedModel, b: ListedModel): boolean =>
  a.uri === b.uri && a.digest === b.digest && a.task === b.task;
