import type { TrainingJobFile } from '../../runtime/training-contract.ts';
import type { TrainedVersion } from '../../runtime/training/model/version-files.ts';

/** A job that sets no bar for what it trains, and multiplies levels from 0 to 255 by 1/255. */
export const jobFile: TrainingJobFile = {
  version: 1,
  namespace: 'team-a',
  name: 'digits-2026-11',
  specHash: `sha256:${'1'.repeat(64)}`,
  model: { kind: 'Mlp', hidden: [8], activation: 'Relu', dropout: 0 },
  freeze: [],
  data: {
    location: { uri: 'pvc://data/digits.csv' },
    label: 'digit',
    shape: [1, 28, 28],
    scale: 1 / 255,
    validationSplit: 0.1,
    testSplit: 0.1,
    maxBadRows: 0,
  },
  loss: 'CrossEntropy',
  metrics: ['accuracy'],
  optimizer: {
    name: 'Adam',
    learningRate: 0.001,
    weightDecay: 0,
    momentum: 0.9,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    schedule: { name: 'Constant', warmupSteps: 0 },
  },
  epochs: 2,
  batchSize: 128,
  gradientShards: 8,
  seed: 5,
  checkpoint: { location: { uri: 's3://models/.checkpoints' }, every: 100, keep: 3 },
  output: { location: { uri: 's3://models' }, modelName: 'digits' },
};

export const trainedVersion = ({
  models,
  features,
  featureNames,
  classes,
}: Pick<TrainedVersion, 'models'> &
  Pick<TrainedVersion['dataset'], 'features' | 'classes'> &
  Partial<Pick<TrainedVersion['dataset'], 'featureNames'>>): TrainedVersion => ({
  job: jobFile,
  models,
  steps: { best: 64, last: 128 },
  baseDigest: undefined,
  dataset: {
    digest: `sha256:${'2'.repeat(64)}`,
    rows: 1_000,
    badRows: 3,
    features,
    featureNames,
    classes,
    split: { train: 800, validation: 100, test: 100 },
  },
  metrics: { validation: { loss: 0.2, accuracy: 0.94 }, test: { loss: 0.25, accuracy: 0.93 } },
  history: [
    { step: 64, loss: 0.5, validationLoss: 0.2 },
    { step: 128, loss: 0.4 },
  ],
  software: { modelyard: '0.1.0', onnxruntime: '1.30.0', node: '24.21.0', platform: 'linux-x64' },
});
