import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TrainingJobFile } from '../../runtime/training-contract.ts';

/** A small classifier on data.csv in the folder, that leaves what it makes in the folder `output`. */
export function jobIn(folder: string, changes: Partial<TrainingJobFile> = {}): TrainingJobFile {
  const uri = (name: string): string => pathToFileURL(join(folder, name)).href;
  return {
    version: 1,
    namespace: 'default',
    name: 'job',
    specHash: `sha256:${'5'.repeat(64)}`,
    model: { kind: 'Mlp', hidden: [400, 16], activation: 'Relu', dropout: 0.2 },
    freeze: [],
    data: {
      location: { uri: uri('data.csv') },
      label: 'label',
      scale: 1,
      validationSplit: 0.1,
      testSplit: 0.1,
      maxBadRows: 0,
    },
    loss: 'CrossEntropy',
    metrics: ['accuracy'],
    optimizer: {
      name: 'Adam',
      learningRate: 0.01,
      weightDecay: 0,
      momentum: 0.9,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      schedule: { name: 'Constant', warmupSteps: 0 },
    },
    epochs: 3,
    batchSize: 24,
    gradientShards: 5,
    seed: 1,
    checkpoint: { location: { uri: uri('output/.checkpoints') }, every: 8, keep: 2 },
    output: { location: { uri: uri('output') }, modelName: 'clouds' },
    ...changes,
  };
}
