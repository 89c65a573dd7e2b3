import type { ReadStore } from './definition.ts';
import { controllerOf, keyOf, type Key, type KubeObject, type ObjectMeta } from './object.ts';

/** What became of one object: absent `old` is an addition, absent `new` a deletion. */
export interface Change {
  old?: KubeObject;
  new?: KubeObject;
}

const versionOf = (object: KubeObject | undefined): string | undefined => object?.metadata.resourceVersion;

/**
 * The last known objects of one kind, with an index by controller owner. Every method that changes it returns what changed, so
 * that nobody has to compare; an object at the version already known is no change, which is how the echo of our own write is
 * told from somebody else's.
 */
export class Store implements ReadStore {
  readonly #objects = new Map<Key, KubeObject>();
  readonly #owned = new Map<string, Map<Key, KubeObject>>();

  get(key: Key): KubeObject | undefined {
    return this.#objects.get(key);
  }

  ownedBy({ metadata: { uid = '', namespace } }: { metadata: ObjectMeta }): readonly KubeObject[] {
    const owned = [...(this.#owned.get(uid)?.values() ?? [])];
    return namespace === undefined ? owned : owned.filter(({ metadata }) => metadata.namespace === namespace);
  }

  list(namespace?: string): readonly KubeObject[] {
    const all = [...this.#objects.values()];
    return namespace === undefined ? all : all.filter((object) => object.metadata.namespace === namespace);
  }

  get size(): number {
    return this.#objects.size;
  }

  put(object: KubeObject): Change | undefined {
    const key = keyOf(object);
    const old = this.#objects.get(key);
    if (old !== undefined && versionOf(old) === versionOf(object) && old.metadata.uid === object.metadata.uid)
      return undefined;
    this.#unindex(key, old);
    this.#objects.set(key, object);
    const owner = controllerOf(object);
    if (owner !== undefined) {
      let owned = this.#owned.get(owner.uid);
      if (owned === undefined) this.#owned.set(owner.uid, (owned = new Map<Key, KubeObject>()));
      owned.set(key, object);
    }
    return old === undefined ? { new: object } : { old, new: object };
  }

  /** Does nothing where another incarnation has the name by now. */
  delete(object: KubeObject): Change | undefined {
    const key = keyOf(object);
    const old = this.#objects.get(key);
    if (old === undefined || old.metadata.uid !== object.metadata.uid) return undefined;
    this.#unindex(key, old);
    this.#objects.delete(key);
    return { old };
  }

  /** Takes a whole list for the truth, all at once: what is not in it (of that namespace, if one is given) is gone. */
  replace(objects: readonly KubeObject[], namespace?: string): Change[] {
    const kept = new Set(objects.map(keyOf));
    const gone = this.list(namespace).filter((object) => !kept.has(keyOf(object)));
    return [...gone.map((object) => this.delete(object)), ...objects.map((object) => this.put(object))].filter(
      (change) => change !== undefined,
    );
  }

  /**
   * Takes the answer to a write of ours for the truth before the watch reports it, so that the next look does not repeat the write.
   * Does nothing where the store moved on meanwhile: then the watch knows better.
   *
   * @param seen what the store held when the write was decided
   */
  assume(object: KubeObject, seen: KubeObject | undefined): Change | undefined {
    return versionOf(this.#objects.get(keyOf(object))) === versionOf(seen) ? this.put(object) : undefined;
  }

  #unindex(key: Key, object: KubeObject | undefined): void {
    const uid = object === undefined ? undefined : controllerOf(object)?.uid;
    if (uid === undefined) return;
    const owned = this.#owned.get(uid);
    owned?.delete(key);
    if (owned?.size === 0) this.#owned.delete(uid);
  }
}
