import { expect } from '@jest/globals';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import { servingKinds } from '../../operator/controllers/kinds.ts';
import { servingNames } from '../../operator/core/metadata.ts';
import { KubeError } from '../../operator/kube/errors.ts';
import type { KubeObject, ObjectRef } from '../../operator/kube/object.ts';
import type { ServingReport } from '../../runtime/contract.ts';
import { digest } from '../support/played-job.ts';
import type { Platform, Write } from './platform.ts';

const apiVersion = 'modelyard.dev/v1alpha1';
export const uri = 's3://models/digits/';

/** Long enough for a real control plane on a slow machine. */
const patienceMs = 90_000;

/** The operator's end and the beginning of its successor, which scenarios wait for together. */
export interface Succession {
  /** From here on no operator runs. */
  ends(): Promise<void>;
  /** From here on another one runs. */
  begins(): Promise<void>;
}

/** One promise, kept on every platform. */
export interface Scenario {
  name: string;
  /** In a namespace of its own, beside others, with an operator that runs already. */
  run(platform: Platform): Promise<void>;
}

/** A promise that outlives an operator. */
export interface LongScenario {
  name: string;
  /** As in a `Scenario`; the operator gives way to another once. */
  run(platform: Platform, operator: Succession): Promise<void>;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Asks again until `look` no longer throws, and then gives what it returned. */
export async function eventually<T>(look: () => Promise<T> | T): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      return await look();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await pause(100);
    }
  }
}

export function modelDeployment(namespace: string, name = 'digits', spec: object = {}): KubeObject {
  return {
    apiVersion,
    kind: 'ModelDeployment',
    metadata: { name, namespace },
    spec: { model: { uri }, ...spec },
  };
}

export const refTo = (object: KubeObject): ObjectRef => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  name: object.metadata.name,
  namespace: object.metadata.namespace ?? '',
});

export async function read(platform: Platform, namespace: string, name = 'digits'): Promise<ModelDeployment> {
  return (await platform.user.get({ apiVersion, kind: 'ModelDeployment', name, namespace })) as ModelDeployment;
}

type Condition = NonNullable<NonNullable<ModelDeployment['status']>['conditions']>[number];

/** The condition, once the status speaks of the present spec. */
async function currentCondition(platform: Platform, namespace: string, name: string, type: string): Promise<Condition> {
  const { metadata, status } = await read(platform, namespace, name);
  expect(status?.observedGeneration).toBe(metadata.generation);
  const condition = status?.conditions?.find((each) => each.type === type);
  if (condition === undefined) throw new Error(`no condition ${type}`);
  return condition;
}

/** Waits for a condition to be as given. */
export function untilCondition(
  platform: Platform,
  namespace: string,
  wanted: { type: string; status?: string; reason?: string },
  name = 'digits',
): Promise<Condition> {
  return eventually(async () => {
    const condition = await currentCondition(platform, namespace, name, wanted.type);
    expect(condition).toMatchObject(wanted);
    return condition;
  });
}

/** Waits until everything asked for is there and answers. */
export async function untilReady(platform: Platform, namespace: string, name = 'digits'): Promise<ModelDeployment> {
  await untilCondition(platform, namespace, { type: 'Ready', status: 'True' }, name);
  return read(platform, namespace, name);
}

/** Looks at what the operator writes in these namespaces: each look gives what is new. */
function writesIn(platform: Platform, namespaces: readonly string[]): () => Write[] {
  let seen = platform.operatorWrites().length;
  return () => {
    const writes = platform.operatorWrites().slice(seen);
    seen += writes.length;
    return writes.filter(({ ref }) => namespaces.includes(ref.namespace ?? ''));
  };
}

/** Waits until no status, and nothing else, was written in these namespaces for `ms`. */
export async function untilQuiet(platform: Platform, namespaces: readonly string[], ms: number): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  const look = writesIn(platform, namespaces);
  for (let lastMs = performance.now(); performance.now() < lastMs + ms;) {
    await pause(100);
    const writes = look();
    if (writes.length === 0) continue;
    lastMs = performance.now();
    if (lastMs > deadlineMs) throw new Error(`it never gets quiet: ${JSON.stringify(writes)}`);
  }
}

/** Nothing is written in these namespaces by the operator that begins, nor for `ms` after that. */
export async function expectQuiet(
  platform: Platform,
  namespaces: readonly string[],
  ms: number,
  operator: Succession,
): Promise<void> {
  const look = writesIn(platform, namespaces);
  await operator.ends();
  await operator.begins();
  await pause(ms);
  expect(look()).toEqual([]);
}

/** Everything that a deployment of this name owns, as `Kind/name`, sorted. */
export async function children(platform: Platform, namespace: string, name = 'digits'): Promise<string[]> {
  const mine = new Set<string>(Object.values(servingNames(name)));
  const found = await Promise.all(
    servingKinds.map(({ apiVersion: version, kind }) => platform.objects(version, kind, namespace)),
  );
  const own = found.flat().filter(({ metadata }) => mine.has(metadata.name));
  return own.map(({ kind, metadata }) => `${kind}/${metadata.name}`).sort();
}

export const childrenOfOne = [
  'ConfigMap/digits-serving-pin',
  'Deployment/digits-serving',
  'NetworkPolicy/digits-serving',
  'Service/digits',
  'ServiceAccount/digits-serving',
];
export const childrenOfTwo = [...childrenOfOne, 'PodDisruptionBudget/digits-serving'].sort();

export async function workload(platform: Platform, namespace: string, name = 'digits'): Promise<KubeObject> {
  return platform.user.get({ apiVersion: 'apps/v1', kind: 'Deployment', name: servingNames(name).workload, namespace });
}

/** What a pod says whose model is loaded. */
export const loaded = (report: Partial<ServingReport['model']> = {}): ServingReport['model'] => ({
  uri,
  phase: 'Ready',
  digest,
  inputs: [{ name: 'image', dataType: 'FP32', shape: [-1, 1, 28, 28] }],
  outputs: [{ name: 'logits', dataType: 'FP32', shape: [-1, 10] }],
  ...report,
});

/** What the API server answers to a write that it must refuse. */
export async function refusalOf(write: Promise<unknown>): Promise<KubeError> {
  const outcome: unknown = await write.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (outcome instanceof KubeError) return outcome;
  throw new Error('the write was not refused');
}
