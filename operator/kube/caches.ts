import type { Log } from '../../lib/log.ts';
import type { KubeClient } from './client.ts';
import type { Clock } from './clock.ts';
import type { Definition } from './definition.ts';
import { Reflector } from './reflector.ts';
import type { ResourceKind } from './object.ts';
import { Store, type Change } from './store.ts';

interface Selection {
  kind: ResourceKind;
  labelSelector?: string;
}

interface Cache {
  store: Store;
  reflectors: Reflector[];
  listeners: ((change: Change) => void)[];
}

const cacheKey = ({ kind: { apiVersion, kind }, labelSelector = '' }: Selection): string =>
  `${apiVersion}/${kind}?${labelSelector}`;

/** The stores of all controllers, each shared by those that ask for the same kind and labels. */
export class Caches {
  readonly #options: { client: KubeClient; namespaces: readonly string[]; clock: Clock; log: Log };
  readonly #caches = new Map<string, Cache>();

  /** @param options.namespaces what to watch; empty: all */
  constructor(options: { client: KubeClient; namespaces: readonly string[]; clock: Clock; log: Log }) {
    this.#options = options;
  }

  /**
   * The stores of a definition, by kind; `listener` hears every change in any of them.
   * @throws Error where a definition asks for one kind twice, with different labels
   */
  join<Observed, Status>(
    definition: Definition<Observed, Status>,
    listener: (kind: ResourceKind, change: Change) => void,
  ): (kind: ResourceKind) => Store {
    const stores = new Map<string, { selection: string; store: Store }>();
    for (const selection of [{ kind: definition.kind }, ...definition.owns, ...definition.watches]) {
      const { kind } = selection;
      const name = `${kind.apiVersion}/${kind.kind}`;
      const key = cacheKey(selection);
      const known = stores.get(name);
      if (known?.selection === key) continue;
      if (known !== undefined)
        throw new Error(`controller ${definition.name} asks for ${name} with two label selectors`);
      const cache = this.#cache(selection);
      cache.listeners.push((change) => listener(kind, change));
      stores.set(name, { selection: key, store: cache.store });
    }
    return (kind) => {
      const found = stores.get(`${kind.apiVersion}/${kind.kind}`);
      if (found === undefined)
        throw new Error(`controller ${definition.name} reads ${kind.kind}, which it did not ask for`);
      return found.store;
    };
  }

  /** Keeps all stores up to date until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#reflectors().map((reflector) => reflector.run(signal)));
  }

  /** Resolves once every store holds a first list. */
  async synced(): Promise<void> {
    await Promise.all(this.#reflectors().map((reflector) => reflector.synced));
  }

  /** Resolves once every store holds a list that began after this call. */
  async listed(): Promise<void> {
    await Promise.all(this.#reflectors().map((reflector) => reflector.listed()));
  }

  #reflectors(): Reflector[] {
    return [...this.#caches.values()].flatMap(({ reflectors }) => reflectors);
  }

  #cache(selection: Selection): Cache {
    const known = this.#caches.get(cacheKey(selection));
    if (known !== undefined) return known;
    const { namespaces, ...shared } = this.#options;
    const store = new Store();
    const listeners: Cache['listeners'] = [];
    const onChange = (change: Change): void => listeners.forEach((listener) => listener(change));
    const scopes =
      selection.kind.namespaced && namespaces.length > 0 ? namespaces.map((namespace) => ({ namespace })) : [{}];
    const cache = {
      store,
      listeners,
      reflectors: scopes.map((scope) => new Reflector({ ...shared, ...selection, ...scope, store, onChange })),
    };
    this.#caches.set(cacheKey(selection), cache);
    return cache;
  }
}
