import type { Pod } from '../core/objects.ts';
import type { Key } from '../kube/object.ts';

/**
 * The pods of each object as they were seen last, so that one that is gone can still be told of. It is of help only: it forgets
 * everything when the operator ends.
 */
export class LastSeen {
  readonly #pods = new Map<Key, ReadonlyMap<string, Pod>>();

  /**
   * Takes note of the pods that are there.
   *
   * @param isWanted whether there should be a pod of this name; others are not remembered
   * @returns those that should be there and are not, by name
   */
  note(key: Key, pods: readonly Pod[], isWanted: (name: string) => boolean): ReadonlyMap<string, Pod> {
    const present = new Map(pods.map((pod) => [pod.metadata.name, pod]));
    const gone = new Map([...(this.#pods.get(key) ?? [])].filter(([name]) => !present.has(name) && isWanted(name)));
    this.#pods.set(key, new Map([...[...present].filter(([name]) => isWanted(name)), ...gone]));
    return gone;
  }

  forget(key: Key): void {
    this.#pods.delete(key);
  }
}
