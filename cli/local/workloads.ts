import { createHash } from 'node:crypto';
import type { KubeObject, ObjectMeta, OwnerReference, ResourceKind } from '../../operator/kube/object.ts';
import type { LocalCluster } from './cluster.ts';
import { isAvailable, isOver, isReady, type PodStatus } from './pod.ts';

const deploymentKind: ResourceKind = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
};
export const podKind: ResourceKind = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

const replicaSetKind = { apiVersion: 'apps/v1', kind: 'ReplicaSet' };
const quotaKind = { apiVersion: 'v1', kind: 'ResourceQuota' };

/** How many failed pods of a Deployment stay to be looked at. */
const failedPodsKept = 5;

/** Of which pod template a pod was made. */
const hashLabel = 'pod-template-hash';

interface DeploymentSpec {
  replicas?: number;
  selector?: { matchLabels?: Record<string, string> };
  template: { metadata?: Partial<ObjectMeta>; spec: Record<string, unknown> };
  strategy?: { type?: string; rollingUpdate?: { maxSurge?: number | string; maxUnavailable?: number | string } };
  progressDeadlineSeconds?: number;
  minReadySeconds?: number;
}

interface Condition {
  type: string;
  status: string;
  reason: string;
  message: string;
  lastTransitionTime: string;
  lastUpdateTime: string;
}

export interface WorkloadOptions {
  now: () => Date;
  /** Five random lower case letters or digits, for the names of pods. */
  suffix: () => string;
}

/**
 * Makes pods of Deployments and reports on them, as the Deployment controller does: rolling updates within maxSurge and
 * maxUnavailable, one hash for each template, the status and its conditions.
 *
 * Left out: rollback and revision history (a ReplicaSet goes with its last pod), `Recreate`, pausing, minReadySeconds,
 PodDisruptionBudgets (nothing evicts a pod on a laptop), and adoption of pods that nobody owns.
 */
export class Workloads {
  readonly #cluster: LocalCluster;
  readonly #options: WorkloadOptions;
  readonly #stops: (() => void)[];
  #due = false;
  #stopped = false;
  /** Deployment uid → when it last came closer to its spec, and of which template that was. */
  readonly #progress = new Map<string, { hash: string; done: number; atMs: number; failure?: string }>();
  #deadline: NodeJS.Timeout | undefined;

  constructor(cluster: LocalCluster, options: WorkloadOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#stops = [deploymentKind, podKind, quotaKind].map((kind) => cluster.onChange(kind, () => this.#soon()));
    this.#soon();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#deadline);
    for (const stop of this.#stops) stop();
  }

  #soon(): void {
    if (this.#due || this.#stopped) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      if (!this.#stopped) this.#reconcileAll();
    });
  }

  #reconcileAll(): void {
    const pods = this.#cluster.all(podKind);
    let nextMs = Infinity;
    const sets = this.#cluster.all(replicaSetKind);
    const ownedBy = (objects: KubeObject[], owner: KubeObject): KubeObject[] =>
      objects.filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid));
    for (const deployment of this.#cluster.all(deploymentKind)) {
      if (deployment.metadata.deletionTimestamp !== undefined) continue;
      const own = ownedBy(sets, deployment);
      nextMs = Math.min(
        nextMs,
        this.#reconcile(
          deployment,
          own.flatMap((set) => ownedBy(pods, set)),
        ),
      );
      for (const set of own) {
        const isOld = set.metadata.name !== setName(deployment);
        if (isOld && ownedBy(pods, set).length === 0) this.#cluster.delete(podRef(set));
      }
    }
    clearTimeout(this.#deadline);
    if (nextMs < Infinity) this.#deadline = setTimeout(() => this.#soon(), nextMs).unref();
  }

  /** Returns after how long a look is due for the progress deadline's sake. */
  #reconcile(deployment: KubeObject, pods: KubeObject[]): number {
    const spec = deployment.spec as DeploymentSpec;
    const hash = templateHash(spec.template);
    const desired = spec.replicas ?? 1;
    const alive = pods.filter((pod) => pod.metadata.deletionTimestamp === undefined && !isOver(pod));
    const failure = this.#step(deployment, spec, hash, desired, alive, pods.filter(isOver));
    return this.#report(deployment, spec, hash, desired, alive, failure);
  }

  /** One step of the rollout. Returns why a pod could not be created, if so. */
  #step(
    deployment: KubeObject,
    spec: DeploymentSpec,
    hash: string,
    desired: number,
    alive: KubeObject[],
    over: KubeObject[],
  ): string | undefined {
    const current = alive.filter((pod) => pod.metadata.labels?.[hashLabel] === hash);
    const old = alive.filter((pod) => pod.metadata.labels?.[hashLabel] !== hash);
    for (const pod of over.slice(0, -failedPodsKept)) this.#cluster.purge(podRef(pod));
    const surge = old.length > 0 ? share(spec.strategy?.rollingUpdate?.maxSurge ?? '25%', desired, Math.ceil) : 0;
    const unavailable = share(spec.strategy?.rollingUpdate?.maxUnavailable ?? '25%', desired, Math.floor);
    const missing = Math.min(
      desired - current.length,
      desired + Math.max(surge, unavailable === 0 ? Math.min(1, old.length) : 0) - alive.length,
    );
    for (let count = 0; count < missing; count++) {
      try {
        this.#createPod(deployment, spec, hash);
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    }
    const availableNow = alive.filter(isAvailable).length;
    const unready = (pod: KubeObject): number => (isAvailable(pod) ? 1 : 0);
    const surplus = current.sort((a, b) => unready(a) - unready(b)).slice(0, Math.max(0, current.length - desired));
    for (const pod of surplus) this.#delete(pod);
    let spare = availableNow - surplus.filter(isAvailable).length - (desired - unavailable);
    for (const pod of old.sort((a, b) => unready(a) - unready(b))) {
      if (isAvailable(pod) && spare-- <= 0) break;
      this.#delete(pod);
    }
    return undefined;
  }

  #createPod(deployment: KubeObject, spec: DeploymentSpec, hash: string): void {
    const name = setName(deployment);
    const { namespace } = deployment.metadata;
    const place = namespace === undefined ? {} : { namespace };
    const labels = { ...spec.template.metadata?.labels, [hashLabel]: hash };
    const set =
      this.#cluster.all(replicaSetKind, namespace).find(({ metadata }) => metadata.name === name) ??
      this.#cluster.add({
        ...replicaSetKind,
        metadata: { name, ...place, labels, ownerReferences: [ownerOf(deployment)] },
        spec: {
          selector: { matchLabels: { ...spec.selector?.matchLabels, [hashLabel]: hash } },
          template: spec.template,
        },
      });
    this.#cluster.add({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...spec.template.metadata,
        name: `${name}-${this.#options.suffix()}`,
        ...place,
        labels,
        ownerReferences: [ownerOf(set)],
      },
      spec: spec.template.spec,
      status: { phase: 'Pending' } satisfies PodStatus,
    });
  }

  #delete(pod: KubeObject): void {
    this.#cluster.delete(podRef(pod));
  }

  #report(
    deployment: KubeObject,
    spec: DeploymentSpec,
    hash: string,
    desired: number,
    alive: KubeObject[],
    failure: string | undefined,
  ): number {
    const count = (test: (pod: KubeObject) => boolean): number => alive.filter(test).length;
    const isCurrent = (pod: KubeObject): boolean => pod.metadata.labels?.[hashLabel] === hash;
    const [replicas, updated, ready, available] = [alive.length, count(isCurrent), count(isReady), count(isAvailable)];
    const complete = updated === desired && replicas === desired && available === desired;
    const uid = deployment.metadata.uid ?? '';
    const nowMs = this.#options.now().getTime();
    const done = updated + count((pod) => isCurrent(pod) && isAvailable(pod)) - (replicas - updated);
    const before = this.#progress.get(uid);
    const same = before?.hash === hash && done <= before.done;
    const progress = same ? before : { hash, done, atMs: nowMs };
    this.#progress.set(uid, progress);
    const leftMs = progress.atMs + (spec.progressDeadlineSeconds ?? 600) * 1000 - nowMs;
    const unavailable = share(spec.strategy?.rollingUpdate?.maxUnavailable ?? '25%', desired, Math.floor);
    const enough = available >= desired - unavailable;
    const name = `${deployment.metadata.name}-${hash}`;
    const old = (deployment.status as { conditions?: Condition[] } | undefined)?.conditions ?? [];
    const condition = (type: string, status: boolean, reason: string, message: string): Condition =>
      this.#condition(old, { type, status: status ? 'True' : 'False', reason, message });
    const conditions = [
      condition(
        'Available',
        enough,
        enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
        enough ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.',
      ),
      complete
        ? condition('Progressing', true, 'NewReplicaSetAvailable', `ReplicaSet "${name}" has successfully progressed.`)
        : leftMs <= 0
          ? condition(
              'Progressing',
              false,
              'ProgressDeadlineExceeded',
              `ReplicaSet "${name}" has timed out progressing.`,
            )
          : condition('Progressing', true, 'ReplicaSetUpdated', `ReplicaSet "${name}" is progressing.`),
      ...(failure === undefined ? [] : [condition('ReplicaFailure', true, 'FailedCreate', failure)]),
    ];
    this.#cluster.writeStatus(podRef(deployment), {
      observedGeneration: deployment.metadata.generation ?? 1,
      ...(replicas > 0 ? { replicas } : {}),
      ...(updated > 0 ? { updatedReplicas: updated } : {}),
      ...(ready > 0 ? { readyReplicas: ready } : {}),
      ...(available > 0 ? { availableReplicas: available } : {}),
      ...(desired > available ? { unavailableReplicas: desired - available } : {}),
      conditions,
    });
    return complete || leftMs <= 0 ? Infinity : leftMs;
  }

  #condition(old: Condition[], next: Omit<Condition, 'lastTransitionTime' | 'lastUpdateTime'>): Condition {
    const now = `${this.#options.now().toISOString().slice(0, 19)}Z`;
    const same = old.find(({ type }) => type === next.type);
    const unchanged = same?.status === next.status && same.reason === next.reason && same.message === next.message;
    return {
      ...next,
      lastTransitionTime: same?.status === next.status ? same.lastTransitionTime : now,
      lastUpdateTime: unchanged ? same.lastUpdateTime : now,
    };
  }
}

function podRef({ apiVersion, kind, metadata: { name, namespace, uid } }: KubeObject) {
  return {
    apiVersion,
    kind,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  };
}

function ownerOf({ apiVersion, kind, metadata: { name, uid = '' } }: KubeObject): OwnerReference {
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** The ReplicaSet of a Deployment's present template. */
function setName(deployment: KubeObject): string {
  return `${deployment.metadata.name}-${templateHash((deployment.spec as DeploymentSpec).template)}`;
}

/** A number, or a percentage of `whole`. */
function share(value: number | string, whole: number, round: (n: number) => number): number {
  return typeof value === 'number' ? value : round((Number.parseFloat(value) / 100) * whole);
}

function templateHash(template: unknown): string {
  return createHash('sha256').update(canonical(template)).digest('hex').slice(0, 10);
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
