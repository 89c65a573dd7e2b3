import type { TrainingJobFile } from '../../training-contract.ts';
import { graphNames, type LabelSpec } from '../training-graph.ts';
import type { GradientBuilder } from './gradient-builder.ts';
import { notTrainable } from './refusal.ts';

export type LossName = TrainingJobFile['loss'];

/** A loss, as it is written into a graph. */
export interface Loss {
  /** float32 [rows] */
  losses: string;
  /** Writes the gradient of the sum of the losses times `rowWeight`, by what the loss was taken of. */
  seed: () => string;
}

/**
 * Throws TrainingFailure where the labels do not fit what they are compared with.
 *
 * @param result what the loss is taken of: logits [rows, classes], or predictions of so many elements for each row
 */
export function writeLoss(graph: GradientBuilder, loss: LossName, label: LabelSpec, result: string): Loss {
  if (loss === 'CrossEntropy') return crossEntropy(graph, label, result);
  return meanSquaredError(graph, label, result);
}

function crossEntropy(graph: GradientBuilder, label: LabelSpec, logits: string): Loss {
  if (label.kind !== 'Classes')
    throw notTrainable('CrossEntropy compares classes, but the labels are numbers; use MeanSquaredError.');
  const shape = graph.shape(logits);
  const [rows, classes] = shape;
  if (shape.length !== 2 || rows !== 'rows' || typeof classes !== 'number') {
    throw notTrainable(
      `CrossEntropy needs an output [rows, classes], and the model has [${shape.map((size) => size ?? '?').join()}]; reshape it in the model.`,
    );
  }
  if (classes < label.classes) {
    throw notTrainable(
      `The model has an output of ${classes} classes and the data has ${label.classes}; give spec.train.trainable.head.classes: ${label.classes}.`,
    );
  }
  const axis = { axis: { int: 1 } };
  const logarithms = graph.add('LogSoftmax', [logits], axis);
  const column = graph.add('Unsqueeze', [graphNames.labels, graph.ints([1])]);
  const ofLabels = graph.add('GatherElements', [logarithms, column], axis);
  return {
    losses: graph.apply('Neg', [graph.reshape(ofLabels, [-1])]),
    seed: () => {
      const weight = graph.reshape(graphNames.rowWeight, [1]);
      const zeroOrWeight = graph.apply('Concat', [graph.floats([1], Float32Array.of(0)), weight], { axis: { int: 0 } });
      const targets = graph.add('OneHot', [graphNames.labels, graph.ints(classes), zeroOrWeight]);
      return graph.minus(graph.times(graph.apply('Exp', [logarithms]), graphNames.rowWeight), targets);
    },
  };
}

function meanSquaredError(graph: GradientBuilder, label: LabelSpec, predictions: string): Loss {
  if (label.kind !== 'Values')
    throw notTrainable('MeanSquaredError compares numbers, but the labels are classes; use CrossEntropy.');
  const { width } = label;
  const [rows, ...sizes] = graph.shape(predictions);
  const actual = sizes.reduce<number | undefined>(
    (product, size) => (product === undefined || typeof size !== 'number' ? undefined : product * size),
    1,
  );
  if (rows !== 'rows' || actual !== width) {
    throw notTrainable(
      `The model has an output [${[rows, ...sizes].map((size) => size ?? '?').join()}] and a row of the data has ${width} values to predict; make the model's last layer as wide.`,
    );
  }
  const difference = graph.minus(asRows(graph, predictions, width), graphNames.labels);
  return {
    losses: graph.reduce('ReduceMean', graph.square(difference), [1], false),
    seed: () => {
      const gradient = graph.times(difference, graph.times(graphNames.rowWeight, 2 / width));
      return sizes.length === 1 ? gradient : graph.reshapeLike(gradient, predictions);
    },
  };
}

/** [rows, width], whatever shape a row of the model's output has. */
export const asRows = (graph: GradientBuilder, value: string, width: number): string =>
  graph.shape(value).length === 2 ? value : graph.reshape(value, [-1, width]);
