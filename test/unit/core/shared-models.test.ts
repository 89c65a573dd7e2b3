/** Several models in a deployment: what is pinned, whose fault is told, and when. */
import { describe, expect, test } from '@jest/globals';
import type { ModelDeploymentStatus } from '../../../operator/api/model-deployment.gen.ts';
import { render } from '../../../operator/core/serving/render.ts';
import type { Fault, SharedModelReport } from '../../../runtime/contract.ts';
import { observe, type World } from '../../support/serving-world.ts';

const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;
const [a, b] = [digestOf('a'), digestOf('b')];
const uriOf = (name: string): string => `s3://models/${name}/`;
const notFound: Fault = { reason: 'ModelNotFound', message: 'there is nothing', retrying: true };

interface Listed {
  name: string;
  uri?: string;
  digest?: string;
  task?: string;
}

const listed = ({ name, uri = uriOf(name), ...rest }: Listed): Listed => ({ name, uri, ...rest });
const model = (name: string, more: Partial<SharedModelReport> = {}): SharedModelReport => ({
  name,
  uri: uriOf(name),
  phase: 'Standby',
  ...more,
});
const loaded = (name: string, digest: string, more: Partial<SharedModelReport> = {}): SharedModelReport =>
  model(name, { phase: 'Ready', digest, ...more });

type Before = Pick<ModelDeploymentStatus, 'models' | 'conditions'>;
type ModelStatus = NonNullable<ModelDeploymentStatus['models']>[number];

/** Of each pod what it says of its models; undefined: nothing. All are ready. */
type Pods = (SharedModelReport[] | undefined)[];

function judged(models: Listed[], pods: Pods, before: Before = {}, more: Partial<World> = {}) {
  const replicas = pods.length;
  const { observed, inputs } = observe({
    object: { spec: { models: models.map(listed), replicas }, status: before },
    deployment: { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas },
    pods: pods.map((said, index) => ({
      name: `digits-serving-${index}`,
      ...(said === undefined ? {} : { models: said }),
    })),
    ...more,
  });
  const { apply, status, events } = render(observed, inputs);
  const pin = apply.find(({ metadata }) => metadata.name === 'digits-serving-pin')?.data as Record<string, string>;
  return {
    pins: JSON.parse(pin['digests.json'] ?? '') as unknown,
    models: status.models,
    status,
    events,
    condition: (type: string) => status.conditions?.find((each) => each.type === type),
  };
}

const known = (name: string, more: Partial<ModelStatus> = {}): ModelStatus => ({ name, uri: uriOf(name), ...more });
const was = (...models: ModelStatus[]): Before => ({ models });

describe('the content of each URI', () => {
  test('is that of the first pod that has read it, be it in memory or not', () => {
    const pods = [
      [model('en'), model('de', { digest: b })],
      [loaded('en', a), loaded('de', a)],
    ];
    expect(judged([{ name: 'en' }, { name: 'de' }], pods).pins).toEqual({ [uriOf('en')]: a, [uriOf('de')]: b });
  });

  test.each<[string, Partial<SharedModelReport>]>([
    ['is on its way', { phase: 'Loading', digest: a }],
    ['has a fault', { phase: 'Standby', digest: a, fault: notFound }],
    ['lies elsewhere', { phase: 'Ready', digest: a, uri: 's3://models/before/' }],
  ])('is not taken of a model that %s', (_, said) => {
    const { pins, models } = judged([{ name: 'en' }], [[model('en', said)]]);
    expect([pins, models?.[0]?.digest]).toEqual([{}, undefined]);
  });

  test('stays while its URI is listed, also under another name, and whatever pods say or become', () => {
    const before = was(known('en', { digest: a }), known('de', { digest: a }));
    const list = [{ name: 'en' }, { name: 'german', uri: uriOf('de') }];
    const pinned = { [uriOf('en')]: a, [uriOf('de')]: a };
    expect(judged(list, [[loaded('en', b)]], before).pins).toEqual(pinned);
    expect(judged(list, [], before).pins).toEqual(pinned);
  });

  test('is pinned anew under another URI, and once its model was taken out of the list', () => {
    const before = was(known('en', { digest: a }));
    const [uri, moved] = ['s3://models/en-2/', { name: 'en', uri: 's3://models/en-2/' }];
    const unread = judged([moved], [[loaded('en', a)]], before);
    expect([unread.pins, unread.models]).toEqual([{}, [{ name: 'en', uri }]]);
    expect(judged([moved], [[loaded('en', b, { uri })]], before).pins).toEqual({ [uri]: b });
    const without = judged([{ name: 'de' }], [[loaded('en', a)]], before);
    expect(without.models).toEqual([known('de')]);
    expect(judged([{ name: 'en' }], [[loaded('en', b)]], was(...(without.models ?? []))).pins).toEqual({
      [uriOf('en')]: b,
    });
  });

  test('that the spec names is no pin of ours, and known once a pod has read it', () => {
    const list = [{ name: 'en', digest: b }];
    const { pins, models } = judged(list, [[loaded('en', a)]]);
    expect([pins, models]).toEqual([{}, [known('en')]]);
    expect(judged(list, [[loaded('en', b)]]).models).toEqual([known('en', { digest: b })]);
    expect(judged(list, [[model('en')]], was(known('en', { digest: b }))).models).toEqual([known('en', { digest: b })]);
  });

  test('comes back where a digest that no pod could load is taken back', () => {
    const { models = [] } = judged([{ name: 'en', digest: b }], [[loaded('en', a)]], was(known('en', { digest: a })));
    expect(judged([{ name: 'en' }], [[loaded('en', a)]], was(...models)).pins).toEqual({ [uriOf('en')]: a });
  });
});

describe('a fault of one of several models', () => {
  const list = ['en', 'de', 'fr'].map((name) => ({ name }));
  const faulty = [loaded('en', a), model('de', { phase: 'Failed', fault: notFound }), loaded('fr', a)];

  test('is told with its model, in ModelResolved and once as an Event, and leaves the deployment ready', () => {
    const { models, status, events, condition } = judged(list, [faulty]);
    expect(models?.[1]).toEqual(known('de', { reason: 'ModelNotFound', message: 'there is nothing' }));
    expect(status.modelSummary).toBe('3 models, 1 faulty');
    expect(condition('Ready')).toMatchObject({ status: 'True', reason: 'Ready' });
    expect(condition('Stalled')).toBeUndefined();
    expect(condition('ModelResolved')).toMatchObject({
      status: 'False',
      reason: 'ModelNotFound',
      message: '2 of 3 models without a fault; de: there is nothing',
    });
    const note = 'de: there is nothing';
    expect(events).toContainEqual({ type: 'Warning', reason: 'ModelNotFound', action: 'Resolve', note });
    expect(judged(list, [faulty], status).events).toEqual([]);
  });

  test('of a model that another pod serves is told too', () => {
    const { models } = judged(list, [[loaded('de', a)], [model('de', { digest: a, fault: notFound })]]);
    expect(models?.[1]).toEqual(known('de', { digest: a, reason: 'ModelNotFound', message: 'there is nothing' }));
  });

  test('goes when no pod has it any more', () => {
    const before = judged(list, [faulty]).status;
    const { models, condition, status } = judged(list, [[loaded('en', a), loaded('de', b), loaded('fr', a)]], before);
    expect(models?.[1]).toEqual(known('de', { digest: b }));
    expect(condition('ModelResolved')).toMatchObject({ status: 'True', message: '3 models read and pinned' });
    expect(status.modelSummary).toBe('3 models');
  });

  test.each<[string, Pods]>([
    ['nobody has said anything, as after a start of the operator', [undefined]],
    ['a ready pod has yet to say something', [[loaded('de', b)], undefined]],
  ])('stays while %s', (_, pods) => {
    const before = judged(list, [faulty]).status;
    const { models, events } = judged(list, pods, before);
    expect(models?.[1]?.reason).toBe('ModelNotFound');
    expect(events).toEqual([]);
  });

  test('does not stay for a pod that is not ready, nor without pods', () => {
    const before = judged(list, [faulty]).status;
    const pods = [
      { name: 'digits-serving-0', models: [loaded('de', b)] },
      { name: 'digits-serving-1', status: {} },
    ];
    expect(judged(list, [[], []], before, { pods }).models?.[1]?.reason).toBeUndefined();
    expect(judged(list, [], before).models?.[1]?.reason).toBeUndefined();
  });

  test('with the version that its URI changed to is told while the one before goes on', () => {
    const moved = [{ name: 'en', uri: 's3://models/en-2/' }];
    const { models } = judged(moved, [[loaded('en', a, { fault: notFound })]], was(known('en', { digest: a })));
    expect(models).toEqual([{ ...moved[0], reason: 'ModelNotFound', message: 'there is nothing' }]);
  });

  test('of another URI is old news', () => {
    const moved = [{ name: 'de', uri: 's3://models/de-2/' }];
    const before = judged(list, [faulty]).status;
    expect(judged(moved, [faulty], before).models).toEqual([{ name: 'de', uri: 's3://models/de-2/' }]);
    expect(judged(moved, [undefined], before).models).toEqual([{ name: 'de', uri: 's3://models/de-2/' }]);
  });

  test('with another reason or URI is another Event, and many at once are ten', () => {
    const before = judged(list, [faulty]).status;
    const denied = model('de', { fault: { ...notFound, reason: 'AccessDenied' } });
    expect(judged(list, [[denied]], before).events).toMatchObject([{ reason: 'AccessDenied' }]);
    const moved = { name: 'de', uri: 's3://models/de-2/' };
    const again = judged([moved], [[model('de', { ...moved, fault: notFound })]], before);
    expect(again.events).toMatchObject([{ reason: 'ModelNotFound' }]);
    const many = Array.from({ length: 30 }, (_, index) => ({ name: `m${index}` }));
    const all = many.map(({ name }) => model(name, { fault: notFound }));
    const { events, models } = judged(many, [all]);
    expect(models?.filter(({ reason }) => reason !== undefined)).toHaveLength(30);
    expect(events.filter(({ reason }) => reason === 'ModelNotFound')).toHaveLength(10);
  });

  test('is cut where it is long', () => {
    const fault = { ...notFound, message: 'x'.repeat(16_000) };
    const { models, events } = judged([{ name: 'de' }], [[model('de', { fault })]]);
    expect(models?.[0]?.message?.length).toBeLessThanOrEqual(2_048);
    expect(Math.max(...events.map(({ note }) => note.length))).toBeLessThanOrEqual(1_024);
  });
});

describe('a pod that serves other content than is pinned', () => {
  test('is named with its model', () => {
    const { models, condition } = judged([{ name: 'en' }], [[loaded('en', a)], [loaded('en', b)]]);
    const message = `pod digits-serving-1 serves ${b}, but ${a} is pinned; delete the pod to load it again`;
    expect(models).toEqual([known('en', { digest: a, reason: 'DigestMismatch', message })]);
    expect(condition('Ready')?.status).toBe('True');
  });

  test('is not, where the list says so and it may not have read that yet, or does not serve it', () => {
    const before = was(known('en', { digest: a }));
    expect(judged([{ name: 'en', digest: b }], [[loaded('en', a)]], before).models).toEqual([known('en')]);
    const half = judged([{ name: 'en', digest: b }], [[loaded('en', b)], [loaded('en', a)]], before);
    expect(half.models).toEqual([known('en', { digest: b })]);
    expect(judged([{ name: 'en' }], [[model('en', { digest: b })]], before).models).toEqual([
      known('en', { digest: a }),
    ]);
  });
});

describe('ModelResolved of several models', () => {
  test.each<[string, SharedModelReport[], string, string, string]>([
    [
      'no pod has read any',
      [],
      'Unknown',
      'Standby',
      '0 of 2 models read and pinned; each is read when it is first asked for',
    ],
    [
      'one was read',
      [loaded('en', a)],
      'Unknown',
      'Standby',
      '1 of 2 models read and pinned; each is read when it is first asked for',
    ],
    ['all were read', [loaded('en', a), model('de', { digest: b })], 'True', 'Pinned', '2 models read and pinned'],
  ])('%s', (_, said, status, reason, message) => {
    const { condition } = judged([{ name: 'en' }, { name: 'de' }], [said]);
    expect(condition('ModelResolved')).toMatchObject({ status, reason, message });
  });

  test('is False where the spec cannot be followed, which forgets no pin', () => {
    const { observed, inputs } = observe({
      object: {
        spec: { models: [listed({ name: 'en' }), listed({ name: 'de', task: 'SpeechRecognition' })] },
        status: was(known('en', { digest: a })),
      },
    });
    const { apply, status } = render(observed, inputs);
    expect(apply).toEqual([]);
    expect(status.models).toEqual([known('en', { digest: a }), known('de')]);
    expect(status.conditions?.find(({ type }) => type === 'ModelResolved')).toMatchObject({
      status: 'False',
      reason: 'UnsupportedTask',
      message: expect.stringContaining('spec.models[1].task SpeechRecognition of the model de is not served'),
    });
  });
});
