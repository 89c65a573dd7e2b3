/** A pod whose node cannot mount what it needs says nothing: the operator names what that may be, once it takes too long. */
import { describe, expect, test } from '@jest/globals';
import { mountsOf } from '../../../operator/core/serving/mounts.ts';
import { render } from '../../../operator/core/serving/render.ts';
import { admitted, observe } from '../../support/serving-world.ts';
import { begun, ran, server, told, worker } from '../../support/training-states.ts';
import { smallSpec } from '../../support/training-world.ts';

interface SetUp {
  scheduledAt?: string;
  setUp?: { status: 'True' | 'False'; at: string };
  waiting?: string;
}

/** It is 10:00:00. */
const creating = ({ scheduledAt = '09:59:30', setUp, waiting = 'ContainerCreating' }: SetUp = {}) => ({
  phase: 'Pending',
  conditions: [
    { type: 'PodScheduled', status: 'True', lastTransitionTime: `2026-11-24T${scheduledAt}Z` },
    ...(setUp === undefined
      ? []
      : [
          {
            type: 'PodReadyToStartContainers',
            status: setUp.status,
            lastTransitionTime: `2026-11-24T${setUp.at}Z`,
          },
        ]),
  ],
  containerStatuses: [{ name: 'runtime', restartCount: 0, state: { waiting: { reason: waiting } } }],
});

const spec = {
  ...smallSpec,
  train: { ...smallSpec.train, data: { uri: 'pvc://samples/digits.csv', label: 'digit' } },
  transport: { tlsSecretRef: { name: 'roles-tls' } },
  output: { uri: 'pvc://models/', modelName: 'digits' },
  checkpoint: { uri: 's3://checkpoints/' },
};

describe('a job', () => {
  test.each([
    [
      'ps-0',
      'Secret roles-tls (spec.transport.tlsSecretRef.name), PersistentVolumeClaim samples (spec.train.data.uri), PersistentVolumeClaim models (spec.output.uri);',
    ],
    [
      'worker-0',
      'Secret roles-tls (spec.transport.tlsSecretRef.name), PersistentVolumeClaim samples (spec.train.data.uri);',
    ],
  ])('is pending while %s waits for its volumes, and names them', (name, mounts) => {
    const pods = [{ ...server, report: { phase: 'Waiting' as const } }, worker].map((pod) =>
      pod.name === name ? { name, is: 'Pending' as const, status: creating() } : pod,
    );
    const { status, condition, requeueAfterMs } = told({ object: { spec, status: begun }, pods });
    expect([status.phase, condition('Running')?.reason]).toEqual(['Pending', 'PodNotSetUp']);
    expect(condition('Running')?.message).toContain(`node node-1 has not set up pod digits-${name} for more than 30 s`);
    expect(condition('Running')?.message).toContain(`can be mounted on that node: ${mounts}`);
    expect(condition('Stalled')).toBeUndefined();
    expect(requeueAfterMs).toBeUndefined();
  });

  test('restarts while the pod that replaces one waits for its volumes', () => {
    const pods = [{ name: 'ps-0', is: 'Pending' as const, status: creating() }, worker];
    const { status, condition } = told({ object: { spec, status: ran }, pods });
    expect([status.phase, condition('Running')?.reason]).toEqual(['Restarting', 'PodNotSetUp']);
  });

  test.each<[string, SetUp, number | undefined]>([
    ['has a node since a moment ago', { scheduledAt: '09:59:31' }, 1_000],
    ['lost its sandbox a moment ago', { scheduledAt: '08:00:00', setUp: { status: 'False', at: '09:59:50' } }, 20_000],
    ['waits for its image', { setUp: { status: 'True', at: '09:59:31' } }, undefined],
    ['is told to wait', { waiting: 'PodInitializing' }, undefined],
  ])('starts while its server %s', (_, setUp, againMs) => {
    const pods = [{ name: 'ps-0', is: 'Pending' as const, status: creating(setUp) }, worker];
    const { status, condition, requeueAfterMs } = told({ object: { spec, status: begun }, pods });
    expect([status.phase, condition('Running')?.reason]).toEqual(['Starting', 'Starting']);
    expect(requeueAfterMs).toBe(againMs);
  });
});

describe('a deployment', () => {
  const volumes = [
    { name: 'a', secret: { secretName: 'tokens' } },
    { name: 'b', secret: { secretName: 'may-be-missing', optional: true } },
    { name: 'c', configMap: { name: 'settings' } },
    { name: 'd', configMap: { name: 'may-be-missing', optional: true } },
    { name: 'e', persistentVolumeClaim: { claimName: 'scratch' } },
    { name: 'f', emptyDir: {} },
  ];
  const rendered = (given: object, setUp?: SetUp) => {
    const { observed, inputs } = observe({
      object: { spec: given },
      deployment: { replicas: 1, updatedReplicas: 1 },
      pods: [{ name: 'digits-serving-a', status: creating(setUp) }],
    });
    const { status, requeueAfterMs } = render(observed, inputs);
    return { ready: status.conditions?.find(({ type }) => type === 'Ready'), requeueAfterMs };
  };

  test('names every volume that has to be there while its pod waits for them', () => {
    const { ready, requeueAfterMs } = rendered({
      model: { uri: 'pvc://models/a.onnx' },
      serving: { cache: { persistentVolumeClaim: { claimName: 'cache' } } },
      podTemplate: { volumes },
    });
    expect(ready).toMatchObject({ status: 'False', reason: 'PodNotSetUp' });
    expect(ready?.message).toContain(
      'PersistentVolumeClaim models (spec.model.uri), ' +
        'PersistentVolumeClaim cache (spec.serving.cache.persistentVolumeClaim.claimName), Secret tokens (spec.podTemplate.volumes[0].secret.secretName), ' +
        'ConfigMap settings (spec.podTemplate.volumes[2].configMap.name), ' +
        'PersistentVolumeClaim scratch (spec.podTemplate.volumes[4].persistentVolumeClaim.claimName);',
    );
    expect(ready?.message).not.toContain('may-be-missing');
    expect(requeueAfterMs).toBeUndefined();
  });

  test('names none where it mounts none, and where to look', () => {
    const { ready } = rendered({ model: { uri: 's3://models/a.onnx' } });
    expect(ready?.message).toBe(
      'its node has not set up pod digits-serving-a for more than 30 s: a volume cannot be mounted, or the network cannot be joined; kubectl describe pod digits-serving-a tells which',
    );
  });

  test('names the Secret with the tokens of TorchServe calls', () => {
    const serving = { torchServe: { tokenSecretRef: { name: 'tokens' } } };
    const { spec: given } = admitted({ object: { spec: { model: { uri: 's3://models/a.onnx' }, serving } } });
    expect(mountsOf(given)).toEqual([
      { kind: 'Secret', name: 'tokens', field: 'spec.serving.torchServe.tokenSecretRef.name' },
    ]);
  });

  test('names the lineage where the claim is that of a trained model', () => {
    const { spec: given } = admitted({ object: { spec: { model: { trained: { name: 'digits' } } } } });
    const resolved = { ...given, model: { task: 'Tensor' as const, ...given.model, uri: 'pvc://models/digits/1/' } };
    expect(mountsOf(resolved)).toEqual([
      { kind: 'PersistentVolumeClaim', name: 'models', field: 'spec.model.trained' },
    ]);
    expect(mountsOf(given)).toEqual([]);
  });

  test('names each claim of several models once, with the first model that lies there', () => {
    const models = ['images/cats', 'texts/en', 'images/dogs', 'texts/de'].map((path) => ({
      name: path.replace('/', '-'),
      uri: `pvc://${path}/`,
    }));
    const { spec: given } = admitted({ object: { spec: { models: [{ name: 'far', uri: 's3://a/b' }, ...models] } } });
    expect(mountsOf(given)).toEqual([
      { kind: 'PersistentVolumeClaim', name: 'images', field: 'spec.models[1].uri' },
      { kind: 'PersistentVolumeClaim', name: 'texts', field: 'spec.models[2].uri' },
    ]);
  });

  test('looks again when its pod should have been set up', () => {
    const { ready, requeueAfterMs } = rendered({ model: { uri: 's3://models/a.onnx' } }, { scheduledAt: '09:59:45' });
    expect([ready?.reason, requeueAfterMs]).toEqual(['Starting', 15_000]);
  });
});
