import type { LocalCluster } from '../../cli/local/cluster.ts';
import type { PodSpec, PodStatus } from '../../cli/local/pod.ts';
import { podKind } from '../../cli/local/workloads.ts';
import { type KubeObject, refOf } from '../../operator/kube/object.ts';
import type { ServingReport, SharedModelReport } from '../../runtime/contract.ts';
import type { NodeScript, PlayedReport, PodFate, PodState } from '../behaviour/platform.ts';
import { playedStatus } from './played-status.ts';
import { PodScript } from './pod-script.ts';

/** Plays the laptop's node: gives every pod the status that the script says, and answers for it. */
export class ScriptedNode implements NodeScript {
  readonly #cluster: LocalCluster;
  readonly #script = new PodScript();
  readonly #addresses = new Map<string, string>();
  /** By uid: the fate that the status tells of. */
  readonly #played = new Map<string, string>();
  readonly #unsubscribe: () => void;
  #due = false;

  constructor(cluster: LocalCluster) {
    this.#cluster = cluster;
    this.#unsubscribe = cluster.onChange(podKind, () => this.#soon());
  }

  pods(namespace: string, deployment: string, state: PodState, message = ''): Promise<void> {
    this.#script.setDeployment(namespace, deployment, { state, message });
    this.#playAll();
    return Promise.resolve();
  }

  pod(namespace: string, name: string, fate: PodFate): Promise<void> {
    this.#script.setPod(this.#cluster.get({ ...podKind, name, namespace }), fate);
    this.#playAll();
    return Promise.resolve();
  }

  report(namespace: string, deployment: string, model: ServingReport['model'] | undefined): void {
    this.#script.setModel(namespace, deployment, model);
  }

  sharedReport(namespace: string, deployment: string, models: SharedModelReport[] | undefined): void {
    this.#script.setModels(namespace, deployment, models);
  }

  trainingReport(namespace: string, job: string, report: PlayedReport | undefined): void {
    this.#script.setJob(namespace, job, report);
  }

  /** Answers in place of a pod's admin port. */
  readonly fetch: typeof fetch = (input) => {
    const { hostname } = new URL(input instanceof Request ? input.url : input);
    const isThere = (pod: KubeObject) => (pod.status as PodStatus | undefined)?.podIP === hostname;
    return this.#script.answer(this.#cluster.all(podKind).find(isThere));
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
      const fate = this.#script.fateOf(pod);
      if (pod.metadata.deletionTimestamp === undefined) this.#play(pod, fate);
      else if (fate.state !== 'Lost') this.#cluster.purge(refOf(pod));
    }
  }

  #play(pod: KubeObject, fate: PodFate): void {
    const { uid = '' } = pod.metadata;
    const wanted = JSON.stringify(fate);
    if (this.#played.get(uid) === wanted) return;
    this.#played.set(uid, wanted);
    if (fate.state !== 'Unschedulable') {
      this.#cluster.update({ ...pod, spec: { ...(pod.spec as PodSpec), nodeName: 'laptop' } });
    }
    this.#cluster.writeStatus(refOf(pod), playedStatus(pod, fate, this.#address(uid), new Date()));
  }

  #address(uid: string): string {
    const next = this.#addresses.size + 1;
    const address = this.#addresses.get(uid) ?? `10.${next >> 16}.${(next >> 8) & 255}.${next & 255}`;
    this.#addresses.set(uid, address);
    return address;
  }
}
