/** What admission says of an object: each rule, each kind of schema fault, defaults and unknown fields. */
import { describe, expect, test } from '@jest/globals';
import { admit, admittedKinds, faultsText, type Verdict } from '../../../operator/api/admit.ts';
import { crds } from '../../../operator/api/crds.gen.ts';
import type { Schema } from '../../../operator/api/schema.ts';
import type { TrainingJob } from '../../../operator/api/training-job.gen.ts';
import type { KubeObject } from '../../../operator/kube/object.ts';
import { apiVersion, deployment, ruleCases, schemaCases, training, uri } from '../../support/admission-cases.ts';

const faultsOf = (verdict: Verdict): string => (verdict.admitted ? '' : faultsText(verdict.faults));
const stored = (object: object): KubeObject => {
  const verdict = admit(object);
  if (!verdict.admitted) throw new Error(faultsText(verdict.faults));
  return verdict.object;
};

describe('every CEL rule refuses what it is there for, on its field, and nothing else', () => {
  test.each(ruleCases.map(([says, faulty, right, old]) => ({ says, faulty, right, old })))(
    '$says',
    ({ says, faulty, right, old }) => {
      const before = old === undefined ? undefined : stored(old);
      expect(faultsOf(admit(faulty, before))).toContain(says);
      expect(faultsOf(admit(right, before))).toBe('');
    },
  );

  test('no rule is without a case', () => {
    const said = ruleCases
      .map(([, faulty, , old]) => faultsOf(admit(faulty, old === undefined ? undefined : stored(old))))
      .join('\n');
    const messages = (schema: Schema): string[] => [
      ...(schema['x-kubernetes-validations'] ?? []).map(({ message }) => message),
      ...[...Object.values(schema.properties ?? {}), schema.items, schema.additionalProperties].flatMap((child) =>
        child === undefined ? [] : messages(child),
      ),
    ];
    const all = crds.flatMap(({ spec }) => spec.versions.flatMap(({ schema }) => messages(schema.openAPIV3Schema)));
    expect([...new Set(all)].filter((message) => !said.includes(message))).toEqual([]);
  });
});

describe('the schema is judged as an API server judges it', () => {
  test.each(schemaCases)('%s', (spec, says) => {
    expect(faultsOf(admit(deployment(spec)))).toContain(says);
  });

  test('rules are not asked about what the schema refuses', () => {
    expect(faultsOf(admit(deployment('{ model: {}, replicas: -1 }')))).not.toContain('exactly one');
  });

  test('defaults are filled in, nulls take them too, and what was given stays as it is', () => {
    const object = deployment(`{ ${uri}, replicas: null, serving: { queue: { maxLength: 9 } } }`);
    const copy = structuredClone(object);
    expect(stored(object)).toMatchObject({
      spec: {
        model: { task: 'Tensor' },
        replicas: 1,
        serving: {
          batching: { maxSize: 32, maxDelay: '0ms' },
          queue: { maxLength: 9 },
          timeout: '30s',
          warmup: true,
          modelControl: 'None',
          accessLog: 'None',
        },
      },
    });
    expect(object).toEqual(copy);
  });

  test('defaults of defaults are filled in', () => {
    const { spec } = stored(training()) as TrainingJob;
    expect(spec.train?.optimizer).toEqual({
      name: 'Adam',
      learningRate: 0.001,
      weightDecay: 0,
      momentum: 0.9,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      schedule: { name: 'Constant', warmupSteps: 0 },
    });
    expect(spec.runPolicy).toEqual({ suspend: false, backoffLimit: 6 });
    expect(spec.checkpoint).toEqual({ every: 500, keep: 3 });
  });

  test('unknown fields are dropped and named', () => {
    const verdict = admit(deployment(`{ model: { uri: s3://a/b, digset: x }, relicas: 2 }`));
    expect(verdict.unknown.map(({ field }) => field)).toEqual(['spec.model.digset', 'spec.relicas']);
    expect(verdict).toMatchObject({ admitted: true, object: { spec: { model: { uri: 's3://a/b' } } } });
    expect(JSON.stringify(verdict)).not.toContain('"relicas":2');
  });
});

describe('what is no object of ours', () => {
  test.each([
    [undefined, 'must be an object with apiVersion and kind'],
    [{ apiVersion, kind: 'Foo' }, 'kind: Unsupported value: "Foo": known are modelyard.dev/v1alpha1 ModelDeployment'],
    [{ apiVersion: 'v1', kind: 'ModelDeployment' }, 'apiVersion: Unsupported value: "v1"'],
    [{ apiVersion, kind: 'ModelDeployment', spec: { model: { uri: 's3://a/b' } } }, 'metadata.name: Required value'],
    [{ apiVersion, kind: 'ModelDeployment', metadata: { name: 'A_b' } }, 'metadata.name: Invalid value: "A_b"'],
    [
      { apiVersion, kind: 'ModelDeployment', metadata: { name: 'a', labels: { a: 1 } } },
      'metadata.labels.a: Invalid value: must be a string',
    ],
  ])('%j', (object, says) => {
    expect(faultsOf(admit(object))).toContain(says);
  });

  test('both kinds are known', () => {
    expect(admittedKinds().map(({ kind }) => kind)).toEqual(['ModelDeployment', 'TrainingJob']);
  });
});
