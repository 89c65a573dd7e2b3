import { parse } from 'yaml';
import { modelRuleCases, modelSchemaCases } from './admission-models.ts';
import { accessCases } from './admission-access.ts';
import { servingCases } from './admission-serving.ts';
import { uriCases } from './admission-uris.ts';

export const apiVersion = 'modelyard.dev/v1alpha1';
export const deployment = (spec: string, name = 'digits'): object => ({
  apiVersion,
  kind: 'ModelDeployment',
  metadata: { name },
  spec: parse(spec) as unknown,
});
const built = 'model: { mlp: { hidden: [8] } }, loss: CrossEntropy';
const data = 'data: { uri: pvc://data/digits.csv, label: digit }';
const start = `${built}, ${data}`;
const started = `model: { uri: s3://models/start.onnx }, loss: CrossEntropy, ${data}`;
const output = `output: { uri: s3://models/, modelName: digits }`;
const job = (spec: string, name = 'digits'): object => ({
  apiVersion,
  kind: 'TrainingJob',
  metadata: { name },
  spec: parse(`{ ${spec} }`) as unknown,
});
/** A job with more in its spec and in `spec.train`, where `data` may be given anew. */
export const training = (rest = '', train = ''): object =>
  job(`train: { ${train.includes('data:') ? built : start} ${train} }, ${output} ${rest}`);
/** A job with more in `spec.train.data`. */
const reading = (more: string, rest = '', train = ''): object =>
  training(rest, `, data: { uri: pvc://data/digits.csv, label: digit, ${more} } ${train}`);

export const uri = 'model: { uri: s3://models/digits/v3/ }';

/** The faulty object, what is said of which field, and the same object made right. */
export const ruleCases: [says: string, faulty: object, right: object, old?: object][] = [
  [
    'metadata.name must be at most 40 characters',
    deployment(`{ ${uri} }`, 'a'.repeat(41)),
    deployment(`{ ${uri} }`, 'a'.repeat(40)),
  ],
  ['metadata.name must start with a letter', deployment(`{ ${uri} }`, '1digits'), deployment(`{ ${uri} }`, 'd1')],
  [
    'spec.accelerator: Invalid value: set the accelerator',
    deployment(`{ ${uri}, accelerator: { resource: nvidia.com/gpu }, resources: { limits: { nvidia.com/gpu: 1 } } }`),
    deployment(`{ ${uri}, accelerator: { resource: nvidia.com/gpu }, resources: { limits: { cpu: 1 } } }`),
  ],
  ...modelRuleCases.map(([says, faulty, right]): [string, object, object] => [
    says,
    deployment(`{ ${faulty} }`),
    deployment(`{ ${right} }`),
  ]),
  [
    'spec.model: Invalid value: spec.model.digest belongs to spec.model.uri',
    deployment(`{ model: { trained: { name: d }, digest: 'sha256:${'a'.repeat(64)}' } }`),
    deployment(`{ model: { uri: s3://a/b, digest: 'sha256:${'a'.repeat(64)}' } }`),
  ],
  ...servingCases.map(([says, faulty, right]): [string, object, object] => [
    says,
    deployment(`{ ${uri}, ${faulty} }`),
    deployment(`{ ${uri}, ${right} }`),
  ]),
  ...uriCases.flatMap(([says, faulty, right]) =>
    faulty.map((uri): [string, object, object] => [
      `spec.model.uri: Invalid value: ${says}`,
      deployment(`{ model: { uri: '${uri}' } }`),
      deployment(`{ model: { uri: '${right}' } }`),
    ]),
  ),
  ...accessCases.map(([field, says, faulty, right]): [string, object, object] => [
    `${field}: Invalid value: ${says}`,
    deployment(`{ ${uri}, access: ${faulty} }`),
    deployment(`{ ${uri}, access: ${right} }`),
  ]),
  [
    'spec.serving.batching.maxDelay: Invalid value: must be a duration',
    deployment(`{ ${uri}, serving: { batching: { maxDelay: '2' } } }`),
    deployment(`{ ${uri}, serving: { batching: { maxDelay: 2ms } } }`),
  ],
  [
    'spec.serving.timeout: Invalid value: must be a duration',
    deployment(`{ ${uri}, serving: { timeout: soon } }`),
    deployment(`{ ${uri}, serving: { timeout: 1m30s } }`),
  ],
  [
    'spec.serving.timeout: Invalid value: must be between 10ms and 1h',
    deployment(`{ ${uri}, serving: { timeout: 2h } }`),
    deployment(`{ ${uri}, serving: { timeout: 1h } }`),
  ],
  [
    'spec.resources.requests: Invalid value: a request must not be above the limit',
    deployment(`{ ${uri}, resources: { requests: { cpu: 1.001k }, limits: { cpu: 1000 } } }`),
    deployment(
      `{ ${uri}, resources: { requests: { cpu: '1', memory: 1Gi }, limits: { cpu: 1000m, memory: 1024Mi } } }`,
    ),
  ],
  ...['nvidia.com/gpu: 1', 'hugepages-2Mi: 4Mi'].map((asked): [string, object, object] => [
    'spec.resources.requests: Invalid value: extended resources and huge pages are asked for in limits',
    deployment(`{ ${uri}, resources: { requests: { ${asked} } } }`),
    deployment(`{ ${uri}, resources: { requests: { ${asked} }, limits: { ${asked} } } }`),
  ]),
  [
    'spec.resources.requests: Invalid value: extended resources and huge pages are asked for in limits',
    deployment(`{ ${uri}, resources: { requests: { nvidia.com/gpu: 1 }, limits: { nvidia.com/gpu: 2 } } }`),
    deployment(`{ ${uri}, resources: { limits: { nvidia.com/gpu: 2 } } }`),
  ],
  ...["'0.5'", '500m', "'1.0'", '2000m'].map((amount): [string, object, object] => [
    'spec.resources.limits: Invalid value: extended resources, those with a / in their name, come whole',
    deployment(`{ ${uri}, resources: { limits: { nvidia.com/gpu: ${amount} } } }`),
    deployment(`{ ${uri}, resources: { limits: { nvidia.com/gpu: '1', sgx.intel.com/epc: 512Ki, cpu: ${amount} } } }`),
  ]),
  ...['gpu', 'nvidia.com/', 'hugepages-two', 'a b/c', 'requests.a.com/b'].map((name): [string, object, object] => [
    'spec.resources.limits: Invalid value: must name resources of containers: cpu, memory',
    deployment(`{ ${uri}, resources: { limits: { ${name}: 1 } } }`),
    deployment(`{ ${uri}, resources: { limits: { ephemeral-storage: 1, hugepages-1Gi: 1, a.b/C_d: 1 } } }`),
  ]),
  ...['metadata: { labels: { KEY: a } }', 'metadata: { annotations: { KEY: a } }', 'nodeSelector: { KEY: a }'].flatMap(
    (part) => {
      const field = part.startsWith('metadata') ? `metadata.${part.includes('labels') ? 'labels' : 'annotations'}` : '';
      const at = (key: string) => deployment(`{ ${uri}, podTemplate: { ${part.replace('KEY', `'${key}'`)} } }`);
      return ['bad key!', '', 'a/b/c', 'a..b/c', 'a'.repeat(64)].map((key): [string, object, object] => [
        `spec.podTemplate.${field === '' ? 'nodeSelector' : field}: Invalid value: every key must be a name`,
        at(key),
        at('example.com/Team_1.a'),
      ]);
    },
  ),
  [
    'spec.podTemplate.tolerations[0].value: Invalid value: a value goes with the operator Equal',
    deployment(`{ ${uri}, podTemplate: { tolerations: [{ key: a, operator: Exists, value: b }] } }`),
    deployment(`{ ${uri}, podTemplate: { tolerations: [{ key: a, value: b }, { key: a, operator: Exists }] } }`),
  ],
  [
    'spec.podTemplate.tolerations[0]: Invalid value: name a key, or set the operator to Exists',
    deployment(`{ ${uri}, podTemplate: { tolerations: [{ effect: NoExecute }] } }`),
    deployment(`{ ${uri}, podTemplate: { tolerations: [{ operator: Exists, effect: NoExecute }] } }`),
  ],
  [
    'spec.podTemplate.tolerations[0].tolerationSeconds: Invalid value: tolerationSeconds go with the effect NoExecute',
    deployment(`{ ${uri}, podTemplate: { tolerations: [{ key: a, tolerationSeconds: 5 }] } }`),
    deployment(`{ ${uri}, podTemplate: { tolerations: [{ key: a, effect: NoExecute, tolerationSeconds: 5 }] } }`),
  ],
  [
    'spec.podTemplate.volumeMounts: Invalid value: every name',
    deployment(`{ ${uri}, podTemplate: { volumeMounts: [{ name: a, mountPath: /a }] } }`),
    deployment(
      `{ ${uri}, podTemplate: { volumes: [{ name: a, emptyDir: {} }], volumeMounts: [{ name: a, mountPath: /a }] } }`,
    ),
  ],
  [
    'spec.podTemplate.volumes[0]: Invalid value: set exactly one of configMap',
    deployment(`{ ${uri}, podTemplate: { volumes: [{ name: a }] } }`),
    deployment(`{ ${uri}, podTemplate: { volumes: [{ name: a, secret: { secretName: s } }] } }`),
  ],
  [
    'spec.podTemplate.volumes[0]: Invalid value: volume names that start with modelyard-',
    deployment(`{ ${uri}, podTemplate: { volumes: [{ name: modelyard-a, emptyDir: {} }] } }`),
    deployment(`{ ${uri}, podTemplate: { volumes: [{ name: a, emptyDir: {} }] } }`),
  ],
  [
    'spec.podTemplate.volumeMounts[0].mountPath: Invalid value: must be an absolute path',
    deployment(
      `{ ${uri}, podTemplate: { volumes: [{ name: a, emptyDir: {} }], volumeMounts: [{ name: a, mountPath: /app/x }] } }`,
    ),
    deployment(
      `{ ${uri}, podTemplate: { volumes: [{ name: a, emptyDir: {} }], volumeMounts: [{ name: a, mountPath: /apple }] } }`,
    ),
  ],

  ['metadata.name must be at most 40 characters', job(`train: { ${start} }, ${output}`, 'a'.repeat(41)), training()],
  ["lower case letters, digits and '-', because its pods", job(`train: { ${start} }, ${output}`, '1a'), training()],
  ['spec: Invalid value: set exactly one of spec.train and spec.containers', job(output), training()],
  [
    'spec: Invalid value: spec.train cannot be added or removed',
    job(`containers: { worker: { image: a } }, parameterServers: { replicas: 0 }, ${output}`),
    training(),
    training(),
  ],
  [
    'spec: Invalid value: spec.transport cannot be added or removed',
    training(', transport: { tlsSecretRef: { name: a } }'),
    training(),
    training(),
  ],
  [
    'spec.parameterServers: Invalid value: set spec.parameterServers.replicas to 0',
    job(`containers: { worker: { image: a } }, ${output}`),
    job(`containers: { worker: { image: a } }, parameterServers: { replicas: 0 }, ${output}`),
  ],
  [
    'spec.parameterServers.replicas: Invalid value: the built-in trainer needs',
    training(', parameterServers: { replicas: 0 }'),
    training(),
  ],
  [
    'spec.acceptance.metric: Invalid value: must be loss or one of spec.train.metrics',
    training(', acceptance: { metric: f1, atLeast: 0.5 }'),
    training(', acceptance: { metric: f1, atLeast: 0.5 }', ', metrics: [f1]'),
  ],
  [
    'spec.acceptance: Invalid value: is judged on the test split',
    reading('testSplit: 0', ', acceptance: { metric: loss, atMost: 1 }'),
    reading('testSplit: 0.01', ', acceptance: { metric: loss, atMost: 1 }'),
  ],
  [
    'spec.train.metrics: Invalid value: accuracy and f1 go with CrossEntropy',
    training('', ', metrics: [accuracy, r2]'),
    training('', ', metrics: [accuracy, f1]'),
  ],
  [
    'spec.train.earlyStopping: Invalid value: watches the validation split',
    reading('validationSplit: 0', '', ', earlyStopping: {}'),
    training('', ', earlyStopping: {}'),
  ],
  [
    'spec.train.trainable: Invalid value: is for a model that exists',
    training('', ', trainable: { freeze: [a] }'),
    job(`train: { ${started}, trainable: { freeze: [a] } }, ${output}`),
  ],
  [
    'spec.train.data: Invalid value: validationSplit and testSplit must leave samples',
    reading('validationSplit: 0.5, testSplit: 0.5'),
    reading('validationSplit: 0.5, testSplit: 0.4'),
  ],
  [
    'spec.train.data.features: Invalid value: spec.train.data.features and spec.train.data.image exclude each other',
    reading('image: { column: a, height: 8, width: 8 }, features: [b]'),
    reading('image: { column: a, height: 8, width: 8 }'),
  ],
  [
    'spec.train.data.shape: Invalid value: beside spec.train.data.image',
    reading('image: { column: a, height: 8, width: 8 }, shape: [3, 8, 8]'),
    reading('features: [a], shape: [1]'),
  ],
  [
    'spec.train.data.image.column: Invalid value: spec.train.data.image.column must be another column than spec.train.data.label',
    reading('image: { column: digit, height: 8, width: 8 }'),
    reading('image: { column: a, height: 8, width: 8 }'),
  ],
  [
    'spec.train.data.features: Invalid value: spec.train.data.features must not hold the column of spec.train.data.label',
    reading('features: [a, digit]'),
    reading('features: [a, b]'),
  ],
  [
    'spec.train.data.uri: Invalid value: must name a PersistentVolumeClaim and a path in it, such as pvc://data/',
    training('', ', data: { uri: pvc:///digits.csv, label: digit }'),
    training('', ', data: { uri: pvc://d/digits.csv, label: digit }'),
  ],
  [
    'spec.train.data.uri: Invalid value: must follow each percent sign',
    training('', ', data: { uri: pvc://d/100%, label: digit }'),
    training('', ', data: { uri: pvc://d/100%25, label: digit }'),
  ],
  [
    'spec.train: Invalid value: spec.train cannot change',
    training('', ', epochs: 5'),
    training(', workers: { replicas: 9 }, runPolicy: { suspend: true }, acceptance: { metric: loss, atMost: 1 }'),
    training(),
  ],
  [
    'spec.train.gradientShards: Invalid value: must be at most spec.train.batchSize',
    training('', ', batchSize: 4'),
    training('', ', batchSize: 8'),
  ],
  [
    'spec.train.model: Invalid value: set exactly one of spec.train.model.uri, mlp and cnn',
    job(`train: { model: {}, data: { uri: pvc://d/x, label: l }, loss: CrossEntropy }, ${output}`),
    training(),
  ],
  [
    'spec.train.model.storage: Invalid value: spec.train.model.storage belongs to spec.train.model.uri',
    job(`train: { model: { mlp: { hidden: [8] }, storage: {} }, loss: CrossEntropy, ${data} }, ${output}`),
    job(`train: { model: { uri: s3://a/b, storage: {} }, loss: CrossEntropy, ${data} }, ${output}`),
  ],
  [
    'spec.workers.resources.requests: Invalid value: a request must not be above the limit',
    training(', workers: { resources: { requests: { memory: 2Gi }, limits: { memory: 2G } } }'),
    training(', workers: { resources: { requests: { memory: 2G }, limits: { memory: 2Gi } } }'),
  ],
  [
    'spec.parameterServers.resources.limits: Invalid value: extended resources',
    training(", parameterServers: { resources: { limits: { a.com/b: '0.5' } } }"),
    training(', parameterServers: { resources: { limits: { a.com/b: 2 } } }'),
  ],
  [
    'spec.workers.podTemplate.metadata.labels: Invalid value: every key must be a name',
    training(", workers: { podTemplate: { metadata: { labels: { 'bad key!': a } } } }"),
    training(', workers: { podTemplate: { metadata: { labels: { good-key: a } } } }'),
  ],
  [
    'spec.workers.podTemplate.tolerations[0].value: Invalid value: a value goes with the operator Equal',
    training(', workers: { podTemplate: { tolerations: [{ key: a, operator: Exists, value: b }] } }'),
    training(', workers: { podTemplate: { tolerations: [{ key: a, operator: Equal, value: b }] } }'),
  ],
  [
    'spec.output.uri: Invalid value: must be a URI',
    job(`train: { ${start} }, output: { uri: here, modelName: d }`),
    training(),
  ],
  [
    'spec.output.uri: Invalid value: must not carry credentials; name a Secret in credentialsSecretRef',
    job(`train: { ${start} }, output: { uri: s3://a@b/c, modelName: d }`),
    training(),
  ],
  [
    "spec.output.uri: Invalid value: must not hold a '..'",
    job(`train: { ${start} }, output: { uri: pvc://a/.., modelName: d }`),
    training(),
  ],
  [
    'spec.containers: Invalid value: spec.containers cannot change',
    job(`containers: { worker: { image: a } }, parameterServers: { replicas: 0 }, ${output}`),
    job(`containers: { worker: { image: b } }, parameterServers: { replicas: 0 }, ${output}`),
    job(`containers: { worker: { image: b } }, parameterServers: { replicas: 0 }, ${output}`),
  ],
  [
    'spec.parameterServers: Invalid value: spec.parameterServers cannot change',
    training(', parameterServers: { replicas: 2 }'),
    training(),
    training(),
  ],
  [
    'spec.workers.accelerator: Invalid value: spec.workers.accelerator cannot change',
    training(', workers: { accelerator: { resource: nvidia.com/gpu } }'),
    training(),
    training(),
  ],
  [
    'spec.workers.resources: Invalid value: spec.workers.resources cannot change',
    training(', workers: { resources: { limits: { cpu: 1 } } }'),
    training(),
    training(),
  ],
  [
    'spec.workers.podTemplate: Invalid value: spec.workers.podTemplate cannot change',
    training(', workers: { podTemplate: { priorityClassName: high } }'),
    training(),
    training(),
  ],
  [
    'spec.workers.accelerator: Invalid value: set the accelerator in spec.workers.accelerator or',
    training(', workers: { accelerator: { resource: a.com/b }, resources: { limits: { a.com/b: 1 } } }'),
    training(', workers: { accelerator: { resource: a.com/b }, resources: { limits: { cpu: 1 } } }'),
  ],
  [
    'spec.transport: Invalid value: cannot change',
    training(', transport: { tlsSecretRef: { name: a } }'),
    training(', transport: { tlsSecretRef: { name: b } }'),
    training(', transport: { tlsSecretRef: { name: b } }'),
  ],
  [
    'spec.checkpoint: Invalid value: spec.checkpoint cannot change',
    training(', checkpoint: { uri: s3://a/b }'),
    training(', checkpoint: { uri: s3://a/c }'),
    training(', checkpoint: { uri: s3://a/c }'),
  ],
  [
    'spec.checkpoint.storage: Invalid value: belongs to spec.checkpoint.uri',
    training(', checkpoint: { storage: { region: eu } }'),
    training(', checkpoint: { uri: s3://a/c, storage: { region: eu } }'),
  ],
  [
    'spec.consistency: Invalid value: spec.consistency cannot change',
    training(', consistency: { mode: Asynchronous }'),
    training(),
    training(),
  ],
  [
    'spec.consistency.staleness: Invalid value: is for the mode Bounded',
    training(', consistency: { mode: Bounded }'),
    training(', consistency: { mode: Bounded, staleness: 3 }'),
  ],
  [
    'spec.output: Invalid value: spec.output cannot change',
    job(`train: { ${start} }, output: { uri: s3://models/, modelName: other }`),
    training(),
    training(),
  ],
  [
    'spec.acceptance: Invalid value: set exactly one of spec.acceptance.atLeast',
    training(', acceptance: { metric: loss }'),
    training(', acceptance: { metric: loss, atMost: 1 }'),
  ],
];

/** A spec that its schema refuses, and what is said of which field. */
export const schemaCases: [spec: string, says: string][] = [
  ...modelSchemaCases,
  [`{ ${uri}, replicas: -1 }`, 'spec.replicas: Invalid value: -1: should be greater than or equal to 0'],
  [`{ ${uri}, replicas: 1.5 }`, 'spec.replicas: Invalid value: 1.5: must be of type integer'],
  [`{ ${uri}, access: { oidc: { issuer: 'https://a.b' } } }`, 'spec.access.oidc.audiences: Required value'],
  [`{ ${uri}, serving: { timeout: 1 } }`, 'spec.serving.timeout: Invalid value: 1: must be of type string'],
  ['{ model: { uri: s3://a/b, task: Foo } }', 'spec.model.task: Unsupported value: "Foo": supported values: "Tensor"'],
  [`{ model: { uri: s3://${'a'.repeat(2_000)} } }`, 'spec.model.uri: Too long: may not be more than 1024 characters'],
  [
    `{ ${uri}, resources: { limits: { cpu: -1 } } }`,
    'spec.resources.limits.cpu: Invalid value: -1: should be greater than or equal to 0',
  ],
  [
    `{ ${uri}, podTemplate: { priorityClassName: High } }`,
    'spec.podTemplate.priorityClassName: Invalid value: "High": should match',
  ],
  [
    `{ ${uri}, podTemplate: { runtimeClassName: a_b } }`,
    'spec.podTemplate.runtimeClassName: Invalid value: "a_b": should match',
  ],
  [
    `{ ${uri}, podTemplate: { tolerations: [{ key: 'bad key!', operator: Exists }] } }`,
    'spec.podTemplate.tolerations[0].key: Invalid value: "bad key!": should match',
  ],
  [
    `{ ${uri}, podTemplate: { tolerations: [{ key: a, value: 'bad value!' }] } }`,
    'spec.podTemplate.tolerations[0].value: Invalid value: "bad value!": should match',
  ],
  [`{ ${uri}, resources: { limits: { cpu: x } } }`, 'spec.resources.limits.cpu: Invalid value: "x": should match'],
  [
    `{ ${uri}, podTemplate: { metadata: { labels: { a: 1 } } } }`,
    'spec.podTemplate.metadata.labels.a: Invalid value: 1: must be of type string',
  ],
  [
    `{ ${uri}, podTemplate: { tolerations: [{ operator: Foo }] } }`,
    'spec.podTemplate.tolerations[0].operator: Unsupported value',
  ],
  [
    `{ ${uri}, podTemplate: { imagePullSecrets: [{ name: a }, { name: a }] } }`,
    'spec.podTemplate.imagePullSecrets[1]: Duplicate value: {"name":"a"}',
  ],
  [
    `{ ${uri}, podTemplate: { securityContext: { runAsUser: 0 } } }`,
    'spec.podTemplate.securityContext.runAsUser: Invalid value: 0: should be greater',
  ],
];
