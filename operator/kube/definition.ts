import type { Plan } from '../core/plan.ts';
import type { Key, KubeObject, ObjectMeta, ObjectRef, ResourceKind } from './object.ts';

/** The last known objects of one kind. Readers never change what they get. */
export interface ReadStore {
  get(key: Key): KubeObject | undefined;
  /** The objects in the owner's namespace that it controls. A reference to it from another namespace is none. */
  ownedBy(owner: { metadata: ObjectMeta }): readonly KubeObject[];
  list(namespace?: string): readonly KubeObject[];
}

/** The stores a controller asked for in `owns` and `watches`, and that of its own kind. */
export type ReadStores = (kind: ResourceKind) => ReadStore;

/** An owned object that the API server, or the rule never to apply over what is not ours, refused. */
export interface Refusal {
  ref: ObjectRef;
  /**
   * `NameConflict`; `Denied` by an admission rule of the cluster; `WriteFailed` time and again, so that only another try can tell; or the
   * reason of the API server's Status, such as `Invalid` or `Forbidden`.
   */
  reason: string;
  message: string;
}

/** A kind that a controller keeps in a store, and whose events make it look at some of its own keys again. */
interface Interest {
  kind: ResourceKind;
  /** Narrows what is listed and kept. */
  labelSelector?: string;
  /** Events of this kind may wait so long for others, so that a thousand of them are one look. Absent: a look at once. */
  settleMs?: number;
}

interface Watch extends Interest {
  /** The keys to look at again; for a changed object it is asked for both the old and the new. */
  keysOf(object: KubeObject, stores: ReadStores): Key[];
}

/**
 * Something that `observe` reads beside the stores, such as what pods report. It runs on the leader, while the workers do.
 * Rejecting is a bug: it is logged and the source runs again.
 */
export interface Source {
  /** For logs. */
  name: string;
  /**
   * Runs until `signal` aborts.
   *
   * @param lookAgain asks for another reconcile of a key; cheap, and harmless where nothing changed
   */
  run(stores: ReadStores, lookAgain: (key: Key) => void, signal: AbortSignal): Promise<void>;
}

/** One controller: what it looks at, and the pure decision it takes. The rest is `controller.ts`. */
export interface Definition<Observed, Status> {
  /** For logs, metrics and field managers. */
  name: string;
  kind: ResourceKind;
  /** Kinds whose objects carry a controller reference to ours; their events map to the owner's key. */
  owns: Interest[];
  watches: Watch[];
  sources?: Source[];
  /** Hears of an object in its stores that is gone, as it was last: what it alone knew is gone with it. Cheap; called whether or not this process leads. */
  gone?(object: KubeObject, stores: ReadStores): void;
  /** Reads stores, and what its sources keep; no network. Undefined: the object is gone, and owner references collect the rest. */
  observe(key: Key, stores: ReadStores, refusals: readonly Refusal[]): Observed | undefined;
  /**
   * Pure but for what is given.
   *
   * @param begun when this controller began its work
   */
  render(observed: Observed, now: Date, begun: Date): Plan<Status>;
  /** The owner within what was observed, and the owned objects in it. */
  ownerOf(observed: Observed): KubeObject;
  childrenOf(observed: Observed): readonly KubeObject[];
}
