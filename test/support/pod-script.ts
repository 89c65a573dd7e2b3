import { labels, trainingNames } from '../../operator/core/metadata.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import type { ServingReport, SharedModelReport, SharedServingReport } from '../../runtime/contract.ts';
import type { TrainingReport } from '../../runtime/training-contract.ts';
import type { PlayedReport, PodFate } from '../behaviour/platform.ts';

const keyIn = (namespace: string | undefined, name: string): string => `${namespace ?? ''}/${name}`;

/** The ModelDeployment that a pod serves for, as `NAMESPACE/NAME`. */
export const deploymentOf = ({ metadata }: KubeObject): string =>
  keyIn(metadata.namespace, metadata.labels?.[labels.deployment] ?? '');

/** What a test wants to become of pods, and to be answered by them. */
export class PodScript {
  readonly #ofDeployments = new Map<string, PodFate>();
  readonly #ofPods = new Map<string, PodFate>();
  readonly #models = new Map<string, ServingReport['model']>();
  readonly #sharedModels = new Map<string, SharedModelReport[]>();
  readonly #jobs = new Map<string, PlayedReport>();

  /** @returns what was wanted before */
  setDeployment(namespace: string, deployment: string, fate: PodFate): PodFate | undefined {
    const key = keyIn(namespace, deployment);
    const before = this.#ofDeployments.get(key);
    this.#ofDeployments.set(key, fate);
    return before;
  }

  setPod({ metadata }: KubeObject, fate: PodFate): void {
    this.#ofPods.set(metadata.uid ?? '', fate);
  }

  setModel(namespace: string, deployment: string, model: ServingReport['model'] | undefined): void {
    setOrDelete(this.#models, keyIn(namespace, deployment), model);
  }

  setModels(namespace: string, deployment: string, models: SharedModelReport[] | undefined): void {
    setOrDelete(this.#sharedModels, keyIn(namespace, deployment), models);
  }

  setJob(namespace: string, job: string, report: PlayedReport | undefined): void {
    setOrDelete(this.#jobs, keyIn(namespace, job), report);
  }

  fateOf(pod: KubeObject): PodFate {
    return this.#ofPods.get(pod.metadata.uid ?? '') ?? this.#ofDeployments.get(deploymentOf(pod)) ?? { state: 'Ready' };
  }

  /** What a pod reports; undefined: nothing. */
  reportOf(pod: KubeObject): ServingReport | SharedServingReport | TrainingReport | undefined {
    return this.#trainingReport(pod) ?? this.#servingReport(pod);
  }

  /** What a pod answers to `GET /report`; rejects as `fetch` does where nobody answers. */
  answer(pod: KubeObject | undefined): Promise<Response> {
    const report = pod === undefined ? undefined : this.reportOf(pod);
    return report === undefined
      ? Promise.reject(new TypeError('nobody answers'))
      : Promise.resolve(Response.json(report));
  }

  #servingReport(pod: KubeObject): ServingReport | SharedServingReport | undefined {
    const podName = pod.metadata.name;
    const models = this.#sharedModels.get(deploymentOf(pod));
    if (models !== undefined) return { version: 1, kind: 'SharedServing', podName, models };
    const model = this.#models.get(deploymentOf(pod));
    return model === undefined ? undefined : { version: 1, kind: 'Serving', podName, model };
  }

  #trainingReport({ metadata }: KubeObject): TrainingReport | undefined {
    const job = metadata.labels?.[labels.job] ?? '';
    if (metadata.name !== trainingNames(job).parameterServer(0)) return undefined;
    const report = this.#jobs.get(keyIn(metadata.namespace, job));
    const about = { version: 1, kind: 'Training', podName: metadata.name, role: 'ParameterServer', index: 0 } as const;
    return report === undefined ? undefined : { ...about, ...report };
  }
}

function setOrDelete<Value>(map: Map<string, Value>, key: string, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
