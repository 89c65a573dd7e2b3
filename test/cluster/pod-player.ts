import { HttpClient } from '../../operator/kube/http-client.ts';
import { hasAborted } from '../../operator/kube/clock.ts';
import { isConflict, isGone, isNotFound } from '../../operator/kube/errors.ts';
import { connect } from '../../operator/kube/kube-config.ts';
import { keyOf, refOf, type Key, type KubeObject } from '../../operator/kube/object.ts';
import type { PodFate } from '../behaviour/platform.ts';
import { playedStatus } from '../support/played-status.ts';
import { ClusterError } from './errors.ts';

const podKind = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

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
