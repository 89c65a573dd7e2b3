import type { KubeObject, ObjectRef, ResourceKind } from './object.ts';

/** One change as a watch reports it. A bookmark carries only `metadata.resourceVersion`. */
export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: KubeObject;
}

export interface ListPage {
  items: KubeObject[];
  /** Where a watch may go on from. */
  resourceVersion: string;
  /** Present while there are more pages. */
  continueToken?: string;
}

export interface ListOptions {
  /** Absent: all namespaces. */
  namespace?: string;
  labelSelector?: string;
  limit?: number;
  continueToken?: string;
  signal?: AbortSignal;
}

export interface WatchOptions {
  namespace?: string;
  labelSelector?: string;
  resourceVersion: string;
  /** The server ends the watch after this long. */
  timeoutSeconds: number;
  signal: AbortSignal;
}

export interface WriteOptions {
  signal?: AbortSignal;
}

export interface RemoveOptions extends WriteOptions {
  /** Absent: what the object itself asks for. 0 ends a graceful deletion that has begun, without waiting for a pod's node. */
  gracePeriodSeconds?: number;
}

/**
 * All that the operator asks of an API server. Implemented over HTTP (`http-client.ts`) and in memory (`cli/local/`);
 * one behaviour suite holds both to the same promises.
 *
 * Every method rejects with a KubeError, whose `status` and `reason` are those of the API server's Status object.
 */
export interface KubeClient {
  /** @throws KubeError 404 */
  get(ref: ObjectRef, options?: WriteOptions): Promise<KubeObject>;

  /** One page. @throws KubeError 410 when the continue token is too old. */
  list(kind: ResourceKind, options: ListOptions): Promise<ListPage>;

  /**
   * Changes after `resourceVersion`, until the server ends the stream, which is no error.
   * @throws KubeError 410 when `resourceVersion` is too old, be it as an HTTP status or as an ERROR event.
   */
  watch(kind: ResourceKind, options: WatchOptions): AsyncIterable<WatchEvent>;

  /** Server-side apply, forced, as the client's field manager. Creates what is not there. */
  apply(object: KubeObject, options?: WriteOptions): Promise<KubeObject>;

  /** Creates. @throws KubeError 409 AlreadyExists */
  create(object: KubeObject, options?: WriteOptions): Promise<KubeObject>;

  /** Replaces; fails on another `resourceVersion`. @throws KubeError 409 Conflict */
  replace(object: KubeObject, options?: WriteOptions): Promise<KubeObject>;

  /**
   * Server-side apply of `.status`, as a field manager of its own.
   * A `resourceVersion` or `uid` in the metadata is a precondition. @throws KubeError 404, 409
   */
  applyStatus(object: KubeObject, options?: WriteOptions): Promise<KubeObject>;

  /**
   * Deletes in the background. Where `ref.uid` is given, only that incarnation. Gone already is no error, and neither is another incarnation.
   * @returns the object while something still keeps it, such as the node of a pod or a finalizer; undefined once it is gone
   */
  remove(ref: ObjectRef, options?: RemoveOptions): Promise<KubeObject | undefined>;
}
