import { HttpClient } from '../../operator/kube/http-client.ts';
import { hasAborted } from '../../operator/kube/clock.ts';
import { isConflict, isGone, isNotFound } from '../../operator/kube/errors.ts';
import { connect } from '../../operator/kube/kube-config.ts';
import { keyOf, refOf, type Key, type KubeObject } from '../../operator/kube/object.ts';
import type { PodState } from '../behaviour/platform.ts';
import { ClusterError } from './errors.ts';

const podKind = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

/** What becomes of a pod, and what its status says about it. */
export interface PodFate {
  state: PodState;
  message?: string;
}

/** Undefined: leave the pod as it is. */
export type FateOf = (pod: KubeObject) => PodFate | undefined;

interface Status {
  podIP?: string;
  conditions?: { type: string; status: string; reason?: string; message?: string }[];
}

const statusOf = (pod: KubeObject): Status => pod.status ?? {};

function schedulingMessage(pod: KubeObject): string | undefined {
  return statusOf(pod).conditions?.find(({ type }) => type === 'PodScheduled')?.message;
}

function containerStatus(name: string, { state, message = '' }: PodFate, now: string): Record<string, unknown> {
  const common = { name, image: 'image', imageID: '', restartCount: 0, ready: false, started: false };
  switch (state) {
    case 'Ready':
      return { ...common, ready: true, started: true, state: { running: { startedAt: now } } };
    case 'NotReady':
      return { ...common, started: true, state: { running: { startedAt: now } } };
    case 'ImagePullBackOff':
    case 'CreateContainerConfigError':
      return { ...common, state: { waiting: { reason: state, message } } };
    case 'OOMKilled':
      return {
        ...common,
        restartCount: 1,
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off restarting failed container' } },
        lastState: { terminated: { reason: 'OOMKilled', exitCode: 137, startedAt: now, finishedAt: now, message } },
      };
    case 'Unschedulable':
    case 'Evicted':
      return { ...common, state: { terminated: { reason: 'Error', exitCode: 137, startedAt: now, finishedAt: now } } };
  }
}

/** The pod status that a kubelet, or for an unschedulable pod the scheduler, would write. */
function playedStatus(pod: KubeObject, fate: PodFate, podIP: string, now: Date): Record<string, unknown> {
  const at = now.toISOString().replace(/\.\d+Z$/, 'Z');
  const condition = (type: string, holds: boolean, more: object = {}) => ({
    type,
    status: holds ? 'True' : 'False',
    lastTransitionTime: at,
    ...more,
  });
  if (fate.state === 'Unschedulable') {
    const why = { reason: 'Unschedulable', message: fate.message ?? '' };
    return { phase: 'Pending', conditions: [condition('PodScheduled', false, why)] };
  }
  const message = fate.message ?? '';
  if (fate.state === 'Evicted')
    return { phase: 'Failed', reason: 'Evicted', message, conditions: [condition('Ready', false)] };
  const ready = fate.state === 'Ready';
  const isUp = ready || fate.state === 'NotReady' || fate.state === 'OOMKilled';
  const { containers, initContainers = [] } = pod.spec as Record<string, { name: string }[]>;
  const initialized = initContainers.map(({ name }) => containerStatus(name, { state: 'Ready' }, at));
  return {
    phase: isUp ? 'Running' : 'Pending',
    podIP,
    podIPs: [{ ip: podIP }],
    startTime: at,
    conditions: [condition('Initialized', true), condition('ContainersReady', ready), condition('Ready', ready)],
    containerStatuses: (containers ?? []).map(({ name }) => containerStatus(name, fate, at)),
    ...(initialized.length === 0 ? {} : { initContainerStatuses: initialized }),
  };
}

/**
 * Plays the kubelet for the pods of a cluster whose nodes are KWOK's: gives every scheduled pod an address and the state
 * that `fateOf` says. KWOK lets deleted pods go.
 */
export class PodPlayer {
  readonly #client: HttpClient;
  readonly #fateOf: FateOf;
  readonly #pods = new Map<Key, KubeObject>();
  readonly #played = new Map<string, string>();
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #addresses = 0;

  private constructor(client: HttpClient, fateOf: FateOf) {
    this.#client = client;
    this.#fateOf = fateOf;
  }

  static async start(kubeconfig: string, fateOf: FateOf): Promise<PodPlayer> {
    const client = new HttpClient(await connect({ path: kubeconfig }), { fieldManager: 'kubelet' });
    const player = new PodPlayer(client, fateOf);
    player.#running = player.#run();
    return player;
  }

  /** The pod that has this address now. */
  podAt(address: string): KubeObject | undefined {
    return [...this.#pods.values()].find((pod) => statusOf(pod).podIP === address);
  }

  /** The pods it knows. */
  pods(): KubeObject[] {
    return [...this.#pods.values()];
  }

  /** Looks at every pod again: what `fateOf` says has changed. */
  async again(): Promise<void> {
    await Promise.all([...this.#pods.values()].map((pod) => this.#play(pod)));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#client.close();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!hasAborted(signal)) {
      try {
        const { items, resourceVersion } = await this.#client.list(podKind, { signal });
        this.#pods.clear();
        for (const pod of items) await this.#see(pod);
        await this.#watch(resourceVersion);
      } catch (error) {
        if (!hasAborted(signal) && !isGone(error)) throw error;
      }
    }
  }

  async #watch(resourceVersion: string): Promise<void> {
    const { signal } = this.#stop;
    let from = resourceVersion;
    while (!hasAborted(signal)) {
      for await (const { type, object } of this.#client.watch(podKind, {
        resourceVersion: from,
        timeoutSeconds: 300,
        signal,
      })) {
        from = object.metadata.resourceVersion ?? from;
        if (type === 'DELETED') {
          this.#pods.delete(keyOf(object));
          this.#played.delete(object.metadata.uid ?? '');
        } else if (type !== 'BOOKMARK') await this.#see(object);
      }
    }
  }

  async #see(pod: KubeObject): Promise<void> {
    this.#pods.set(keyOf(pod), pod);
    await this.#play(pod);
  }

  async #play(pod: KubeObject): Promise<void> {
    const { uid = '', deletionTimestamp } = pod.metadata;
    const fate = this.#fateOf(pod);
    if (fate === undefined || deletionTimestamp !== undefined) return;
    const isScheduled = (pod.spec as { nodeName?: string }).nodeName !== undefined;
    if (isScheduled === (fate.state === 'Unschedulable')) return;
    if (!isScheduled && fate.message === undefined) return;
    const wanted = JSON.stringify(fate);
    // The scheduler says its own words first, and again whenever it tries.
    const overruled = fate.state === 'Unschedulable' && schedulingMessage(pod) !== fate.message;
    if (this.#played.get(uid) === wanted && !overruled) return;
    this.#played.set(uid, wanted);
    const status = playedStatus(pod, fate, statusOf(pod).podIP ?? this.#nextAddress(), new Date());
    const { apiVersion, kind, name, namespace = 'default' } = refOf(pod);
    try {
      await this.#client.applyStatus({ apiVersion, kind, metadata: { name, namespace, uid }, status });
    } catch (error) {
      // Deleted meanwhile, or another pod of the same name.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  #nextAddress(): string {
    this.#addresses += 1;
    if (this.#addresses >= 1 << 16) throw new ClusterError('NotReady', 'no pod address is left');
    return `10.244.${this.#addresses >> 8}.${this.#addresses & 255}`;
  }
}
