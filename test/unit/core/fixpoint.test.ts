/** Whatever the spec: once everything is applied, another look finds nothing to do, and a changed spec gets there too. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ModelDeploymentStatus } from '../../../operator/api/model-deployment.gen.ts';
import type { Pod } from '../../../operator/core/objects.ts';
import type { Plan } from '../../../operator/core/plan.ts';
import type { PodReport } from '../../../operator/core/serving/observed.ts';
import { render } from '../../../operator/core/serving/render.ts';
import { keyOf, type KubeObject } from '../../../operator/kube/object.ts';
import { type Fault, type ModelList, modelsFile, pinFile, type SharedModelReport } from '../../../runtime/contract.ts';
import { admitted, testInputs } from '../../support/serving-world.ts';
import { stored } from '../../support/stored.ts';

const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const digest = fc.constantFrom('a', 'b').map((letter) => `sha256:${letter.repeat(64)}`);
const request = fc.constantFrom('1', '1500m', '0.5', '1024Mi', '0.25Gi');
/** Not below any request. */
const limit = fc.constantFrom('1Gi', '2Gi', '1.5Gi', '1100000000');
const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);

const uri = fc.constantFrom('s3://models/a/', 's3://models/b/', 'https://host/m.onnx', 'pvc://claim/m.onnx');
const task = fc.constantFrom('Tensor', 'ImageClassification');
const storage = optional(fc.record({ credentialsSecretRef: optional(fc.record({ name })), region: optional(name) }));

/** A single model, or several. */
const served = fc.oneof(
  fc.record({
    model: fc.record({ uri, digest: optional(digest), task, storage }, { requiredKeys: ['uri'] }),
  }),
  fc.record({
    models: fc.uniqueArray(
      fc.record({ name, uri, task, digest: optional(digest) }, { requiredKeys: ['name', 'uri'] }),
      {
        minLength: 1,
        maxLength: 4,
        selector: ({ name: called }) => called,
      },
    ),
    storage,
  }),
);

const podSettings = fc.record(
  {
    replicas: fc.integer({ min: 0, max: 3 }),
    accelerator: optional(
      fc.record({ resource: fc.constant('nvidia.com/gpu'), count: fc.integer({ min: 1, max: 8 }) }),
    ),
    resources: optional(
      fc.record({
        requests: optional(fc.record({ cpu: request, memory: request })),
        limits: optional(fc.record({ memory: limit })),
      }),
    ),
    serviceAccountName: optional(name),
    access: optional(
      fc.record(
        {
          apiKeys: fc.record({ secretRef: fc.record({ name }) }),
          oidc: fc.record({
            issuer: fc.constant('https://login.example.com'),
            audiences: fc.constant(['modelyard']),
            requiredClaims: fc.dictionary(name, name, { maxKeys: 3 }),
          }),
          tls: fc.record({ secretRef: fc.record({ name }), clientCertificates: fc.constantFrom('None', 'Required') }),
        },
        { requiredKeys: ['apiKeys'] },
      ),
    ),
    serving: optional(fc.record({ timeout: fc.constantFrom('10ms', '1m30s', '1h'), warmup: fc.boolean() })),
    podTemplate: optional(
      fc.record({
        metadata: optional(
          fc.record({
            labels: fc.dictionary(name, name, { maxKeys: 3 }),
            annotations: fc.dictionary(name, fc.string({ maxLength: 20 }), { maxKeys: 3 }),
          }),
        ),
        nodeSelector: optional(fc.dictionary(name, name, { maxKeys: 2 })),
        priorityClassName: optional(fc.constantFrom('', 'high')),
      }),
    ),
  },
  { requiredKeys: [] },
);
const spec = fc.tuple(served, podSettings).map(([what, how]) => ({ ...what, ...how }));

const mismatch: Fault = { reason: 'DigestMismatch', message: 'it is something else', retrying: true };

/** An API server and its controllers, as far as a plan is concerned. */
class Cluster {
  readonly objects = new Map<string, KubeObject>();
  readonly reports = new Map<string, PodReport>();
  pods: Pod[] = [];
  status: ModelDeploymentStatus | undefined;
  writes = 0;
  readonly loads: string;

  constructor(loads: string) {
    this.loads = loads;
  }

  execute({ apply, remove, status }: Plan<ModelDeploymentStatus>): void {
    for (const object of apply) this.#put(object);
    for (const ref of remove) {
      this.writes += 1;
      this.objects.delete(`${ref.kind}/${keyOf({ metadata: ref })}`);
    }
    if (JSON.stringify(status) !== JSON.stringify(this.status)) this.writes += 1;
    this.status = status;
  }

  #put(object: KubeObject): void {
    const key = `${object.kind}/${keyOf(object)}`;
    const before = this.objects.get(key);
    const after = stored(object, before?.status as object | undefined);
    if (JSON.stringify(before) === JSON.stringify(after)) return;
    this.writes += 1;
    this.objects.set(key, after);
  }

  /** The same lies behind every URI; where the list or the pins want something else, a model has a fault. */
  #sharedReport(podName: string): PodReport {
    const read = (configMap: string, file: string): unknown =>
      JSON.parse((this.objects.get(`ConfigMap/team-a/${configMap}`)?.data as Record<string, string>)[file] ?? '');
    const { models } = read('digits-serving-models', modelsFile) as ModelList;
    const pins = read('digits-serving-pin', pinFile) as Record<string, string>;
    const said = models.map(({ name: called, uri: place, digest: wanted }): SharedModelReport => {
      const model = { name: called, uri: place };
      const isThere = (wanted ?? pins[place] ?? this.loads) === this.loads;
      return isThere
        ? { ...model, phase: 'Standby', digest: this.loads }
        : { ...model, phase: 'Failed', fault: mismatch };
    });
    return { version: 1, kind: 'SharedServing', podName, models: said };
  }

  /** Every Deployment is rolled out, every pod is ready and says what it loaded. */
  settle(): void {
    for (const object of this.objects.values()) {
      if (object.kind !== 'Deployment') continue;
      const { replicas, template } = object.spec as {
        replicas: number;
        template: { metadata: { labels: Record<string, string> } };
      };
      const env = JSON.stringify(template);
      const uri = /"MODELYARD_MODEL_URI","value":"([^"]*)"/.exec(env)?.[1] ?? '';
      const wanted = /"MODELYARD_MODEL_DIGEST","value":"([^"]*)"/.exec(env)?.[1];
      object.status = {
        observedGeneration: 1,
        replicas,
        updatedReplicas: replicas,
        readyReplicas: replicas,
        availableReplicas: replicas,
      };
      this.pods = Array.from({ length: replicas }, (_, index) => ({
        metadata: { name: `pod-${index}`, namespace: 'team-a', labels: template.metadata.labels },
        status: { conditions: [{ type: 'Ready', status: 'True' }] },
      }));
      for (const { metadata } of this.pods) {
        if (env.includes('MODELYARD_MODELS_FILE')) {
          this.reports.set(metadata.name, this.#sharedReport(metadata.name));
          continue;
        }
        const model = { uri, phase: 'Ready' as const, digest: wanted ?? this.loads, inputs: [], outputs: [] };
        this.reports.set(metadata.name, { version: 1, kind: 'Serving', podName: metadata.name, model });
      }
    }
  }
}

function reconcile(cluster: Cluster, given: unknown): Plan<ModelDeploymentStatus> {
  const owner = admitted({
    object: { spec: given, ...(cluster.status === undefined ? {} : { status: cluster.status }) },
  });
  const { objects, pods, reports } = cluster;
  const plan = render({ owner, children: [...objects.values()], pods, reports, jobs: [], refusals: [] }, testInputs);
  cluster.execute(plan);
  return plan;
}

function converge(cluster: Cluster, given: unknown): Plan<ModelDeploymentStatus> {
  for (let round = 0; round < 4; round += 1) {
    reconcile(cluster, given);
    cluster.settle();
  }
  cluster.writes = 0;
  return reconcile(cluster, given);
}

describe('a quiet world', () => {
  test('asks for no write and no event, whatever the spec and whatever it was before', () => {
    fc.assert(
      fc.property(spec, spec, digest, (first, second, loads) => {
        const cluster = new Cluster(loads);
        for (const given of [first, second, first]) {
          const plan = converge(cluster, given);
          expect(cluster.writes).toBe(0);
          expect(plan.events).toEqual([]);
          expect(plan.remove).toEqual([]);
          expect(plan.status.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
        }
      }),
      { numRuns: 60, seed: 20_261_124 },
    );
  });

  test('holds exactly what the last spec wants, as if there had never been another', () => {
    fc.assert(
      fc.property(spec, spec, (first, second) => {
        const travelled = new Cluster(`sha256:${'a'.repeat(64)}`);
        converge(travelled, first);
        converge(travelled, second);
        const fresh = new Cluster(`sha256:${'a'.repeat(64)}`);
        converge(fresh, second);
        expect(new Map([...travelled.objects].sort())).toEqual(new Map([...fresh.objects].sort()));
      }),
      { numRuns: 40, seed: 20_261_124 },
    );
  });

  test('scaling and another operator configuration of no pod change no revision', () => {
    const at = (replicas: number, more: object = {}) =>
      render(
        {
          owner: admitted({ object: { spec: { model: { uri: 's3://a/b' }, replicas } } }),
          children: [],
          pods: [],
          reports: new Map(),
          jobs: [],
          refusals: [],
        },
        { ...testInputs, ...more },
      ).status.revision;
    expect(at(5)).toBe(at(1));
    expect(at(1, { now: new Date(0), operatorNamespace: 'elsewhere' })).toBe(at(1));
    expect(at(1, { image: 'modelyard:0.2.0' })).not.toBe(at(1));
  });
});
