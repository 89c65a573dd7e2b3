import { expect } from '@jest/globals';
import type { TrainingJob } from '../../operator/api/training-job.gen.ts';
import { trainingKinds } from '../../operator/controllers/kinds.ts';
import { trainingNames } from '../../operator/core/metadata.ts';
import type { ObjectRef } from '../../operator/kube/object.ts';
import { trained, training, trainingJob } from '../support/played-job.ts';
import type { Platform } from './platform.ts';
import { eventually } from './steps.ts';

const apiVersion = 'modelyard.dev/v1alpha1';

export const podsOfTwo = ['digits-ps-0', 'digits-ps-1', 'digits-worker-0', 'digits-worker-1'];

export const childrenOfJob = [
  'ConfigMap/digits-training-job',
  'NetworkPolicy/digits-training',
  'Service/digits-training',
  'ServiceAccount/digits-training',
];

export const jobRef = (namespace: string, name = 'digits'): ObjectRef => ({
  apiVersion,
  kind: 'TrainingJob',
  name,
  namespace,
});

export async function readJob(platform: Platform, namespace: string, name = 'digits'): Promise<TrainingJob> {
  return (await platform.user.get(jobRef(namespace, name))) as TrainingJob;
}

/** Waits until the status speaks of the present spec and is like that. */
export function untilJob(
  platform: Platform,
  namespace: string,
  status: object,
  name = 'digits',
): Promise<NonNullable<TrainingJob['status']>> {
  return eventually(async () => {
    const job = await readJob(platform, namespace, name);
    expect(job.status).toMatchObject({ observedGeneration: job.metadata.generation, ...status });
    return job.status ?? {};
  });
}

/** Waits until the status has a condition like that. */
export async function untilJobSays(
  platform: Platform,
  namespace: string,
  condition: { type: string; status: string; reason?: string },
): Promise<string> {
  const { conditions = [] } = await untilJob(platform, namespace, {
    conditions: expect.arrayContaining([expect.objectContaining(condition)]) as unknown,
  });
  return conditions.find(({ type }) => type === condition.type)?.message ?? '';
}

/** Changes a field of a spec, as `kubectl patch` does. */
export async function changeJob(platform: Platform, namespace: string, spec: object): Promise<void> {
  await eventually(async () => {
    const job = await platform.user.get(jobRef(namespace));
    await platform.user.replace({ ...job, spec: { ...(job.spec as object), ...spec } });
  });
}

/** A job whose pods are all there and train. */
export async function startedJob(platform: Platform, spec: object = {}): Promise<string> {
  const namespace = await platform.namespace();
  platform.node.trainingReport(namespace, 'digits', training(10));
  await platform.user.apply(trainingJob(namespace, spec));
  await untilJob(platform, namespace, { phase: 'Running', step: 10, workers: { ready: 2 } });
  return namespace;
}

/** A job that is over and made a model. */
export async function succeededJob(platform: Platform, spec: object = {}): Promise<string> {
  const namespace = await platform.namespace();
  platform.node.trainingReport(namespace, 'digits', trained());
  await platform.user.apply(trainingJob(namespace, spec));
  await untilJob(platform, namespace, { phase: 'Succeeded' });
  return namespace;
}

/** The uids of the pods of a namespace, by name, sorted. */
export async function podUids(platform: Platform, namespace: string): Promise<Record<string, string>> {
  const pods = await platform.objects('v1', 'Pod', namespace);
  const uids = pods.map(({ metadata }): [string, string] => [metadata.name, metadata.uid ?? '']);
  return Object.fromEntries(uids.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

export async function untilPods(platform: Platform, namespace: string, names: readonly string[]): Promise<void> {
  await eventually(async () => expect(Object.keys(await podUids(platform, namespace))).toEqual(names));
}

/** What a job owns beside its pods, as `Kind/name`, sorted. */
export async function jobChildren(platform: Platform, namespace: string): Promise<string[]> {
  const { workload, job } = trainingNames('digits');
  const found = await Promise.all(trainingKinds.map((kind) => platform.objects(kind.apiVersion, kind.kind, namespace)));
  const own = found.flat().filter(({ metadata }) => metadata.name === workload || metadata.name === job);
  return own.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort();
}
