import { splitBytes } from '../../../lib/tensor-codec.ts';
import type { TensorSignature } from '../../contract.ts';
import { floatsOf, type Tensor } from '../tensor.ts';
import { stringTensor } from './text-requests.ts';

/** What classifiers give: labels by falling score, as many for each sample; `samples` and `labels` are -1 where any number. */
export const labelSignature = (samples: number, labels: number): TensorSignature[] => [
  { name: 'label', dataType: 'BYTES', shape: [samples, labels] },
  { name: 'score', dataType: 'FP32', shape: [samples, labels] },
];

/**
 * @param scores of each sample, one for each label
 * @param most labels to give
 * @param wanted names of outputs; absent: all
 */
export function labelTensors(
  scores: readonly Float32Array[],
  labels: (index: number) => string,
  most: number,
  wanted: readonly string[] = ['label', 'score'],
): Tensor[] {
  const ranked = scores.map((row) => byFallingScore(row).slice(0, most));
  const shape = [ranked.length, ranked[0]?.length ?? 0];
  const all = ranked.flat();
  const names = all.map(({ index }) => labels(index));
  const values = Float32Array.from(all, ({ score }) => score);
  const tensors: Tensor[] = [
    stringTensor('label', names, shape),
    { name: 'score', dataType: 'FP32', shape, data: new Uint8Array(values.buffer) },
  ];
  return wanted.flatMap((name) => tensors.find((tensor) => tensor.name === name) ?? []);
}

/** Equal ones in the order of the labels. */
function byFallingScore(scores: Float32Array): { index: number; score: number }[] {
  return Array.from(scores, (score, index) => ({ index, score })).sort(
    (a, b) => b.score - a.score || a.index - b.index,
  );
}

/** For each sample its labels with their scores, as JSON. */
export function labelPredictions(outputs: readonly Tensor[]): string {
  const label = outputs.find(({ name }) => name === 'label');
  const score = outputs.find(({ name }) => name === 'score');
  const labels = splitBytes(label?.data ?? new Uint8Array()) ?? [];
  const scores = score ? floatsOf(score) : new Float32Array();
  const [samples = 0, count = 0] = label?.shape ?? [];
  const predictions = Array.from({ length: samples }, (_, sample) =>
    Array.from({ length: count }, (_label, place) => {
      const at = sample * count + place;
      return { label: Buffer.from(labels[at] ?? []).toString(), score: scores[at] };
    }),
  );
  return JSON.stringify(predictions);
}
