import { isRecord } from '../json.ts';
import type { Task } from '../tasks/task.ts';
import type { Tensor } from '../tensor.ts';

/**
 * Predictions as TorchServe's handlers give them, in JSON: of one input the prediction itself, of several a list; labels with their scores
 * as `{LABEL: SCORE}`. Raw tensors stay what they are, by output name.
 */
export function answerOf(task: Task, outputs: readonly Tensor[]): string {
  const text = task.toPredictions(outputs);
  if (task.name === 'Tensor') return text;
  const predictions: unknown = JSON.parse(text);
  if (!Array.isArray(predictions)) return text;
  // An image is one input, and its labels are one prediction.
  if (task.name === 'ImageClassification') return areLabels(predictions) ? labelsText(predictions) : text;
  // As it is written, a number keeps all its digits.
  if (!predictions.some(areLabels)) return predictions.length === 1 ? text.slice(1, -1) : text;
  const rows = predictions.map((row: unknown) => (areLabels(row) ? labelsText(row) : JSON.stringify(row)));
  const [only] = rows;
  return rows.length === 1 && only !== undefined ? only : `[${rows.join()}]`;
}

/** Labels in the order of their scores, also those that are numbers, which an object would sort. Of equal ones the first counts. */
function labelsText(row: readonly Label[]): string {
  const scores = new Map<string, number>();
  for (const { label, score } of row) if (!scores.has(label)) scores.set(label, score);
  return `{${[...scores].map(([label, score]) => `${JSON.stringify(label)}:${score}`).join()}}`;
}

interface Label {
  label: string;
  score: number;
}

const areLabels = (row: unknown): row is Label[] => Array.isArray(row) && row.length > 0 && row.every(isLabel);

const isLabel = (value: unknown): value is Label =>
  isRecord(value) &&
  Object.keys(value).length === 2 &&
  typeof value.label === 'string' &&
  typeof value.score === 'number';
