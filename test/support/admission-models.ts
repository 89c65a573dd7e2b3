/** Specs that name several models: what admission says of them. */
import { uriCases } from './admission-uris.ts';

const place = 's3://models/digits/v3/';
const model = `model: { uri: ${place} }`;
const named = (count: number): string =>
  `models: [${Array.from({ length: count }, (_, index) => `{ name: m${index}, uri: ${place} }`).join(', ')}]`;
const several = named(2);
/** A list whose first model has these fields. */
const first = (fields: string): string => `models: [{ ${fields} }, { name: b, uri: ${place} }]`;
const calledAs = (name: string): string => first(`name: ${name}, uri: ${place}`);

/** What is said of which field, the fields of a faulty spec, and those of one made right. */
export const modelRuleCases: [says: string, faulty: string, right: string][] = [
  ...[
    '',
    'model: {}',
    'model: null',
    'models: null',
    'model: { uri: s3://a/b, trained: { name: digits } }',
    `${model}, ${several}`,
    `model: { trained: { name: digits } }, ${several}`,
  ].map((spec): [string, string, string] => [
    'spec: Invalid value: set exactly one of spec.model.uri, spec.model.trained and spec.models',
    spec,
    named(200),
  ]),
  ...['task: Tabular', 'storage: { region: eu-1 }'].map((beside): [string, string, string] => [
    'spec.model: Invalid value: leave spec.model out beside spec.models',
    `model: { ${beside} }, ${several}`,
    // What server-side apply leaves of a single model.
    `model: { task: Tensor }, ${several}`,
  ]),
  [
    'spec.storage: Invalid value: spec.storage is for spec.models',
    `${model}, storage: { region: eu-1 }`,
    `${several}, storage: { region: eu-1, credentialsSecretRef: { name: a } }`,
  ],
  [
    'spec.serving.memoryBudget: Invalid value: spec.serving.memoryBudget is for spec.models',
    `${model}, serving: { memoryBudget: 1Gi }`,
    `${several}, serving: { memoryBudget: 1Gi }`,
  ],
  ...['255Mi', '268435455'].map((memoryBudget): [string, string, string] => [
    'spec.serving.memoryBudget: Invalid value: spec.serving.memoryBudget must be at least 256Mi',
    `${several}, serving: { memoryBudget: ${memoryBudget} }`,
    `${several}, serving: { memoryBudget: 268435456 }`,
  ]),
  ...['1Gi', '512Mi', '1073741824'].map((memory): [string, string, string] => [
    'spec.serving.memoryBudget: Invalid value: spec.serving.memoryBudget must be below spec.resources.limits.memory',
    `${several}, serving: { memoryBudget: 1024Mi }, resources: { limits: { memory: ${memory} } }`,
    `${several}, serving: { memoryBudget: 1024Mi }, resources: { requests: { memory: 1Gi }, limits: { cpu: 1, memory: 1025Mi } }`,
  ]),
  [
    'spec.models[0].name: Invalid value: is taken, because /v2/models/stats holds the statistics',
    calledAs('stats'),
    calledAs('All-MiniLM_L6.v2'),
  ],
  ...uriCases.flatMap(([says, faulty, right]) =>
    faulty.map((uri): [string, string, string] => [
      `spec.models[0].uri: Invalid value: ${says}`,
      first(`name: a, uri: '${uri}'`),
      first(`name: a, uri: '${right}'`),
    ]),
  ),
];

/** A spec that its schema refuses, and what is said of which field. */
export const modelSchemaCases: [spec: string, says: string][] = [
  ['{ models: [] }', 'spec.models: Invalid value: []'],
  [`{ ${named(201)} }`, 'spec.models: Too many: 201: must have at most 200 items'],
  [`{ ${first('name: a')} }`, 'spec.models[0].uri: Required value'],
  [`{ ${first(`uri: ${place}`)} }`, 'spec.models[0].name: Required value'],
  ...['a b', '..', '-a', 'a/b', 'a:predict'].map((name): [string, string] => [
    `{ ${calledAs(`'${name}'`)} }`,
    `spec.models[0].name: Invalid value: "${name}": should match`,
  ]),
  [`{ ${calledAs('a'.repeat(64))} }`, 'spec.models[0].name: Too long: may not be more than 63 characters'],
  [`{ ${calledAs('b')} }`, 'spec.models[1]: Duplicate value: {"name":"b"}'],
  [`{ ${first(`name: a, uri: s3://${'a'.repeat(600)}`)} }`, 'spec.models[0].uri: Too long: may not be more than 512'],
  [`{ ${first(`name: a, uri: ${place}, task: Foo`)} }`, 'spec.models[0].task: Unsupported value: "Foo"'],
  [`{ ${first(`name: a, uri: ${place}, digest: 'sha256:1'`)} }`, 'spec.models[0].digest: Invalid value: "sha256:1"'],
  [`{ ${several}, serving: { memoryBudget: much } }`, 'spec.serving.memoryBudget: Invalid value: "much": should match'],
  [
    `{ ${several}, serving: { memoryBudget: 1Gi }, resources: { limits: { memory: much } } }`,
    'spec.resources.limits.memory: Invalid value: "much": should match',
  ],
];
