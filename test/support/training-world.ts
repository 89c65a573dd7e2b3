/** A TrainingJob with what a cluster would have made of it, described in a few words for tests of pure code. */
import { admit, faultsText } from '../../operator/api/admit.ts';
import type { TrainingJob } from '../../operator/api/training-job.gen.ts';
import type { Pod } from '../../operator/core/objects.ts';
import type { TrainingInputs, TrainingObserved } from '../../operator/core/training/observed.ts';
import { render } from '../../operator/core/training/render.ts';
import type { Refusal } from '../../operator/kube/definition.ts';
import type { KubeObject, ObjectMeta } from '../../operator/kube/object.ts';
import type { TrainingFarewell, TrainingOutcome, TrainingReport } from '../../runtime/training-contract.ts';
import { runtimeInputs, stored } from './stored.ts';

/** What a pod is like: `Ready` and `NotReady` run; `Pending` has no node yet. */
export type PodShape = 'Ready' | 'NotReady' | 'Pending' | 'Failed' | 'Succeeded' | 'Leaving' | 'Gone';

interface WorldPod {
  /** `ps-0`, `worker-3`. */
  name: string;
  is: PodShape;
  /** Beside what the shape says. */
  status?: NonNullable<Pod['status']>;
  metadata?: Partial<ObjectMeta>;
  report?: Partial<TrainingReport>;
  outcome?: TrainingOutcome;
}

export interface TrainingWorld {
  object?: { metadata?: Partial<ObjectMeta>; spec?: Record<string, unknown>; status?: unknown };
  /** Absent: nothing was applied yet. Given: everything was. */
  pods?: WorldPod[];
  refusals?: Refusal[];
  farewell?: TrainingFarewell;
  /** Pods that the operator has not asked yet. */
  unheard?: string[];
  /** Pods that had to go because nobody wanted them. */
  dismissed?: string[];
  inputs?: Partial<TrainingInputs>;
}

/** The smallest job there is. */
export const smallSpec = {
  train: {
    model: { mlp: { hidden: [64] } },
    data: { uri: 'pvc://data/digits.csv', label: 'digit' },
    loss: 'CrossEntropy',
    metrics: ['accuracy'],
  },
  output: { uri: 's3://models/', modelName: 'digits' },
} as const;

export function admittedJob(object: TrainingWorld['object'] = {}): TrainingJob {
  const metadata = {
    name: 'digits',
    namespace: 'team-a',
    uid: 'uid-of-digits',
    generation: 1,
    ...object.metadata,
  };
  const spec = { ...smallSpec, ...object.spec };
  const verdict = admit({ apiVersion: 'modelyard.dev/v1alpha1', kind: 'TrainingJob', ...object, spec, metadata });
  if (!verdict.admitted) throw new Error(faultsText(verdict.faults));
  if (verdict.unknown.length > 0) throw new Error(faultsText(verdict.unknown));
  return verdict.object as TrainingJob;
}

const born = '2026-11-24T09:00:00Z';
const running = { name: 'runtime', restartCount: 0, state: { running: { startedAt: born } } };

const shapes: Record<PodShape, NonNullable<Pod['status']>> = {
  Ready: {
    phase: 'Running',
    podIP: '10.1.0.7',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [{ ...running, ready: true }],
  },
  NotReady: {
    phase: 'Running',
    podIP: '10.1.0.7',
    conditions: [{ type: 'Ready', status: 'False' }],
    containerStatuses: [{ ...running, ready: false }],
  },
  Pending: { phase: 'Pending' },
  Failed: { phase: 'Failed' },
  Succeeded: { phase: 'Succeeded' },
  Leaving: { phase: 'Running', containerStatuses: [running] },
  Gone: { phase: 'Running', containerStatuses: [running] },
};

/** A pod of the job `digits`, as an API server has it. */
export function podOf({ name, is, status, metadata }: WorldPod): KubeObject & Pod {
  const [, role = '', index = ''] = /^(ps|worker)-(\d+)$/.exec(name) ?? [];
  const leaving = is === 'Leaving' ? { deletionTimestamp: '2026-11-24T10:00:30Z', deletionGracePeriodSeconds: 60 } : {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `digits-${name}`,
      namespace: 'team-a',
      uid: `uid-of-${name}`,
      creationTimestamp: born,
      labels: {
        'modelyard.dev/job': 'digits',
        'modelyard.dev/role': role === 'ps' ? 'ParameterServer' : 'Worker',
        'modelyard.dev/index': index,
        'app.kubernetes.io/managed-by': 'modelyard',
      },
      ownerReferences: [
        {
          apiVersion: 'modelyard.dev/v1alpha1',
          kind: 'TrainingJob',
          name: 'digits',
          uid: 'uid-of-digits',
          controller: true,
        },
      ],
      ...leaving,
      ...metadata,
    },
    spec: { nodeName: 'node-1' },
    status: { ...shapes[is], ...status },
  };
}

export function reportOf(name: string, report: Partial<TrainingReport>): TrainingReport {
  const [, role, index] = /^(ps|worker)-(\d+)$/.exec(name) ?? [];
  return {
    version: 1,
    kind: 'Training',
    podName: `digits-${name}`,
    role: role === 'ps' ? 'ParameterServer' : 'Worker',
    index: Number(index),
    phase: 'Waiting',
    ...report,
  };
}

export function observeJob(world: TrainingWorld): { observed: TrainingObserved; inputs: TrainingInputs } {
  const inputs = { ...runtimeInputs, begun: new Date('2026-11-24T08:00:00Z'), ...world.inputs };
  const owner = admittedJob(world.object);
  const nothing = {
    pods: [],
    lastSeen: new Map(),
    dismissed: new Set<string>(),
    reports: new Map(),
    unheard: new Set<string>(),
    lastWords: new Map(),
    farewell: undefined,
    refusals: [],
  };
  const pods = world.pods ?? [];
  const children =
    world.pods === undefined ? [] : render({ owner, children: [], ...nothing }, inputs).apply.map((one) => stored(one));
  const there = pods.filter(({ is }) => is !== 'Gone');
  return {
    inputs,
    observed: {
      owner,
      children,
      pods: there.map(podOf),
      lastSeen: new Map(pods.filter(({ is }) => is === 'Gone').map((pod) => [`digits-${pod.name}`, podOf(pod)])),
      dismissed: new Set((world.dismissed ?? []).map((name) => `digits-${name}`)),
      reports: new Map(
        there.flatMap(({ name, report }): [string, TrainingReport][] =>
          report === undefined ? [] : [[`digits-${name}`, reportOf(name, report)]],
        ),
      ),
      unheard: new Set((world.unheard ?? []).map((name) => `digits-${name}`)),
      lastWords: new Map(
        there.flatMap(({ name, outcome }): [string, TrainingOutcome][] =>
          outcome === undefined ? [] : [[`digits-${name}`, outcome]],
        ),
      ),
      farewell: world.farewell,
      refusals: world.refusals ?? [],
    },
  };
}
