import { OnnxError } from '../../onnx/onnx-error.ts';
import { tensorShape } from '../../onnx/tensors.ts';
import { layoutOf } from '../layout.ts';
import type { LabelSpec, TrainingGraph } from '../training-graph.ts';
import { planTraining } from './analysis.ts';
import { writeEvaluationGraph } from './evaluation-form.ts';
import type { LossName } from './losses.ts';
import { lossOperand, nodesFor } from './pruning.ts';
import { invalidModel } from './refusal.ts';
import { readSourceModel, type SourceModel } from './source-model.ts';
import { writeTrainingGraph } from './training-form.ts';
import { probeValues } from './values.ts';

export interface TrainingOptions {
  loss: LossName;
  /** Names of weights that stay as they are; `*` stands for any characters. */
  freeze: readonly string[];
  label: LabelSpec;
  /** What a row of the data holds, for a model that leaves more open than the rows. */
  rowShape?: readonly number[];
}

/**
 * Derives the graphs of a training from a model for inference, or for training: batch normalisations and dropouts work as in
 * training in one, and as in serving in the other.
 *
 * @param bytes of an ONNX model of opset 13 to 26, in one file, with one output
 * @throws TrainingFailure of reason InvalidModel, or ModelNotTrainable with the name of the node and what to do about it
 */
export async function buildTrainingGraph(bytes: Uint8Array, options: TrainingOptions): Promise<TrainingGraph> {
  try {
    return await derive(bytes, options);
  } catch (error) {
    if (error instanceof OnnxError) throw invalidModel(error.message);
    throw error;
  }
}

async function derive(bytes: Uint8Array, options: TrainingOptions): Promise<TrainingGraph> {
  const source = readSourceModel(bytes, options.rowShape);
  const values = await probeValues(source);
  const result = lossOperand(source, values, options.loss);
  const nodes = nodesFor(source.nodes, result);
  const plan = planTraining(source, nodes, result, values, options.freeze);
  const entries = (names: readonly string[]): { name: string; shape: number[] }[] =>
    names.map((name) => ({ name, shape: shapeOfInitializer(source, name) }));
  const layout = layoutOf(entries(plan.trainable), entries(plan.statistics));
  const parts = { source, values, layout, result, loss: options.loss, label: options.label };
  return {
    layout,
    inputs: source.inputs,
    label: options.label,
    ...writeTrainingGraph(parts, nodes, plan),
    evaluation: writeEvaluationGraph(parts),
  };
}

function shapeOfInitializer({ initializers }: SourceModel, name: string): number[] {
  const tensor = initializers.get(name);
  if (!tensor) throw new Error(`${name} is no initializer`);
  return tensorShape(tensor);
}
