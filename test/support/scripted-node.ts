import type { LocalCluster } from '../../cli/local/cluster.ts';
import type { PodStatus } from '../../cli/local/pod.ts';
import { podKind } from '../../cli/local/workloads.ts';
import { labels } from '../../operator/core/metadata.ts';
import { type KubeObject, refOf } from '../../operator/kube/object.ts';
import type { ServingReport } from '../../runtime/contract.ts';
import type { NodeScript, PodState } from '../behaviour/platform.ts';

interface Script {
  state: PodState;
  message: string;
}

const startedAt = '2026-11-24T00:00:00Z';
const keyOf = ({ metadata }: KubeObject): string =>
  `${metadata.namespace ?? ''}/${metadata.labels?.[labels.deployment] ?? ''}`;

/** Plays the laptop's node: gives every pod the status that the script says, and answers for it. */
export class ScriptedNode implements NodeScript {
  readonly #cluster: LocalCluster;
  readonly #scripts = new Map<string, Script>();
  readonly #reports = new Map<string, ServingReport['model']>();
  readonly #addresses = new Map<string, string>();
  readonly #unsubscribe: () => void;
  #due = false;

  constructor(cluster: LocalCluster) {
    this.#cluster = cluster;
    this.#unsubscribe = cluster.onChange(podKind, () => this.#soon());
  }

  pods(namespace: string, deployment: string, state: PodState, message = ''): Promise<void> {
    this.#scripts.set(`${namespace}/${deployment}`, { state, message });
    this.#playAll();
    return Promise.resolve();
  }

  report(namespace: string, deployment: string, model: ServingReport['model'] | undefined): void {
    if (model === undefined) this.#reports.delete(`${namespace}/${deployment}`);
    else this.#reports.set(`${namespace}/${deployment}`, model);
  }

  /** Answers in place of a pod's admin port. */
  readonly fetch: typeof fetch = (input) => {
    const { hostname } = new URL(input instanceof Request ? input.url : input);
    const pod = this.#cluster.all(podKind).find((each) => (each.status as PodStatus | undefined)?.podIP === hostname);
    const model = pod === undefined ? undefined : this.#reports.get(keyOf(pod));
    if (pod === undefined || model === undefined) return Promise.reject(new TypeError('fetch failed'));
    const report: ServingReport = { version: 1, kind: 'Serving', podName: pod.metadata.name, model };
    return Promise.resolve(new Response(JSON.stringify(report)));
  };

  stop(): void {
    this.#unsubscribe();
  }

  #soon(): void {
    if (this.#due) return;
    this.#due = true;
    setImmediate(() => {
      this.#due = false;
      this.#playAll();
    });
  }

  #playAll(): void {
    for (const pod of this.#cluster.all(podKind)) {
      if (pod.metadata.deletionTimestamp !== undefined) this.#cluster.purge(refOf(pod));
      else this.#cluster.writeStatus(refOf(pod), { ...this.#statusOf(pod) });
    }
  }

  #address(pod: KubeObject): string {
    const uid = pod.metadata.uid ?? '';
    const next = this.#addresses.size + 1;
    const address = this.#addresses.get(uid) ?? `10.${next >> 16}.${(next >> 8) & 255}.${next & 255}`;
    this.#addresses.set(uid, address);
    return address;
  }

  #statusOf(pod: KubeObject): PodStatus {
    const { state, message } = this.#scripts.get(keyOf(pod)) ?? { state: 'Ready', message: '' };
    const condition = (type: 'PodScheduled' | 'Ready', holds: boolean) =>
      ({ type, status: holds ? 'True' : 'False', lastTransitionTime: startedAt }) as const;
    if (state === 'Unschedulable') {
      return { phase: 'Pending', conditions: [{ ...condition('PodScheduled', false), reason: state, message }] };
    }
    if (state === 'Evicted') return { phase: 'Failed', reason: state, message };
    const ready = state === 'Ready';
    const podIP = this.#address(pod);
    const waits = state === 'ImagePullBackOff' || state === 'CreateContainerConfigError';
    const killed = { exitCode: 137, reason: 'OOMKilled', startedAt, finishedAt: startedAt };
    return {
      phase: waits ? 'Pending' : 'Running',
      podIP,
      podIPs: [{ ip: podIP }],
      conditions: [condition('PodScheduled', true), condition('Ready', ready)],
      containerStatuses: [
        {
          name: 'runtime',
          ready,
          restartCount: state === 'OOMKilled' ? 1 : 0,
          image: '',
          imageID: '',
          state: waits ? { waiting: { reason: state, message } } : { running: { startedAt } },
          ...(state === 'OOMKilled' ? { lastState: { terminated: killed } } : {}),
        },
      ],
    };
  }
}
