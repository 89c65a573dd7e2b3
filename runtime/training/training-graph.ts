import type { Layout } from './layout.ts';

/** A data input of the model. The first dimension of the shape, the rows, is -1. */
export interface DataInput {
  name: string;
  dataType: 'FP32' | 'INT64' | 'INT32';
  shape: number[];
}

/** What the labels of a batch look like: class numbers [rows] as INT64, or targets [rows, width] as FP32. */
export type LabelSpec = { kind: 'Classes'; classes: number } | { kind: 'Values'; width: number };

/** Uniform numbers in [0, 1), float32, that the graph takes for one Dropout; the first dimension is the rows. */
export interface RandomInput {
  name: string;
  shape: number[];
}

/**
 * Two ONNX models that plain ONNX Runtime executes, with every trained tensor as an input, float32, under the name it has in the
 * layout. Both also take the model's data inputs and `labelsInput`.
 */
export interface TrainingGraph {
  layout: Layout;
  inputs: DataInput[];
  label: LabelSpec;
  /**
   * Forward, loss and gradients. Also takes `rowWeight`, a float32 scalar: 1 / rows of the batch. Its outputs are contributions
   * to the batch (docs/training.md): `loss`, a float32 scalar, and for each entry of the layout one output `contribution(entry)`.
   */
  training: Uint8Array;
  randoms: RandomInput[];
  /** The model as it serves. Outputs: `losses`, float32 [rows], the loss of each row; and `predictions`, float32 [rows, width]. */
  evaluation: Uint8Array;
}

/** Names in both graphs that no model may use. */
export const graphNames = {
  labels: 'modelyard.labels',
  rowWeight: 'modelyard.rowWeight',
  loss: 'modelyard.loss',
  losses: 'modelyard.losses',
  predictions: 'modelyard.predictions',
  contribution: (name: string): string => `modelyard.contribution.${name}`,
  random: (index: number): string => `modelyard.random.${index}`,
} as const;
