import { splitBytes } from '../lib/tensor-codec.ts';
import { ModelClientError } from './errors.ts';
import { decoded, type Prediction, type RawTensor } from './transport.ts';

/** A part of a text that TokenClassification has a label for; `start` and `end` count Unicode code points. */
export interface Entity {
  text: string;
  label: string;
  score: number;
  start: number;
  end: number;
}

/** FeatureExtraction gives a vector, TextClassification labels by falling score, TokenClassification entities by their place. */
export type TextAnswer = Float32Array | Prediction[] | Entity[];

/**
 * The outputs of a text task, text by text. Throws ModelClientError.
 *
 * @param count texts that were sent
 */
export function textAnswersOf(outputs: readonly RawTensor[], count: number): TextAnswer[] {
  const find = (name: string): RawTensor | undefined => outputs.find((output) => output.name === name);
  const embedding = find('embedding');
  const entities = find('entities');
  const answers = embedding
    ? vectorsIn(embedding)
    : entities
      ? strings(entities).map((text) => JSON.parse(text) as Entity[])
      : predictionsIn(find('label'), find('score'));
  if (answers.length !== count) {
    throw new ModelClientError('ProtocolError', 'the model does not answer texts with vectors, labels or entities');
  }
  return answers;
}

function vectorsIn({ name, dataType, shape, data }: RawTensor): Float32Array[] {
  const numbers = decoded(name, dataType, data);
  const [count = 0, width = 0] = shape;
  if (!(numbers instanceof Float32Array)) return [];
  return Array.from({ length: count }, (_, text) => numbers.subarray(text * width, (text + 1) * width));
}

function predictionsIn(label: RawTensor | undefined, score: RawTensor | undefined): Prediction[][] {
  if (!label || !score) return [];
  const labels = strings(label);
  const scores = decoded(score.name, score.dataType, score.data);
  const [count = 0, places = 0] = label.shape;
  return Array.from({ length: count }, (_, text) =>
    labels.slice(text * places, (text + 1) * places).map((name, place) => ({
      label: name,
      score: Number(scores[text * places + place]),
    })),
  );
}

const strings = ({ data }: RawTensor): string[] =>
  (splitBytes(data) ?? []).map((element) => Buffer.from(element).toString());
