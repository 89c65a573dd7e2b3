import type { ModelSource } from '../../training-contract.ts';
import { notTrainable } from '../autodiff/refusal.ts';
import { Layers, type BuiltFor } from './layers.ts';

export type BuiltSource = Exclude<ModelSource, { kind: 'Onnx' }>;

/**
 * A fresh ONNX model for the data, the same for the same seed. Its one input has the name and shape of the features; its one output
 * is `logits` [batch, classes] or `predictions` [batch, width].
 *
 * @throws TrainingFailure of reason ModelNotTrainable where the shape of the data does not fit
 */
export const buildModel = (source: BuiltSource, builtFor: BuiltFor): Uint8Array =>
  source.kind === 'Mlp' ? buildMlp(source, builtFor) : buildCnn(source, builtFor);

function buildMlp(source: Extract<ModelSource, { kind: 'Mlp' }>, builtFor: BuiltFor): Uint8Array {
  const layers = new Layers(builtFor, 'spec.train.model.mlp');
  layers.flatten();
  for (const [index, width] of source.hidden.entries()) {
    const name = `hidden.${index + 1}`;
    layers.linear(name, width);
    layers.activation(`${name}.activation`, source.activation);
    layers.dropout(`${name}.dropout`, source.dropout);
  }
  return layers.finish();
}

function buildCnn(source: Extract<ModelSource, { kind: 'Cnn' }>, builtFor: BuiltFor): Uint8Array {
  const field = 'spec.train.model.cnn';
  checkImages(field, builtFor.features.shape.slice(1));
  const layers = new Layers(builtFor, field);
  const { channels, kernelSize, activation, batchNormalization, dropout } = source;
  for (const [index, count] of channels.entries()) {
    const number = index + 1;
    layers.convolution(`convolution.${number}`, count, kernelSize, !batchNormalization);
    if (batchNormalization) layers.batchNormalization(`normalization.${number}`);
    layers.activation(`convolution.${number}.activation`, activation);
    layers.maxPool(`convolution.${number}.pool`);
  }
  layers.flatten();
  layers.dropout('dropout', dropout);
  return layers.finish();
}

function checkImages(field: string, shape: readonly number[]): void {
  if (shape.length === 3) return;
  const elements = shape.reduce((all, size) => all * size, 1);
  const side = Math.sqrt(elements);
  const example = Number.isInteger(side) && elements > 1 ? [1, side, side] : [3, 32, 32];
  throw notTrainable(
    `${field} takes samples of the shape [channels, height, width], and those of the data have [${shape.join(', ')}]; set spec.train.data.shape, such as [${example.join(', ')}], or spec.train.data.image.`,
  );
}
