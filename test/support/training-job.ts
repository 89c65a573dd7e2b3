import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { DataSpec, OptimizerSpec, TrainingJobFile } from '../../runtime/training-contract.ts';

/** What differs from the usual job. */
export interface JobChanges extends Omit<Partial<TrainingJobFile>, 'data' | 'optimizer'> {
  data?: Partial<DataSpec>;
  optimizer?: Partial<OptimizerSpec>;
}

/** A small classifier on data.csv in the folder, that leaves what it makes in the folder `output`. */
export function jobIn(folder: string, { data, optimizer, ...changes }: JobChanges = {}): TrainingJobFile {
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
      ...data,
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
      ...optimizer,
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

/** 300 points around the centres of three classes, in so many dimensions, as the content of data.csv. */
export function pointsOfClasses(dimensions = 6): string {
  const wave = (number: number): number => Math.sin(number * 12.9898) * Math.cos(number * 78.233);
  const columns = Array.from({ length: dimensions }, (_, column) => `x${column}`);
  const rows = Array.from({ length: 300 }, (_, row) => {
    const values = columns.map((_, column) => wave(row * dimensions + column + 1) + wave((row % 3) * 100 + column));
    return [...values.map((value) => value.toFixed(4)), 'abc'[row % 3]].join();
  });
  return [[...columns, 'label'].join(), ...rows, ''].join('\n');
}
