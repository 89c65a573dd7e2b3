import { isDeepStrictEqual } from 'node:util';
import type { KubeClient, ListOptions, ListPage, WatchEvent, WatchOptions } from '../../operator/kube/client.ts';
import type { KubeObject, ObjectMeta, ObjectRef, ResourceKind } from '../../operator/kube/object.ts';
import { leaves, merge, prune, unowned } from './fields.ts';
import { isOver, type PodSpec } from './pod.ts';
import { alreadyExists, conflict, forbidden, invalid, notFound, tooOld } from './refusals.ts';
import { labelMatcher } from './selectors.ts';
import { eventFor, WatchLog } from './watch-log.ts';

/** Judges an object before it is stored: returns what is stored (defaults filled in), or throws a KubeError. */
export type Admission = (object: KubeObject, previous: KubeObject | undefined) => KubeObject;

export interface ClusterOptions {
  now: () => Date;
  /** A fresh uid for each object. */
  uid: () => string;
  admission?: Admission;
  /** Changes that a watch can still catch up on, for each kind. */
  history?: number;
}

/** The kinds whose status is written by itself. */
const withoutStatus = new Set([
  'ConfigMap',
  'Secret',
  'ServiceAccount',
  'Event',
  'Lease',
  'NetworkPolicy',
  'Role',
  'RoleBinding',
]);

interface Stored {
  object: KubeObject;
  /** Manager → the leaves it set by its last apply. */
  owned: Map<string, Set<string>>;
}

type Verb = 'create' | 'apply' | 'replace';

/** As the wire does: no shared references, no undefined fields. */
const copy = (object: KubeObject): KubeObject => JSON.parse(JSON.stringify(object)) as KubeObject;
const kindKey = (kind: { apiVersion: string; kind: string }): string => `${kind.apiVersion}/${kind.kind}`;
const refKey = (ref: { kind: string; apiVersion: string; namespace?: string; name: string }): string =>
  `${kindKey(ref)}/${ref.namespace ?? ''}/${ref.name}`;
const refFor = (object: KubeObject): ObjectRef => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  ...nameOf(object),
});
const nameOf = ({ metadata: { name, namespace } }: KubeObject) => ({
  name,
  ...(namespace === undefined ? {} : { namespace }),
});

/** Everything but metadata and status: what a new generation is about. */
function desired(object: KubeObject): Record<string, unknown> {
  return without(object, 'metadata', 'status');
}

function without(object: object, ...fields: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([field]) => !fields.includes(field)));
}

/**
 * An API server in memory: versions, generations, server-side apply with field ownership, watches that can be too old,
 * finalizers, and garbage collection by owner references in the background.
 *
 * Left out: schema checks of built-in kinds, namespaces as objects (any may be used), managedFields in what is read,
 * conversion, and preconditions of foreground deletion.
 */
export class LocalCluster {
  readonly #options: ClusterOptions;
  readonly #objects = new Map<string, Stored>();
  readonly #logs = new Map<string, WatchLog>();
  #version = 0;
  #collecting = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** The API as `manager` sees it; status is applied as `MANAGER-status`. */
  client(manager: string): KubeClient {
    return {
      get: (ref) => answer(() => this.get(ref)),
      list: (kind, options) => answer(() => this.#list(kind, options)),
      watch: (kind, options) => this.#watch(kind, options),
      apply: (object) => answer(() => this.#apply(manager, object)),
      create: (object) => answer(() => this.#create(object)),
      replace: (object) => answer(() => this.#replace(object)),
      applyStatus: (object) => answer(() => this.#applyStatus(`${manager}-status`, object)),
      remove: (ref, options) => answer(() => this.#remove(ref, options?.gracePeriodSeconds)),
    };
  }

  /** @throws KubeError 404 */
  get(ref: ObjectRef): KubeObject {
    return copy(this.#stored(ref).object);
  }

  /** All objects of a kind, over all namespaces unless one is given. */
  all(kind: { apiVersion: string; kind: string }, namespace?: string): KubeObject[] {
    const prefix = namespace === undefined ? `${kindKey(kind)}/` : `${kindKey(kind)}/${namespace}/`;
    return [...this.#objects].filter(([key]) => key.startsWith(prefix)).map(([, { object }]) => copy(object));
  }

  /** Calls back after every change of a kind, until the returned function is called. */
  onChange(kind: { apiVersion: string; kind: string }, listener: () => void): () => void {
    return this.#log(kindKey(kind)).onChange(listener);
  }

  /** Creates, with its status. @throws KubeError 403, 409, 422 */
  add(object: KubeObject): KubeObject {
    return this.#create(object);
  }

  /** Replaces all but the status. @throws KubeError 404, 409, 422 */
  update(object: KubeObject): KubeObject {
    return this.#replace(object);
  }

  /** Deletes, gracefully where a node runs it. Where `ref.uid` is given, only that incarnation. Gone already is no error. */
  delete(ref: ObjectRef): void {
    this.#remove(ref);
  }

  /** Replaces `.status`, as the controllers of built-in kinds do. Gone already is no error. */
  writeStatus(ref: ObjectRef, status: Record<string, unknown>): void {
    const stored = this.#objects.get(refKey(ref));
    if (stored === undefined || (ref.uid !== undefined && stored.object.metadata.uid !== ref.uid)) return;
    this.#store('replace', stored.object, { ...stored.object, status }, stored.owned);
  }

  /** Ends a graceful deletion: the object goes at once. Gone already is no error. */
  purge(ref: ObjectRef): void {
    const stored = this.#objects.get(refKey(ref));
    if (stored !== undefined && (ref.uid === undefined || stored.object.metadata.uid === ref.uid)) this.#drop(stored);
  }

  /** Forgets the history of a kind, so that every watch of it is too old. */
  compact(kind: { apiVersion: string; kind: string }): void {
    this.#log(kindKey(kind)).compact();
  }

  #stored(ref: ObjectRef): Stored {
    const stored = this.#objects.get(refKey(ref));
    if (stored === undefined) throw notFound(ref);
    return stored;
  }

  #log(kind: string): WatchLog {
    let log = this.#logs.get(kind);
    if (log === undefined) this.#logs.set(kind, (log = new WatchLog(this.#options.history ?? 4096)));
    return log;
  }

  #list(kind: ResourceKind, { namespace, labelSelector }: ListOptions): ListPage {
    const matches = labelMatcher(labelSelector);
    const items = this.all(kind, namespace).filter((object) => matches(object.metadata.labels));
    return { items, resourceVersion: String(this.#version) };
  }

  async *#watch(kind: ResourceKind, options: WatchOptions): AsyncGenerator<WatchEvent> {
    const matches = labelMatcher(options.labelSelector);
    const visible = (object: KubeObject): boolean =>
      (options.namespace === undefined || object.metadata.namespace === options.namespace) &&
      matches(object.metadata.labels);
    const log = this.#log(kindKey(kind));
    const end = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutSeconds * 1000)]);
    let version = Number(options.resourceVersion);
    let wake: () => void = () => undefined;
    const stop = log.onChange(() => wake());
    const onEnd = (): void => wake();
    end.addEventListener('abort', onEnd);
    try {
      while (!end.aborted) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        const changes = log.after(version);
        if (changes === undefined) throw tooOld(version);
        for (const change of changes) {
          version = change.version;
          const event = eventFor(change, visible);
          if (event !== undefined) yield { type: event.type, object: copy(event.object) };
        }
        if (changes.length === 0) await changed;
      }
    } finally {
      stop();
      end.removeEventListener('abort', onEnd);
    }
    const { apiVersion, kind: name } = kind;
    const metadata = { name: '', resourceVersion: String(version) };
    if (!options.signal.aborted) yield { type: 'BOOKMARK', object: { apiVersion, kind: name, metadata } };
  }

  #create(object: KubeObject): KubeObject {
    if (this.#objects.has(refKey(refFor(object)))) throw alreadyExists(refFor(object));
    return this.#store('create', undefined, object, new Map());
  }

  #replace(object: KubeObject): KubeObject {
    const { object: live, owned } = this.#stored(refFor(object));
    requireSame(object, live);
    const status = withoutStatus.has(object.kind) ? {} : { status: live.status };
    return this.#store('replace', live, { ...object, ...status }, owned);
  }

  #apply(manager: string, object: KubeObject): KubeObject {
    const stored = this.#objects.get(refKey(refFor(object)));
    const intent = without(copy(object), 'status') as unknown as KubeObject;
    const set = leaves(ownable(intent));
    if (stored === undefined) {
      if (object.metadata.uid !== undefined) throw conflict(refFor(object), 'the object with this uid is gone');
      return this.#store('apply', undefined, intent, new Map([[manager, set]]));
    }
    requireSame(object, stored.object);
    const next = applied(stored, manager, set, ownable(intent)) as KubeObject;
    return this.#store('apply', stored.object, next, new Map(stored.owned).set(manager, set));
  }

  #applyStatus(manager: string, object: KubeObject): KubeObject {
    const stored = this.#stored(refFor(object));
    requireSame(object, stored.object);
    const intent = { status: copy(object).status };
    const set = leaves(intent);
    const next = applied(stored, manager, set, intent) as KubeObject;
    return this.#store('replace', stored.object, next, new Map(stored.owned).set(manager, set));
  }

  #remove(ref: ObjectRef, givenSeconds?: number): KubeObject | undefined {
    const stored = this.#objects.get(refKey(ref));
    // Another incarnation under this name means that the one asked for is gone.
    if (stored === undefined || (ref.uid !== undefined && stored.object.metadata.uid !== ref.uid)) return undefined;
    const { object } = stored;
    const seconds = graceSeconds(object, givenSeconds);
    if (seconds === 0 && (object.metadata.finalizers ?? []).length === 0) {
      this.#drop(stored);
      return undefined;
    }
    const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = object.metadata;
    if (deletionTimestamp !== undefined && seconds >= deletionGracePeriodSeconds) return copy(object);
    // As an API server does, with the time at which the object will be gone.
    const leaving = { deletionTimestamp: this.#time(seconds), deletionGracePeriodSeconds: seconds };
    return this.#store(
      'replace',
      object,
      { ...object, metadata: { ...object.metadata, ...leaving } },
      stored.owned,
      true,
    );
  }

  /** @param inSeconds from now */
  #time(inSeconds = 0): string {
    const time = new Date(this.#options.now().getTime() + inSeconds * 1_000);
    return `${time.toISOString().slice(0, 19)}Z`;
  }

  /** The one place where an object is written. No change, no new version, no event: as the API server does it. */
  #store(
    verb: Verb,
    live: KubeObject | undefined,
    wanted: KubeObject,
    owned: Map<string, Set<string>>,
    deleting = false,
  ): KubeObject {
    const candidate = copy(wanted);
    if ((candidate.metadata.ownerReferences ?? []).filter(({ controller }) => controller === true).length > 1) {
      const message = 'only one reference can have controller set to true';
      throw invalid(refFor(candidate), [{ field: 'metadata.ownerReferences', message }]);
    }
    const admitted =
      live?.metadata.deletionTimestamp === undefined && !deleting ? this.#admit(candidate, live) : candidate;
    if (live === undefined) this.#checkQuota(admitted);
    const changed = live === undefined || !isDeepStrictEqual(desired(admitted), desired(live));
    const metadata: ObjectMeta = {
      ...admitted.metadata,
      uid: live?.metadata.uid ?? this.#options.uid(),
      creationTimestamp: live?.metadata.creationTimestamp ?? this.#time(),
      generation: (live?.metadata.generation ?? 0) + (changed || deleting ? 1 : 0),
      resourceVersion: live?.metadata.resourceVersion ?? '',
    };
    if (!deleting && live?.metadata.deletionTimestamp !== undefined) {
      metadata.deletionTimestamp = live.metadata.deletionTimestamp;
      metadata.deletionGracePeriodSeconds = live.metadata.deletionGracePeriodSeconds ?? 0;
    }
    const object = copy({ ...admitted, metadata });
    const key = refKey(refFor(object));
    if (live !== undefined && isDeepStrictEqual(object, live)) {
      this.#objects.set(key, { object: live, owned });
      return copy(live);
    }
    object.metadata.resourceVersion = String(++this.#version);
    this.#objects.set(key, { object, owned });
    this.#log(kindKey(object)).add({
      version: this.#version,
      type: live === undefined ? 'ADDED' : 'MODIFIED',
      object,
      ...(live === undefined ? {} : { previous: live }),
    });
    const free = (object.metadata.finalizers ?? []).length === 0 && object.kind !== 'Pod';
    if (object.metadata.deletionTimestamp !== undefined && free) this.#drop({ object, owned });
    if ((object.metadata.ownerReferences ?? []).length > 0) this.#collectSoon();
    return copy(object);
  }

  #admit(object: KubeObject, live: KubeObject | undefined): KubeObject {
    if (object.kind === 'Service' && object.apiVersion === 'v1') {
      object.spec = { type: 'ClusterIP', clusterIP: '127.0.0.1', ...(object.spec as object | undefined) };
    }
    return this.#options.admission === undefined
      ? object
      : copy(this.#options.admission(object, live === undefined ? undefined : copy(live)));
  }

  /** ResourceQuota, for the one thing that our own kinds can run into: the number of pods. */
  #checkQuota(object: KubeObject): void {
    const { namespace, name } = object.metadata;
    if (object.kind !== 'Pod' || namespace === undefined) return;
    for (const quota of this.all({ apiVersion: 'v1', kind: 'ResourceQuota' }, namespace)) {
      const limit = Number(
        (quota.spec as { hard?: Record<string, string | number> } | undefined)?.hard?.pods ?? Infinity,
      );
      const used = this.all({ apiVersion: 'v1', kind: 'Pod' }, namespace).filter((pod) => !isOver(pod)).length;
      if (used < limit) continue;
      const message = `pods "${name}" is forbidden: exceeded quota: ${quota.metadata.name}, requested: pods=1, used: pods=${used}, limited: pods=${limit}`;
      throw forbidden(message);
    }
  }

  #drop({ object }: Stored): void {
    if (!this.#objects.delete(refKey(refFor(object)))) return;
    const gone = copy(object);
    gone.metadata.resourceVersion = String(++this.#version);
    this.#log(kindKey(object)).add({ version: this.#version, type: 'DELETED', object: gone, previous: object });
    this.#collectSoon();
  }

  /** Owners are looked for a moment later, as the garbage collector does. */
  #collectSoon(): void {
    if (this.#collecting) return;
    this.#collecting = true;
    setImmediate(() => {
      this.#collecting = false;
      const uids = new Set([...this.#objects.values()].map(({ object }) => object.metadata.uid));
      for (const { object } of [...this.#objects.values()]) {
        const owners = object.metadata.ownerReferences ?? [];
        if (owners.length > 0 && owners.every(({ uid }) => !uids.has(uid))) this.#remove(refFor(object));
      }
    });
  }
}

/** How long the node may take to stop it: nothing for what no node runs, or runs no more. */
function graceSeconds(object: KubeObject, givenSeconds: number | undefined): number {
  const { nodeName, terminationGracePeriodSeconds = 30 } = (object.spec ?? {}) as PodSpec;
  if (object.kind !== 'Pod' || nodeName === undefined || isOver(object)) return 0;
  return givenSeconds ?? terminationGracePeriodSeconds;
}

const identity = ['name', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'managedFields'];

/** The part of an apply that its manager comes to own. */
function ownable(intent: KubeObject): Record<string, unknown> {
  const metadata = without(intent.metadata, ...identity);
  return {
    ...without(intent, 'apiVersion', 'kind', 'metadata'),
    ...(Object.keys(metadata).length === 0 ? {} : { metadata }),
  };
}

/** The live object after `manager` applied `intent`: what it set before and no longer sets goes, unless others set it. */
function applied(
  { object, owned }: Stored,
  manager: string,
  set: ReadonlySet<string>,
  intent: Record<string, unknown>,
): unknown {
  const dropped = [...(owned.get(manager) ?? [])].filter((path) => !set.has(path));
  const others = [set, ...[...owned].filter(([name]) => name !== manager).map(([, paths]) => paths)];
  return merge(prune(object, unowned(dropped, others)), intent);
}

function requireSame(object: KubeObject, live: KubeObject): void {
  const { uid, resourceVersion } = object.metadata;
  if (uid !== undefined && uid !== live.metadata.uid)
    throw conflict(refFor(object), `its uid is ${live.metadata.uid ?? ''}, not ${uid}`);
  if (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion) {
    throw conflict(
      refFor(object),
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
}

/** Answers a little later, as a server does, and turns what is thrown into a rejection. */
function answer<T>(work: () => T): Promise<T> {
  return new Promise((resolve, reject) =>
    setImmediate(() => {
      try {
        resolve(work());
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    }),
  );
}
