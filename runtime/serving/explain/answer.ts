import { encodeTensor, type TensorDataType } from '../../../lib/tensor-codec.ts';
import type { Tensor } from '../tensor.ts';
import type { ModelExplanation } from './explanation.ts';

/** What a method did, beside its numbers. */
export const summaryOf = ({ method, seed, evaluations }: ModelExplanation): Record<string, string | number> => ({
  method,
  seed,
  evaluations,
});

/** An explanation as tensors of the Open Inference Protocol; docs/serving.md lists them. */
export function explanationTensors(explanation: ModelExplanation): Tensor[] {
  const { rows, features, outputs, labels, local, words, conditions, segments } = explanation;
  const each = [rows, outputs];
  const texts = (name: string, items: readonly (readonly object[])[]): Tensor =>
    tensor(name, 'BYTES', [rows, features], padded(items, features));
  return [
    tensor('attributions', 'FP64', [rows, features, outputs], explanation.attributions),
    tensor('base_values', 'FP64', each, explanation.baseValues),
    tensor('predictions', 'FP64', each, explanation.predictions),
    tensor('output_indices', 'INT32', each, explanation.outputIndices),
    ...(labels ? [tensor('output_labels', 'BYTES', each, namesOf(explanation, labels))] : []),
    tensor('additivity_error', 'FP64', each, explanation.additivityError),
    ...(local
      ? [
          tensor('local_scores', 'FP64', each, local.scores),
          tensor('local_predictions', 'FP64', each, local.predictions),
        ]
      : []),
    ...(words ? [texts('words', words)] : []),
    ...(conditions ? [texts('conditions', conditions)] : []),
    ...(segments ? [tensor('segments', 'INT32', [rows, segments.length / rows], segments)] : []),
  ];
}

function tensor(
  name: string,
  dataType: TensorDataType,
  shape: number[],
  elements: ArrayLike<number> | ArrayLike<string>,
): Tensor {
  return { name, dataType, shape, data: encodeTensor(dataType, Array.from<number | string>(elements)) };
}

const namesOf = ({ outputIndices }: ModelExplanation, labels: readonly string[]): string[] =>
  Array.from(outputIndices, (index) => labels[index] ?? '');

/** As JSON; an instance with fewer features has empty texts at the end. */
const padded = (items: readonly (readonly object[])[], features: number): string[] =>
  items.flatMap((row) =>
    Array.from({ length: features }, (_, index) => (index < row.length ? JSON.stringify(row[index]) : '')),
  );

/** An explanation as an object for each instance, with lists for features. */
export function instanceExplanations(explanation: ModelExplanation): object[] {
  const { rows, features, outputs, labels, local, words, conditions, segments } = explanation;
  return Array.from({ length: rows }, (_, row) => {
    const each = (values: ArrayLike<number>): number[] =>
      Array.from({ length: outputs }, (__, output) => values[row * outputs + output] ?? 0);
    const own = words?.[row]?.length ?? conditions?.[row]?.length ?? features;
    const pixels = segments ? segments.length / rows : 0;
    return {
      attributions: Array.from({ length: own }, (__, feature) =>
        Array.from(
          { length: outputs },
          (___, output) => explanation.attributions[(row * features + feature) * outputs + output] ?? 0,
        ),
      ),
      base_values: each(explanation.baseValues),
      predictions: each(explanation.predictions),
      output_indices: each(explanation.outputIndices),
      ...(labels && { output_labels: each(explanation.outputIndices).map((index) => labels[index] ?? '') }),
      additivity_error: each(explanation.additivityError),
      ...(local && { local_scores: each(local.scores), local_predictions: each(local.predictions) }),
      ...(words && { words: words[row] }),
      ...(conditions && { conditions: conditions[row] }),
      ...(segments && { segments: Array.from(segments.subarray(row * pixels, (row + 1) * pixels)) }),
    };
  });
}
