import type {
  KubeClient,
  ListOptions,
  ListPage,
  RemoveOptions,
  WatchEvent,
  WatchOptions,
  WriteOptions,
} from './client.ts';
import { isConflict, isNotFound, KubeError } from './errors.ts';
import { HttpTransfer, type Verb } from './http-transfer.ts';
import type { Transport } from './kube-config.ts';
import type { KubeObject, ObjectRef, ResourceKind } from './object.ts';
import { collectionPath, objectPath, query } from './paths.ts';
import { watchEvents } from './watch-stream.ts';

export interface HttpClientOptions {
  /** The owner of what is applied; status is applied as `MANAGER-status`. */
  fieldManager: string;
  /** A whole call but a watch. Default 30 s. */
  requestTimeoutMs?: number;
  /** A watch that says nothing, not even a bookmark, for this long is taken for dead. Default 150 s. */
  watchSilenceMs?: number;
}

interface RawList {
  items?: KubeObject[] | null;
  metadata?: { resourceVersion?: string; continue?: string };
}

interface ApiResourceList {
  resources?: { name: string; kind: string; namespaced: boolean }[];
}

const applyPatch = 'application/apply-patch+yaml';

/** Nobody here reads managedFields, and they are half of what an object weighs. */
function slim<T extends KubeObject>(object: T): T {
  delete object.metadata.managedFields;
  return object;
}

/** A deletion is answered with a Status, or with the object, which may be its last words. */
function kept(answer: KubeObject): KubeObject | undefined {
  if (answer.kind === 'Status') return undefined;
  const { deletionGracePeriodSeconds = 0, finalizers = [] } = answer.metadata;
  return deletionGracePeriodSeconds > 0 || finalizers.length > 0 ? slim(answer) : undefined;
}

const namespaceOf = (object: KubeObject): ObjectRef => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  name: object.metadata.name,
  ...(object.metadata.namespace === undefined ? {} : { namespace: object.metadata.namespace }),
});

/**
 * The API server over HTTP: raw JSON, one pool of connections, nothing retried but a call that was refused with 401, once, with
 * credentials read anew. Plurals of kinds it was never told come from discovery, once for each group and version.
 */
export class HttpClient implements KubeClient {
  readonly #transfer: HttpTransfer;
  readonly #options: HttpClientOptions;
  readonly #kinds = new Map<string, Promise<Map<string, ResourceKind>>>();

  constructor(transport: Transport, options: HttpClientOptions) {
    this.#transfer = new HttpTransfer(transport, options.requestTimeoutMs ?? 30_000);
    this.#options = options;
  }

  async get(ref: ObjectRef, { signal }: WriteOptions = {}): Promise<KubeObject> {
    return slim((await this.#call('GET', await this.#path(ref), { signal })) as KubeObject);
  }

  async list(
    kind: ResourceKind,
    { namespace, labelSelector, limit, continueToken, signal }: ListOptions,
  ): Promise<ListPage> {
    const path = collectionPath(kind, namespace) + query({ labelSelector, limit, continue: continueToken });
    const { items, metadata } = (await this.#call('GET', path, { signal })) as RawList;
    // Items of built-in kinds come without these two.
    const whole = (items ?? []).map((item) => slim({ ...item, apiVersion: kind.apiVersion, kind: kind.kind }));
    return {
      items: whole,
      resourceVersion: metadata?.resourceVersion ?? '',
      ...(metadata?.continue ? { continueToken: metadata.continue } : {}),
    };
  }

  async *watch(kind: ResourceKind, options: WatchOptions): AsyncGenerator<WatchEvent> {
    const { namespace, labelSelector, resourceVersion, timeoutSeconds, signal } = options;
    const path =
      collectionPath(kind, namespace) +
      query({ watch: true, allowWatchBookmarks: true, labelSelector, resourceVersion, timeoutSeconds });
    const body = this.#transfer.stream(path, {
      signal,
      limitMs: timeoutSeconds * 1000 + 5_000,
      silenceMs: this.#options.watchSilenceMs ?? 150_000,
    });
    for await (const event of watchEvents(body)) yield { type: event.type, object: slim(event.object) };
  }

  apply(object: KubeObject, { signal }: WriteOptions = {}): Promise<KubeObject> {
    return this.#patch(object, '', this.#options.fieldManager, signal);
  }

  applyStatus(object: KubeObject, { signal }: WriteOptions = {}): Promise<KubeObject> {
    return this.#patch(object, '/status', `${this.#options.fieldManager}-status`, signal);
  }

  async create(object: KubeObject, { signal }: WriteOptions = {}): Promise<KubeObject> {
    const kind = await this.#kind(object);
    const path = collectionPath(kind, object.metadata.namespace) + query({ fieldManager: this.#options.fieldManager });
    return slim((await this.#call('POST', path, { signal, body: object })) as KubeObject);
  }

  async replace(object: KubeObject, { signal }: WriteOptions = {}): Promise<KubeObject> {
    const path = (await this.#path(namespaceOf(object))) + query({ fieldManager: this.#options.fieldManager });
    return slim((await this.#call('PUT', path, { signal, body: object })) as KubeObject);
  }

  async remove(ref: ObjectRef, { signal, gracePeriodSeconds }: RemoveOptions = {}): Promise<KubeObject | undefined> {
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: 'Background',
      ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
      ...(ref.uid === undefined ? {} : { preconditions: { uid: ref.uid } }),
    };
    try {
      return kept((await this.#call('DELETE', await this.#path(ref), { signal, body })) as KubeObject);
    } catch (error) {
      // Another incarnation under this name means that the one asked for is gone.
      if (!isNotFound(error) && !(ref.uid !== undefined && isConflict(error))) throw error;
      return undefined;
    }
  }

  /** Ends every call under way. */
  close(): Promise<void> {
    return this.#transfer.close();
  }

  async #patch(
    object: KubeObject,
    subresource: string,
    fieldManager: string,
    signal: AbortSignal | undefined,
  ): Promise<KubeObject> {
    const path = (await this.#path(namespaceOf(object))) + subresource + query({ fieldManager, force: true });
    return slim((await this.#call('PATCH', path, { signal, body: object, contentType: applyPatch })) as KubeObject);
  }

  #call(
    verb: Verb,
    path: string,
    options: { signal: AbortSignal | undefined; body?: unknown; contentType?: string },
  ): Promise<unknown> {
    return this.#transfer.call(verb, path, options);
  }

  async #path(ref: ObjectRef): Promise<string> {
    return objectPath(await this.#kind(ref), ref.namespace, ref.name);
  }

  async #kind({ apiVersion, kind }: { apiVersion: string; kind: string }): Promise<ResourceKind> {
    let known = this.#kinds.get(apiVersion);
    if (known === undefined) {
      known = this.#discover(apiVersion);
      this.#kinds.set(apiVersion, known);
      // A failure, or a kind that is not there yet, is asked for again.
      known.catch(() => this.#kinds.delete(apiVersion));
    }
    const found = (await known).get(kind);
    if (found !== undefined) return found;
    this.#kinds.delete(apiVersion);
    throw new KubeError(
      404,
      'NotFound',
      `the API server does not know the kind ${kind} in ${apiVersion}; is its CustomResourceDefinition installed?`,
    );
  }

  async #discover(apiVersion: string): Promise<Map<string, ResourceKind>> {
    const path = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
    const { resources } = (await this.#call('GET', path, { signal: undefined })) as ApiResourceList;
    return new Map(
      (resources ?? [])
        .filter(({ name }) => !name.includes('/'))
        .map(({ name, kind, namespaced }) => [kind, { apiVersion, kind, plural: name, namespaced }]),
    );
  }
}
