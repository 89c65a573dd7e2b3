/** Several models in a deployment: what of their list shapes the pods, and what becomes of the list. */
import { describe, expect, test } from '@jest/globals';
import { render } from '../../../operator/core/serving/render.ts';
import type { KubeObject } from '../../../operator/kube/object.ts';
import { modelsFile } from '../../../runtime/contract.ts';
import { observe, type World } from '../../support/serving-world.ts';
import { stored } from '../../support/stored.ts';

type Listed = Record<string, string>;

const english = { name: 'en', uri: 's3://models/en/' };
const german = { name: 'de', uri: 's3://models/de/' };

function rendered(spec: object, more: Partial<World> = {}) {
  const { observed, inputs } = observe({ object: { spec }, ...more });
  const plan = render(observed, inputs);
  const find = (kind: string, name: string): KubeObject | undefined =>
    plan.apply.find((object) => object.kind === kind && object.metadata.name === name);
  const list = find('ConfigMap', 'digits-serving-models')?.data as Record<string, string> | undefined;
  const pods = JSON.stringify(find('Deployment', 'digits-serving')?.spec);
  return { ...plan, list, revision: plan.status.revision, pods };
}

const listOf = (models: Listed[], more: object = {}) => rendered({ models, ...more });

describe('the list of models', () => {
  test('is what the pods read, with a task for each, in its order', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const { list = {} } = listOf([german, { ...english, digest, task: 'TextClassification' }]);
    expect(Object.keys(list)).toEqual([modelsFile]);
    expect(JSON.parse(list[modelsFile] ?? '')).toEqual({
      models: [
        { ...german, task: 'Tensor' },
        { ...english, digest, task: 'TextClassification' },
      ],
    });
  });

  test.each<[string, Listed[]]>([
    ['one more', [english, german]],
    ['another URI', [{ ...english, uri: 's3://models/en-2/' }]],
    ['another name', [{ ...english, name: 'english' }]],
    ['another task', [{ ...english, task: 'Tabular' }]],
    ['a digest', [{ ...english, digest: `sha256:${'a'.repeat(64)}` }]],
    ['another place', [{ ...english, uri: 'hf://acme/en' }]],
  ])('changes nothing but itself with %s: no pod is replaced', (_, models) => {
    const [before, after] = [listOf([english]), listOf(models)];
    expect(after.list).not.toEqual(before.list);
    expect([after.revision, after.pods]).toEqual([before.revision, before.pods]);
  });

  test('shapes the pods by the claims that it names, whatever their order and number of models', () => {
    const [one, two] = [
      { name: 'a', uri: 'pvc://images/a/' },
      { name: 'b', uri: 'pvc://texts/b/' },
    ];
    const both = listOf([one, two]);
    expect(listOf([two, english, one, { name: 'c', uri: 'pvc://texts/c/' }]).pods).toBe(both.pods);
    expect(listOf([one]).revision).not.toBe(both.revision);
    expect(both.pods).toContain('"mountPath":"/modelyard/volumes/images","readOnly":true');
    expect(both.pods).toContain('"mountPath":"/modelyard/volumes/texts","readOnly":true');
  });

  test('shapes the pods by the kinds of storage that one Secret has keys for', () => {
    const storage = { credentialsSecretRef: { name: 'models' } };
    const hub = { name: 'iris', uri: 'hf://acme/iris' };
    const pods = (...models: Listed[]) => listOf(models, { storage }).pods;
    expect(pods(english, german)).toBe(pods(german));
    expect(pods(english)).not.toContain('HF_TOKEN');
    expect(pods(hub, english)).toBe(pods(english, hub));
    expect(pods(english, hub)).toMatch(/AWS_SECRET_ACCESS_KEY.*HF_TOKEN/);
    const web = [
      { name: 'a', uri: 'http://a/b' },
      { name: 'b', uri: 'https://a/b' },
    ];
    expect(pods(...web).match(/"name":"HTTP_AUTHORIZATION"/g)).toHaveLength(1);
  });

  test('has a budget in bytes, however it is written; without one the runtime finds it', () => {
    const budget = (memoryBudget?: string | number) => listOf([english], { serving: { memoryBudget } });
    expect(budget('4Gi').pods).toContain('{"name":"MODELYARD_MEMORY_BUDGET","value":"4294967296"}');
    expect(budget('4096Mi').revision).toBe(budget('4Gi').revision);
    expect(budget(4_294_967_296).revision).toBe(budget('4Gi').revision);
    expect(budget('5Gi').revision).not.toBe(budget('4Gi').revision);
    expect(budget().pods).not.toContain('MEMORY_BUDGET');
  });
});

describe('from several models to one', () => {
  const spec = { model: { uri: 's3://models/en/' } };
  const old = listOf([english]).apply.find(({ metadata }) => metadata.name === 'digits-serving-models');
  const world: Partial<World> = { deployment: {}, extraChildren: old === undefined ? [] : [stored(old)] };

  test('the list goes with the last pod that reads it', () => {
    const going = rendered(spec, {
      ...world,
      pods: [{ name: 'digits-serving-a', old: true }, { name: 'digits-serving-b' }],
    });
    expect([going.list, going.remove]).toEqual([undefined, []]);
    const gone = rendered(spec, { ...world, pods: [{ name: 'digits-serving-b' }] });
    expect(gone.remove).toMatchObject([{ kind: 'ConfigMap', name: 'digits-serving-models' }]);
  });

  test('nothing is said of models that were', () => {
    const { status } = rendered(spec, world);
    expect(status).toMatchObject({ modelSummary: 's3://models/en/', model: { uri: 's3://models/en/' } });
    expect(status.models).toBeUndefined();
    expect(listOf([english]).status.model).toBeUndefined();
    expect(listOf([english]).status.modelSummary).toBe('1 model');
  });
});
