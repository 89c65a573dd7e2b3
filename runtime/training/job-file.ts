import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { ConfigurationError } from '../errors.ts';
import { metricNames, trainingEnv, type TrainingJobFile } from '../training-contract.ts';

const text = v.pipe(v.string(), v.minLength(1));
const whole = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const share = v.pipe(v.number(), v.minValue(0), v.ltValue(1));

const location = v.object({ uri: text, endpoint: v.exactOptional(text), region: v.exactOptional(text) });
const activation = v.picklist(['Relu', 'Tanh', 'Sigmoid']);

const model = v.variant('kind', [
  v.object({ kind: v.literal('Onnx'), location }),
  v.object({ kind: v.literal('Mlp'), hidden: v.array(positive), activation, dropout: share }),
  v.object({
    kind: v.literal('Cnn'),
    channels: v.array(positive),
    kernelSize: positive,
    activation,
    batchNormalization: v.boolean(),
    dropout: share,
  }),
]);

const data = v.object({
  location,
  label: text,
  features: v.exactOptional(v.array(text)),
  shape: v.exactOptional(v.array(positive)),
  scale: v.number(),
  image: v.exactOptional(v.object({ column: text, height: positive, width: positive, channels: v.picklist([1, 3]) })),
  text: v.exactOptional(v.object({ column: text, tokenizer: location, maxLength: positive })),
  validationSplit: share,
  testSplit: share,
  maxBadRows: whole,
});

const optimizer = v.object({
  name: v.picklist(['SGD', 'Momentum', 'Nesterov', 'Adagrad', 'Adam', 'AdamW']),
  learningRate: v.number(),
  weightDecay: v.number(),
  momentum: v.number(),
  beta1: v.number(),
  beta2: v.number(),
  epsilon: v.number(),
  clipNorm: v.exactOptional(v.number()),
  schedule: v.object({ name: v.picklist(['Constant', 'Linear', 'Cosine']), warmupSteps: whole }),
});

const jobFile = v.object({
  version: v.literal(1),
  namespace: text,
  name: text,
  specHash: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/)),
  model,
  freeze: v.array(text),
  headClasses: v.exactOptional(positive),
  data,
  loss: v.picklist(['CrossEntropy', 'MeanSquaredError']),
  metrics: v.array(v.picklist(metricNames)),
  optimizer,
  epochs: positive,
  batchSize: positive,
  gradientShards: positive,
  seed: whole,
  patience: v.exactOptional(positive),
  checkpoint: v.object({ location, every: positive, keep: positive }),
  output: v.object({ location, modelName: text }),
  acceptance: v.exactOptional(
    v.object({ metric: text, atLeast: v.exactOptional(v.number()), atMost: v.exactOptional(v.number()) }),
  ),
}) satisfies v.GenericSchema<unknown, TrainingJobFile>;

/** @throws ConfigurationError that names the variable, the field and the cure */
export function readJobFile(path: string): TrainingJobFile {
  const parsed = v.safeParse(jobFile, parseJson(path));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  const field = v.getDotPath(issue);
  throw new ConfigurationError(
    `the job file that ${trainingEnv.jobFile} names${field === null ? '' : `, ${field}`}: ${issue.message}; an operator of the same version as this image writes it right`,
  );
}

function parseJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(`${trainingEnv.jobFile} names a file that is not JSON that can be read: ${why}`);
  }
}
