import type { Pod } from '../core/objects.ts';
import { isLeaving } from '../core/training/pod-state.ts';
import { keyOf, type Key, type ObjectMeta } from '../kube/object.ts';

/** What is remembered under the name of a pod. */
interface Memory {
  /** As it was seen last; absent where it went while nobody wanted it. */
  pod?: Pod;
  wanted: boolean;
  dismissed: boolean;
}

export interface Noted {
  /** Pods that should be there and are not, by name. */
  lastSeen: ReadonlyMap<string, Pod>;
  /** Names of pods that had to go because nobody wanted them, until another has the name. */
  dismissed: ReadonlySet<string>;
}

/** How a pod ends once it is being deleted says nothing of why it went. */
const telling = (before: Pod | undefined, now: Pod): Pod => (before !== undefined && isLeaving(before) ? before : now);

function present(pod: Pod, earlier: Memory | undefined, wanted: boolean): Memory {
  const before = earlier?.pod?.metadata.uid === pod.metadata.uid ? earlier : undefined;
  // Its deletion may have begun just before it was wanted again.
  const unwanted = !wanted || before?.wanted === false;
  return {
    pod: telling(before?.pod, pod),
    wanted,
    dismissed: before?.dismissed === true || (unwanted && isLeaving(pod)),
  };
}

function gone({ pod, ...earlier }: Memory, wanted: boolean): Memory {
  const dismissed = earlier.dismissed || !earlier.wanted || !wanted;
  return { wanted, dismissed, ...(pod === undefined || !wanted ? {} : { pod }) };
}

/**
 * The pods of each object as they were seen last, so that one that is gone can still be told of: as they were when their deletion began,
 * if that was seen. It is of help only: it forgets everything when the operator ends.
 */
export class LastSeen {
  readonly #objects = new Map<Key, { uid: string; pods: ReadonlyMap<string, Memory> }>();

  /**
   * Takes note of the pods of an object that are there.
   *
   * @param isWanted whether there should be a pod of this name
   */
  note(owner: { metadata: ObjectMeta }, pods: readonly Pod[], isWanted: (name: string) => boolean): Noted {
    const { uid = '' } = owner.metadata;
    const known = this.#objects.get(keyOf(owner));
    // An object that was deleted and made anew under its name starts with nothing.
    const before = known?.uid === uid ? known.pods : new Map<string, Memory>();
    const there = new Map(
      pods.map((pod): [string, Memory] => {
        const { name } = pod.metadata;
        return [name, present(pod, before.get(name), isWanted(name))];
      }),
    );
    const away = [...before]
      .filter(([name]) => !there.has(name))
      .map(([name, earlier]): [string, Memory] => [name, gone(earlier, isWanted(name))]);
    const all = new Map([...there, ...away]);
    this.#objects.set(keyOf(owner), { uid, pods: all });
    return {
      lastSeen: new Map(away.flatMap(([name, { pod }]): [string, Pod][] => (pod === undefined ? [] : [[name, pod]]))),
      dismissed: new Set([...all].filter(([, { dismissed }]) => dismissed).map(([name]) => name)),
    };
  }

  forget(key: Key): void {
    this.#objects.delete(key);
  }
}
