import type { Pod } from '../core/objects.ts';
import { isLeaving } from '../core/training/pod-state.ts';
import type { Key } from '../kube/object.ts';

/** How a pod ends once it is being deleted says nothing of why it went. */
const telling = (before: Pod | undefined, now: Pod): Pod =>
  before !== undefined && before.metadata.uid === now.metadata.uid && isLeaving(before) ? before : now;

/**
 * The pods of each object as they were seen last, so that one that is gone can still be told of: as they were when their deletion began,
 * if that was seen. It is of help only: it forgets everything when the operator ends.
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
    const before = this.#pods.get(key) ?? new Map<string, Pod>();
    const present = new Map(pods.map((pod) => [pod.metadata.name, telling(before.get(pod.metadata.name), pod)]));
    const gone = new Map([...before].filter(([name]) => !present.has(name) && isWanted(name)));
    this.#pods.set(key, new Map([...[...present].filter(([name]) => isWanted(name)), ...gone]));
    return gone;
  }

  forget(key: Key): void {
    this.#pods.delete(key);
  }
}
