import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../../lib/backoff.ts';
import type { Log } from '../../lib/log.ts';
import type { ListedModel, SharedModelReport } from '../contract.ts';
import type { ModelRepository } from './model-repository.ts';
import type { ServedModel } from './served-model.ts';
import { loadBackoff } from './served-model-options.ts';

export interface SharedModelsOptions {
  repository: ModelRepository;
  /** Makes a model that is not in memory yet. */
  create: (model: ListedModel) => ServedModel;
  /** Drops the figures of a model of which nothing is left. */
  forget: (name: string) => Promise<void>;
  random: () => number;
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
  /** Newer versions that are on their way into memory. */
  readonly #coming = new Set<ServedModel>();
  readonly #stopping = new AbortController();

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

  /** Takes over a list. Models that changed are replaced in time. */
  apply(list: readonly ListedModel[]): void {
    const { create, log } = this.#options;
    const before = this.#entries;
    const after = new Map<string, Entry>();
    const changed: Entry[] = [];
    for (const listed of list) {
      const known = before.get(listed.name);
      if (!known) {
        after.set(listed.name, { listed, model: create(listed), refused: undefined });
      } else if (isSame(known.listed, listed)) {
        after.set(listed.name, known);
      } else {
        const entry = { ...known, listed, refused: undefined };
        after.set(listed.name, entry);
        changed.push(entry);
      }
    }
    this.#entries = after;
    this.#publish();
    for (const [name, { model }] of before) {
      if (after.has(name)) continue;
      log.info({ model: name }, 'the model is no longer listed');
      this.#retire(model);
    }
    for (const entry of changed) void this.#replace(entry);
  }

  /** Resolves when every process is gone. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const all = [...this.models, ...this.#coming];
    await Promise.all([...all.map((model) => model.stop()), ...this.#retiring]);
  }

  /** Tries until the newer version serves, cannot be had for good, or is no longer wanted. */
  async #replace(entry: Entry): Promise<void> {
    const { create, random, log } = this.#options;
    const { listed, model: old } = entry;
    const { signal } = this.#stopping;
    const isWanted = (): boolean => this.#entries.get(listed.name) === entry && !signal.aborted;
    for (let failures = 1; isWanted(); failures++) {
      const fresh = create(listed);
      this.#coming.add(fresh);
      // What is not in memory is not worth the memory of two.
      if (old.pid !== undefined) await fresh.wake();
      this.#coming.delete(fresh);
      const { fault } = fresh.report;
      if (isWanted() && !fault) {
        entry.model = fresh;
        entry.refused = undefined;
        this.#publish();
        log.info({ model: listed.name, uri: listed.uri }, 'the model was replaced');
        this.#retire(old);
        return;
      }
      await fresh.stop();
      if (!fault) return;
      entry.refused = fault;
      log.error({ model: listed.name, fault }, 'the new version cannot be had; the one before goes on');
      if (!fault.retrying) return;
      await sleep(backoffMs(failures, loadBackoff, random), undefined, { signal }).catch(() => undefined);
    }
  }

  #publish(): void {
    this.#options.repository.set(this.models);
  }

  #retire(model: ServedModel): void {
    const gone = model
      .unused()
      .then(() => model.stop())
      .then(() => (this.#options.repository.has(model.name) ? undefined : this.#options.forget(model.name)))
      .finally(() => this.#retiring.delete(gone));
    this.#retiring.add(gone);
  }
}

const isSame = (a: ListedModel, b: ListedModel): boolean =>
  a.uri === b.uri && a.digest === b.digest && a.task === b.task;
