import type { KubeObject, ObjectRef } from '../../operator/kube/object.ts';
import { refOf } from '../../operator/kube/object.ts';
import { KubeError } from '../../operator/kube/errors.ts';
import type { PodAddresses } from './addresses.ts';
import type { LocalCluster } from './cluster.ts';
import { deviceEnv, type Devices, pickDevices } from './devices.ts';
import { HostsFile, podHosts } from './hosts.ts';
import type { Folders, Lookup } from './pod-environment.ts';
import type { PodGuard } from './pod-guard.ts';
import { PodRunner } from './pod-runner.ts';
import { isOver, type PodSpec, type PodStatus } from './pod.ts';
import { devicesOf, whyUnschedulable } from './scheduler.ts';
import { podKind } from './workloads.ts';

export interface KubeletOptions {
  now: () => Date;
  random: () => number;
  appFolder: string;
  folders: Folders;
  addresses: PodAddresses;
  guard: PodGuard;
  /** Of this machine. */
  devices: Devices;
  baseEnv: Record<string, string>;
  onLine: (pod: KubeObject, line: string) => void;
}

const nodeName = 'laptop';
const mirrored = ['Secret', 'ConfigMap'].map((kind) => ({ apiVersion: 'v1', kind }));

/** When to write the names of pods again where that failed, as on a full disk. Until then pods wait for each other. */
const hostsRetryMs = 1_000;

/** The longest grace of pods when the whole session stops: somebody waits for it. */
const maxStopGraceMs = 10_000;

/**
 * The one node of a laptop: takes pods where its devices suffice, runs each as a process, tells how it does, and keeps the
 * file that stands in for their names in DNS.
 */
export class Kubelet {
  readonly #cluster: LocalCluster;
  readonly #options: KubeletOptions;
  readonly #hosts: HostsFile;
  readonly #runners = new Map<string, PodRunner>();
  /** By the uid of the pod that has them, or had them. */
  readonly #devices = new Map<string, Devices>();
  readonly #stops: (() => void)[];
  #due = false;
  #stopped = false;

  constructor(cluster: LocalCluster, options: KubeletOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#hosts = new HostsFile(options.folders.hosts);
    this.#stops = [podKind, ...mirrored].map((kind) =>
      cluster.onChange(kind, () => {
        this.#soon();
        if (kind !== podKind) for (const runner of this.#runners.values()) void runner.refresh();
      }),
    );
    this.#soon();
  }

  /** The process of a pod; undefined while there is none. */
  pidOf(pod: KubeObject): number | undefined {
    return this.#runners.get(pod.metadata.uid ?? '')?.pid;
  }

  /** Stops every pod, and kills what is not gone after its grace period. Resolves when no process is left. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const stop of this.#stops) stop();
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop(maxStopGraceMs)));
  }

  #soon(): void {
    if (this.#due || this.#stopped) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      if (!this.#stopped) this.#lookAtAll();
    });
  }

  #lookAtAll(): void {
    const pods = this.#cluster.all(podKind);
    this.#hosts.write(podHosts(pods)).catch(() => setTimeout(() => this.#soon(), hostsRetryMs).unref());
    const uids = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const [uid, runner] of this.#runners) if (!uids.has(uid)) void runner.stop(0);
    const here = pods.filter((pod) => (pod.spec as PodSpec).nodeName !== undefined && !isOver(pod));
    for (const pod of pods) {
      const uid = pod.metadata.uid ?? '';
      const runner = this.#runners.get(uid);
      if (pod.metadata.deletionTimestamp !== undefined) {
        const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000;
        if (runner === undefined) this.#cluster.purge(refOf(pod));
        else void runner.stop(graceMs);
      } else if (runner === undefined) {
        const why = whyUnschedulable(pod, here, this.#options.devices);
        if (why !== undefined) this.#refuse(pod, why);
        else if ((pod.spec as PodSpec).nodeName === undefined) here.push(this.#run(pod, here));
      }
    }
  }

  #refuse(pod: KubeObject, message: string): void {
    const old = (pod.status as PodStatus | undefined)?.conditions?.[0];
    const lastTransitionTime = old?.lastTransitionTime ?? `${this.#options.now().toISOString().slice(0, 19)}Z`;
    this.#cluster.writeStatus(refOf(pod), {
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message, lastTransitionTime }],
    });
  }

  #run(pod: KubeObject, others: readonly KubeObject[]): KubeObject {
    const { devices, baseEnv } = this.#options;
    const held = others.map(({ metadata }) => this.#devices.get(metadata.uid ?? '') ?? {});
    const own = pickDevices(devices, devicesOf(pod), held);
    const bound = this.#cluster.update({ ...pod, spec: { ...(pod.spec as PodSpec), nodeName } });
    const runner = new PodRunner(bound, {
      ...this.#options,
      baseEnv: { ...baseEnv, ...deviceEnv(devices, own) },
      lookup: this.#lookup(pod.metadata.namespace ?? ''),
      writeStatus: (of, status) => this.#cluster.writeStatus(refOf(of), { ...status }),
    });
    const uid = bound.metadata.uid ?? '';
    this.#runners.set(uid, runner);
    this.#devices.set(uid, own);
    void runner.done.then(() => {
      this.#runners.delete(uid);
      this.#devices.delete(uid);
      this.#cluster.purge(refOf(bound));
    });
    return bound;
  }

  #lookup(namespace: string): Lookup {
    return (kind, name) => {
      const ref: ObjectRef = { apiVersion: 'v1', kind, name, namespace };
      try {
        return this.#cluster.get(ref);
      } catch (error) {
        if (error instanceof KubeError && error.status === 404) return undefined;
        throw error;
      }
    };
  }
}
