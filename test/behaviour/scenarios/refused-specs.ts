import { expect } from '@jest/globals';
import { modelDeployment, refusalOf, type Scenario, untilCondition, uri } from '../steps.ts';

interface Refused {
  what: string;
  name?: string;
  spec: object;
  /** The field and a part of the message that the API server answers. */
  field: string;
  says: string;
}

const storage = (more: object): object => ({ model: { uri, storage: more } });

const refused: Refused[] = [
  {
    what: 'no model',
    spec: { model: {} },
    field: 'spec',
    says: 'set exactly one of spec.model.uri, spec.model.trained and spec.models',
  },
  {
    what: 'both uri and trained',
    spec: { model: { uri, trained: { name: 'digits' } } },
    field: 'spec',
    says: 'set exactly one of spec.model.uri, spec.model.trained and spec.models',
  },
  {
    what: 'a URI without a scheme',
    spec: { model: { uri: 'models/digits' } },
    field: 'spec.model.uri',
    says: 'must be a URI',
  },
  {
    what: 'credentials in a URI',
    spec: { model: { uri: 'https://user:secret@models.test/a.onnx' } },
    field: 'spec.model.uri',
    says: 'must not carry credentials',
  },
  { what: 'a digest of another form', spec: { model: { uri, digest: 'md5:1' } }, field: 'spec.model.digest', says: '' },
  {
    what: 'an unknown task',
    spec: { model: { uri, task: 'Juggling' } },
    field: 'spec.model.task',
    says: 'Unsupported value',
  },
  {
    what: 'an endpoint that is no URL',
    spec: storage({ endpoint: 's3.test' }),
    field: 'spec.model.storage.endpoint',
    says: '',
  },
  {
    what: 'negative replicas',
    spec: { model: { uri }, replicas: -1 },
    field: 'spec.replicas',
    says: 'greater than or equal to 0',
  },
  {
    what: 'too many replicas',
    spec: { model: { uri }, replicas: 1001 },
    field: 'spec.replicas',
    says: 'less than or equal to 1000',
  },
  {
    what: 'an accelerator that is also a limit',
    spec: {
      model: { uri },
      accelerator: { resource: 'nvidia.com/gpu' },
      resources: { limits: { 'nvidia.com/gpu': '1' } },
    },
    field: 'spec.accelerator',
    says: 'not in both',
  },
  {
    what: 'a batch of nothing',
    spec: { model: { uri }, serving: { batching: { maxSize: 0 } } },
    field: 'spec.serving.batching.maxSize',
    says: 'greater than or equal to 1',
  },
  {
    what: 'a timeout that is no duration',
    spec: { model: { uri }, serving: { timeout: 'soon' } },
    field: 'spec.serving.timeout',
    says: 'must be a duration',
  },
  {
    what: 'a timeout of a day',
    spec: { model: { uri }, serving: { timeout: '24h' } },
    field: 'spec.serving.timeout',
    says: 'must be between 10ms and 1h',
  },
  {
    what: 'root as the user',
    spec: { model: { uri }, podTemplate: { securityContext: { runAsUser: 0 } } },
    field: 'spec.podTemplate.securityContext.runAsUser',
    says: 'greater than or equal to 1',
  },
  {
    what: 'a volume of a taken name',
    spec: { model: { uri }, podTemplate: { volumes: [{ name: 'modelyard-cache', emptyDir: {} }] } },
    field: 'spec.podTemplate.volumes[0]',
    says: 'are taken',
  },
  {
    what: "a mount over the runtime's folder",
    spec: { model: { uri }, podTemplate: { volumeMounts: [{ name: 'a', mountPath: '/app' }] } },
    field: 'spec.podTemplate.volumeMounts[0].mountPath',
    says: 'outside /app and /modelyard',
  },
  {
    what: 'a name that is too long',
    name: 'a'.repeat(41),
    spec: { model: { uri } },
    field: '',
    says: 'at most 40 characters',
  },
  {
    what: 'a name that starts with a digit',
    name: '1a',
    spec: { model: { uri } },
    field: '',
    says: 'must start with a letter',
  },
];

/** Specs that a cluster admits and the operator can only refuse in a condition, without a pod. */
const stalled: { what: string; spec: object; reason: string; names: string }[] = [
  {
    what: 'a task that this version does not serve',
    spec: { model: { uri, task: 'SpeechRecognition' } },
    reason: 'UnsupportedTask',
    names: 'spec.model.task',
  },
];

export const refusedSpecs: Scenario[] = [
  ...refused.map(({ what, name, spec, field, says }): Scenario => ({
    name: `${what} is refused with its field and why`,
    run: async (platform) => {
      const namespace = await platform.namespace();
      const error = await refusalOf(platform.user.apply(modelDeployment(namespace, name, spec)));
      expect(error).toMatchObject({ status: 422, reason: 'Invalid' });
      expect(error.message).toContain(field);
      expect(error.message).toContain(says);
    },
  })),
  ...stalled.map(({ what, spec, reason, names }): Scenario => ({
    name: `${what} is named as ${reason}, and no pod is made`,
    run: async (platform) => {
      const namespace = await platform.namespace();
      await platform.user.apply(modelDeployment(namespace, 'digits', spec));
      const { message } = await untilCondition(platform, namespace, { type: 'Ready', status: 'False', reason });
      expect(message).toContain(names);
      await untilCondition(platform, namespace, { type: 'Stalled', status: 'True', reason });
      expect(await platform.objects('v1', 'Pod', namespace)).toEqual([]);
    },
  })),
  {
    name: 'a lineage without a version is named as NoTrainedVersion, and no pod is made',
    run: async (platform) => {
      const namespace = await platform.namespace();
      await platform.user.apply(modelDeployment(namespace, 'digits', { model: { trained: { name: 'x' } } }));
      const expected = { type: 'Ready', status: 'False', reason: 'NoTrainedVersion' } as const;
      const { message } = await untilCondition(platform, namespace, expected);
      expect(message).toContain('no TrainingJob of this namespace with spec.output.modelName x has succeeded');
      expect(await platform.objects('v1', 'Pod', namespace)).toEqual([]);
    },
  },
];
