/** A ModelDeployment with what a cluster would have made of it, described in a few words for tests of pure code. */
import type { ServingReport, SharedModelReport } from '../../runtime/contract.ts';
import { admit, faultsText } from '../../operator/api/admit.ts';
import { clusterUrl } from '../../operator/controllers/model-deployment.ts';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import type { Deployment, Pod } from '../../operator/core/objects.ts';
import type { PodReport, ServingInputs, ServingObserved } from '../../operator/core/serving/observed.ts';
import { render } from '../../operator/core/serving/render.ts';
import type { Refusal } from '../../operator/kube/definition.ts';
import type { KubeObject, ObjectMeta } from '../../operator/kube/object.ts';
import { runtimeInputs, stored } from './stored.ts';
import { admittedJob } from './training-world.ts';

interface WorldPod {
  name: string;
  /** Of an earlier shape. */
  old?: boolean;
  status?: NonNullable<Pod['status']>;
  report?: ServingReport['model'];
  /** Instead: what it says of several models. */
  models?: SharedModelReport[];
  access?: ServingReport['access'];
}

export interface World {
  object: { metadata?: Partial<ObjectMeta>; spec: unknown; status?: unknown };
  /** Absent: nothing was applied yet. Given: everything was, and this is the Deployment's status. */
  deployment?: NonNullable<Deployment['status']>;
  pods?: WorldPod[];
  refusals?: Refusal[];
  /** Of the lineage that the spec follows. */
  jobs?: { name: string; spec?: Record<string, unknown>; status?: unknown }[];
  inputs?: Partial<ServingInputs>;
  /** Owned objects that are there beside those. */
  extraChildren?: KubeObject[];
}

export const testInputs: ServingInputs = {
  ...runtimeInputs,
  url: clusterUrl,
};

export function admitted(world: World): ModelDeployment {
  const metadata = {
    name: 'digits',
    namespace: 'team-a',
    uid: 'uid-of-digits',
    generation: 1,
    ...world.object.metadata,
  };
  const verdict = admit({ apiVersion: 'modelyard.dev/v1alpha1', kind: 'ModelDeployment', ...world.object, metadata });
  if (!verdict.admitted) throw new Error(faultsText(verdict.faults));
  if (verdict.unknown.length > 0) throw new Error(faultsText(verdict.unknown));
  return verdict.object as ModelDeployment;
}

const ready = { phase: 'Running', podIP: '10.1.0.7', conditions: [{ type: 'Ready', status: 'True' }] };

export function observe(world: World): { observed: ServingObserved; inputs: ServingInputs } {
  const inputs = { ...testInputs, ...world.inputs };
  const owner = admitted(world);
  const empty: ServingObserved = { owner, children: [], pods: [], reports: new Map(), jobs: [], refusals: [] };
  const jobs = (world.jobs ?? []).map(({ name, ...object }) => admittedJob({ metadata: { name }, ...object }));
  const { apply, status } = render({ ...empty, jobs }, inputs);
  const children =
    world.deployment === undefined
      ? []
      : apply.map((object) =>
          stored(object, object.kind === 'Deployment' ? { observedGeneration: 1, ...world.deployment } : undefined),
        );
  const pods = (world.pods ?? []).map(({ name, old, status: podStatus }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'team-a',
      labels: { 'modelyard.dev/revision': old === true ? 'v1-0000000000' : (status.revision ?? '') },
    },
    status: podStatus ?? ready,
  }));
  const reports = new Map(
    (world.pods ?? []).flatMap(({ name, report, models, access }): [string, PodReport][] => {
      const common = { version: 1, podName: name, ...(access && { access }) } as const;
      if (models !== undefined) return [[name, { ...common, kind: 'SharedServing', models }]];
      return report === undefined ? [] : [[name, { ...common, kind: 'Serving', model: report }]];
    }),
  );
  const observed = {
    owner,
    children: [...children, ...(world.extraChildren ?? [])],
    pods,
    reports,
    jobs,
    refusals: world.refusals ?? [],
  };
  return { observed, inputs };
}
