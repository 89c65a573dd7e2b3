import { modelDeploymentKind, podKind, servingKinds, trainingJobKind } from '../../operator/controllers/kinds.ts';
import { labels } from '../../operator/core/metadata.ts';
import { hasAborted } from '../../operator/kube/clock.ts';
import { isGone } from '../../operator/kube/errors.ts';
import type { HttpClient } from '../../operator/kube/http-client.ts';
import { keyOf, type Key, type KubeObject, type ResourceKind } from '../../operator/kube/object.ts';

const replicaSetKind = { apiVersion: 'apps/v1', kind: 'ReplicaSet', plural: 'replicasets', namespaced: true };

/** What keeps its name. A TrainingJob owns nothing else but pods. */
const namedKinds: readonly ResourceKind[] = [modelDeploymentKind, trainingJobKind, ...servingKinds];

/** Everything that our kinds bring about. Events are left out: they are told on a best-effort basis. */
const tracedKinds: readonly ResourceKind[] = [...namedKinds, replicaSetKind, podKind];

/** Creations and deletions of one object, as `Kind/NAME`; of a deployment's Pods and ReplicaSets by that deployment. */
export type Counts = Record<string, { created: number; deleted: number }>;

function traceName(object: KubeObject): string {
  const { kind, metadata } = object;
  const deployment = metadata.labels?.[labels.deployment];
  const isGenerated = deployment !== undefined && (kind === 'Pod' || kind === 'ReplicaSet');
  return `${kind}/${isGenerated ? `of ${deployment}` : metadata.name}`;
}

/** Watches a whole cluster, past the operator and its proxy. */
export class ClusterTrace {
  readonly #client: HttpClient;
  readonly #live = new Map<string, Map<Key, KubeObject>>();
  readonly #created = new Map<string, KubeObject>();
  readonly #deleted = new Set<string>();
  readonly #stop = new AbortController();
  #running: Promise<unknown> = Promise.resolve();

  constructor(client: HttpClient) {
    this.#client = client;
  }

  start(): void {
    this.#running = Promise.all(tracedKinds.map((kind) => this.#follow(kind)));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** The pods of a job, by name. */
  podsOf(namespace: string, job: string): KubeObject[] {
    return [...(this.#live.get(podKind.kind)?.values() ?? [])]
      .filter(({ metadata }) => metadata.namespace === namespace && metadata.labels?.[labels.job] === job)
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  }

  /** The objects in a namespace now, but Pods and ReplicaSets. */
  objects(namespace: string): KubeObject[] {
    return namedKinds.flatMap(({ kind }) =>
      [...(this.#live.get(kind)?.values() ?? [])].filter(
        ({ metadata }) => metadata.namespace === namespace && !isOfEveryNamespace(kind, metadata.name),
      ),
    );
  }

  /** All that were created and deleted in a namespace so far. */
  counts(namespace: string): Counts {
    const counts: Counts = {};
    for (const [uid, object] of this.#created) {
      if (object.metadata.namespace !== namespace || isOfEveryNamespace(object.kind, object.metadata.name)) continue;
      const count = (counts[traceName(object)] ??= { created: 0, deleted: 0 });
      count.created += 1;
      if (this.#deleted.has(uid)) count.deleted += 1;
    }
    return Object.fromEntries(Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  async #follow(kind: ResourceKind): Promise<void> {
    const { signal } = this.#stop;
    const live = new Map<Key, KubeObject>();
    this.#live.set(kind.kind, live);
    const seen = (object: KubeObject) => {
      live.set(keyOf(object), object);
      const { uid = '' } = object.metadata;
      if (!this.#created.has(uid)) this.#created.set(uid, object);
    };
    while (!hasAborted(signal)) {
      try {
        const { items, resourceVersion } = await this.#client.list(kind, { signal });
        items.forEach(seen);
        for (let from = resourceVersion; !hasAborted(signal);) {
          const watch = this.#client.watch(kind, { resourceVersion: from, timeoutSeconds: 600, signal });
          for await (const { type, object } of watch) {
            from = object.metadata.resourceVersion ?? from;
            if (type === 'DELETED') {
              live.delete(keyOf(object));
              this.#deleted.add(object.metadata.uid ?? '');
            } else if (type !== 'BOOKMARK') seen(object);
          }
        }
      } catch (error) {
        // A trace with a gap would count wrong.
        if (!hasAborted(signal) && !isGone(error)) throw error;
      }
    }
  }
}

/** What Kubernetes itself puts into every namespace. */
function isOfEveryNamespace(kind: string, name: string): boolean {
  return (kind === 'ConfigMap' && name === 'kube-root-ca.crt') || (kind === 'ServiceAccount' && name === 'default');
}
