/** Whatever the spec of a job: once everything is made, another look finds nothing to do, from its start to its end. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { TrainingJobStatus } from '../../../../operator/api/training-job.gen.ts';
import type { Pod } from '../../../../operator/core/objects.ts';
import type { Plan } from '../../../../operator/core/plan.ts';
import { render } from '../../../../operator/core/training/render.ts';
import { keyOf, type KubeObject } from '../../../../operator/kube/object.ts';
import type { TrainingReport } from '../../../../runtime/training-contract.ts';
import { runtimeInputs, stored } from '../../../support/stored.ts';
import { progress } from '../../../support/training-states.ts';
import { admittedJob, podOf, reportOf, smallSpec } from '../../../support/training-world.ts';

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const quantity = fc.constantFrom('1', '1500m', '0.5', '2Gi');
const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
const storage = optional(fc.record({ region: optional(name), credentialsSecretRef: optional(fc.record({ name })) }));
const podTemplate = optional(
  fc.record({
    priorityClassName: optional(fc.constantFrom('', 'high')),
    nodeSelector: optional(fc.dictionary(name, name, { maxKeys: 2 })),
    metadata: optional(fc.record({ labels: fc.dictionary(name, name, { maxKeys: 2 }) })),
  }),
);
const resources = optional(fc.record({ limits: fc.record({ memory: quantity }) }));

const spec = fc.record({
  train: fc.record({
    model: fc.constantFrom({ mlp: { hidden: [8] } }, { uri: 'pvc://models/start.onnx' }),
    data: fc.record({ uri: fc.constantFrom('pvc://data/a.csv', 's3://data/a/'), label: fc.constant('y'), storage }),
    loss: fc.constant('CrossEntropy'),
    seed: fc.integer({ min: 0, max: 9 }),
  }),
  parameterServers: fc.record({ replicas: fc.integer({ min: 1, max: 3 }), resources, podTemplate }),
  workers: fc.record({ replicas: fc.integer({ min: 1, max: 4 }), resources, podTemplate }),
  transport: optional(fc.constant({ tlsSecretRef: { name: 'tls' } })),
  checkpoint: optional(fc.record({ uri: fc.constant('pvc://models/ck'), every: fc.integer({ min: 1, max: 9 }) })),
  output: fc.record({ uri: fc.constant('pvc://models/'), modelName: fc.constant('digits'), storage }),
  acceptance: optional(fc.constant({ metric: 'loss', atMost: 1 })),
});

type Spec = Record<string, unknown> & { runPolicy?: unknown };

/** An API server, its nodes and the pods' own words, as far as a plan is concerned. */
class Cluster {
  readonly objects = new Map<string, KubeObject>();
  readonly pods = new Map<string, KubeObject & Pod>();
  readonly reports = new Map<string, TrainingReport>();
  status: TrainingJobStatus | undefined;
  writes = 0;

  reconcile(given: Spec): Plan<TrainingJobStatus> {
    const owner = admittedJob({ spec: given, ...(this.status === undefined ? {} : { status: this.status }) });
    const observed = {
      owner,
      children: [...this.objects.values()],
      pods: [...this.pods.values()],
      lastSeen: new Map<string, Pod>(),
      dismissed: new Set<string>(),
      reports: this.reports,
      unheard: new Set<string>(),
      lastWords: new Map(),
      farewell: undefined,
      refusals: [],
    };
    const plan = render(observed, { ...runtimeInputs, begun: runtimeInputs.now });
    for (const object of plan.apply) this.#put(object);
    for (const object of plan.create ?? []) {
      this.writes += 1;
      const { name: podName, annotations } = object.metadata;
      this.pods.set(
        podName,
        podOf({
          name: podName.replace('digits-', ''),
          is: 'Pending',
          metadata: { ...(annotations === undefined ? {} : { annotations }) },
        }),
      );
    }
    for (const { name: podName } of plan.remove) {
      this.writes += 1;
      this.pods.delete(podName);
      this.reports.delete(podName);
    }
    if (JSON.stringify(plan.status) !== JSON.stringify(this.status)) this.writes += 1;
    this.status = JSON.parse(JSON.stringify(plan.status)) as TrainingJobStatus;
    return plan;
  }

  #put(object: KubeObject): void {
    const key = `${object.kind}/${keyOf(object)}`;
    const after = stored(object);
    if (JSON.stringify(this.objects.get(key)) === JSON.stringify(after)) return;
    this.writes += 1;
    this.objects.set(key, after);
  }

  /** Every pod is at work, and server 0 says so. */
  settle(report: Partial<TrainingReport>): void {
    for (const podName of this.pods.keys()) {
      const short = podName.replace('digits-', '');
      const { annotations } = this.pods.get(podName)?.metadata ?? {};
      this.pods.set(
        podName,
        podOf({ name: short, is: 'Ready', metadata: { ...(annotations === undefined ? {} : { annotations }) } }),
      );
      if (short === 'ps-0') this.reports.set(podName, reportOf(short, report));
    }
  }

  /** Looks until nothing should be left to do, and once more. */
  converge(given: Spec, report: Partial<TrainingReport>): Plan<TrainingJobStatus> {
    for (let round = 0; round < 4; round += 1) {
      this.reconcile(given);
      this.settle(report);
    }
    this.writes = 0;
    return this.reconcile(given);
  }
}

const training: Partial<TrainingReport> = { phase: 'Running', job: { ...progress, remainingSeconds: 60 } };
const trained: Partial<TrainingReport> = {
  phase: 'Succeeded',
  job: progress,
  outcome: {
    succeeded: true,
    reason: 'Trained',
    message: 'done',
    output: {
      uri: 'pvc://models/digits/v1',
      digest: `sha256:${'a'.repeat(64)}`,
      specHash: `sha256:${'b'.repeat(64)}`,
      dataDigest: `sha256:${'c'.repeat(64)}`,
      steps: 10,
      completedAtMs: Date.parse('2026-11-24T09:59:58Z'),
      testMetrics: { loss: 0.5 },
    },
  },
};

const without = (given: Spec): Spec => JSON.parse(JSON.stringify(given)) as Spec;

describe('a quiet world', () => {
  test('asks for no write and no event: while it trains, while it is suspended, when it goes on and when it is over', () => {
    fc.assert(
      fc.property(spec, fc.integer({ min: 1, max: 4 }), (generated, replicas) => {
        const given = without(generated);
        const cluster = new Cluster();
        const quiet = (now: Spec, report: Partial<TrainingReport>, phase: string): void => {
          const { status, events, create = [], remove } = cluster.converge(now, report);
          expect([cluster.writes, events, create, remove, status.phase]).toEqual([0, [], [], [], phase]);
        };
        quiet(given, training, 'Running');
        const resized = { ...given, workers: { ...(given.workers as object), replicas } };
        quiet(resized, training, 'Running');
        quiet({ ...resized, runPolicy: { suspend: true } }, training, 'Suspended');
        quiet(resized, training, 'Running');
        expect([...cluster.pods.values()].filter(({ metadata }) => metadata.annotations !== undefined)).toEqual([]);
        quiet(resized, trained, 'Succeeded');
      }),
      { numRuns: 40, seed: 20_261_125 },
    );
  });

  test('makes of a job the same objects whether it was suspended meanwhile or not', () => {
    const given = { ...smallSpec, workers: { replicas: 2 } };
    const straight = new Cluster();
    straight.converge(given, training);
    const suspended = new Cluster();
    suspended.converge(given, training);
    suspended.converge({ ...given, runPolicy: { suspend: true } }, training);
    suspended.converge(given, training);
    expect(suspended.objects).toEqual(straight.objects);
    expect([...suspended.pods.keys()].sort()).toEqual([...straight.pods.keys()].sort());
  });
});
