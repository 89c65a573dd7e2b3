import { decodeTensor, encodeTensor } from '../../../lib/tensor-codec.ts';
import type { TensorSignature } from '../../contract.ts';
import { invalid, RequestError } from '../../errors.ts';
import { checkInputs } from '../check-inputs.ts';
import type { ServedModel } from '../served-model.ts';
import { floatsOf, textsOf, type Tensor } from '../tensor.ts';

/** What an explanation can be of: the model's inputs as the arithmetic of explanations sees them. */
export type Explainable =
  /** `columns`: where each feature is an input of its own, their names and types. */
  | { kind: 'tabular'; features: number; columns: readonly TensorSignature[] | undefined }
  | { kind: 'text' }
  | { kind: 'image'; channelsFirst: boolean; height: number; width: number; channels: number };

/**
 * How a model's inputs can be explained, given an instance of them. Throws RequestError for a model whose inputs are neither rows of
 * numbers, nor texts, nor pixels.
 */
export function explainableOf(model: ServedModel, inputs: readonly Tensor[]): Explainable {
  const signature = model.requireSignature();
  checkInputs(inputs, signature.inputs, model.task.optionalInputs);
  const isColumn = ({ dataType, shape }: TensorSignature): boolean => dataType === 'FP32' && shape.length === 1;
  if (signature.inputs.every(isColumn) && inputs.length === signature.inputs.length)
    return { kind: 'tabular', features: inputs.length, columns: signature.inputs };
  const [input, ...others] = inputs;
  if (!input || others.length > 0) throw refusal(signature.inputs);
  const [, ...row] = input.shape;
  if (input.dataType === 'BYTES' && row.length === 0 && input.name === 'text') return { kind: 'text' };
  if (input.dataType !== 'FP32') throw refusal(signature.inputs);
  const [first = 0, second = 0, third = 0] = row;
  if (row.length === 1) return { kind: 'tabular', features: first, columns: undefined };
  const isChannels = (size: number): boolean => size === 1 || size === 3;
  if (row.length === 3 && isChannels(first))
    return { kind: 'image', channelsFirst: true, channels: first, height: second, width: third };
  if (row.length === 3 && isChannels(third))
    return { kind: 'image', channelsFirst: false, height: first, width: second, channels: third };
  throw refusal(signature.inputs);
}

const refusal = (inputs: readonly TensorSignature[]): RequestError => {
  const shown = inputs.map(({ name, dataType, shape }) => `${name} ${dataType} ${JSON.stringify(shape)}`).join(', ');
  return invalid(
    'inputs: explained can be one FP32 input [rows, features], columns of numbers [rows], texts, or pixels [images, height, width, channels] or [images, channels, ' +
      `height, width] with 1 or 3 channels; this model takes ${shown.slice(0, 300)}`,
  );
};

/** Rows of numbers as [rows, features]. Throws RequestError for tensors that are no such rows. */
export function rowsIn(
  tensors: readonly Tensor[],
  { features, columns }: Explainable & { kind: 'tabular' },
  path: string,
): Float32Array {
  const [sole, ...others] = tensors;
  if (!columns) {
    if (sole?.dataType === 'FP32' && sole.shape[1] === features && others.length === 0) return floatsOf(sole);
    throw invalid(
      `${path}: must hold one FP32 tensor [rows, ${features}]: rows like those that the model was trained on`,
    );
  }
  const rows = sole?.shape[0] ?? 0;
  const matrix = new Float32Array(rows * features);
  columns.forEach(({ name, dataType }, feature) => {
    const column = tensors.find((candidate) => candidate.name === name);
    if (column?.dataType !== dataType || column.shape.length !== 1 || column.shape[0] !== rows)
      throw invalid(
        `${path}: must hold ${JSON.stringify(name)} as ${dataType} [rows], and as many rows of every column`,
      );
    floatsOf(column).forEach((value, row) => (matrix[row * features + feature] = value));
  });
  return matrix;
}

/** The inverse, of each input of the model. */
export function rowTensors(
  values: Float32Array,
  rows: number,
  { features, columns }: Explainable & { kind: 'tabular' },
  input: string,
): Tensor[] {
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
    new Uint8Array(buffer, byteOffset, byteLength);
  if (!columns) return [{ name: input, dataType: 'FP32', shape: [rows, features], data: bytes(values) }];
  return columns.map(({ name, dataType }, feature) => {
    const column = Array.from({ length: rows }, (_, row) => values[row * features + feature] ?? 0);
    return { name, dataType, shape: [rows], data: encodeTensor(dataType, column) };
  });
}

/** What a model gives for one row after the other: [rows, outputs], and what the outputs are called where they have names. */
export interface Numbers {
  values: Float32Array | Float64Array;
  labels: readonly string[] | undefined;
}

/**
 * Reads what is explained off a model's answer: the scores of a task with labels, in the order of `known` labels or, at first, of the labels
 * themselves; else the one output of floating point numbers.
 *
 * @param wanted the output's name, where the client gave one
 */
export function numbersIn(
  outputs: readonly Tensor[],
  rows: number,
  wanted: string | undefined,
  known: readonly string[] | undefined,
): Numbers {
  const find = (name: string): Tensor | undefined => outputs.find((output) => output.name === name);
  const [label, score] = [find('label'), find('score')];
  if (label?.dataType === 'BYTES' && score && (wanted ?? 'score') === 'score')
    return byLabel(label, score, rows, known);
  const isNumbers = ({ dataType, shape }: Tensor): boolean =>
    (dataType === 'FP32' || dataType === 'FP64') && shape.length > 0 && shape[0] === rows;
  const candidates = wanted === undefined ? outputs.filter(isNumbers) : outputs.filter(({ name }) => name === wanted);
  const [output, ...others] = candidates;
  if (!output || others.length > 0 || !isNumbers(output)) {
    const names = outputs.filter(isNumbers).map(({ name }) => JSON.stringify(name));
    throw invalid(
      `parameters.output: must name one of the outputs with FP32 or FP64 numbers for each row: ${names.join(', ') || 'this model has none'}`,
    );
  }
  const values = decodeTensor(output.dataType, output.data) as Float32Array | Float64Array;
  return { values, labels: undefined };
}

function byLabel(label: Tensor, score: Tensor, rows: number, known: readonly string[] | undefined): Numbers {
  const names = textsOf(label);
  const scores = floatsOf(score);
  const labels = known ?? [...new Set(names)].sort();
  const count = rows === 0 ? 0 : names.length / rows;
  if (count < 2) throw invalid('inputs: the model answers with one label for each row, which cannot be explained');
  if (count !== labels.length) throw incomplete();
  const places = new Map(labels.map((name, index) => [name, index]));
  const values = new Float32Array(scores.length);
  const seen = new Set<string>();
  names.forEach((name, index) => {
    if (index % count === 0) seen.clear();
    const place = places.get(name);
    // A model of more labels than an answer holds leaves out others from row to row.
    if (place === undefined || seen.has(name)) throw incomplete();
    seen.add(name);
    values[Math.floor(index / count) * count + place] = scores[index] ?? NaN;
  });
  return { values, labels };
}

const incomplete = (): RequestError =>
  new RequestError(
    'ModelFailed',
    'the model does not give a score for each label, so that its labels cannot be explained',
  );

/** Of each of so many matrices [rows, columns], its [columns, rows]: the way between channels that come last and first. */
export function transposed(values: Float32Array, matrices: number, rows: number, columns: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let matrix = 0; matrix < matrices; matrix++) {
    const base = matrix * rows * columns;
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        result[base + column * rows + row] = values[base + row * columns + column] ?? 0;
  }
  return result;
}

/** Pixels as the model takes them; explanations see the channels last. */
export function pixelTensor(
  values: Float32Array,
  images: number,
  { height, width, channels, channelsFirst }: Explainable & { kind: 'image' },
  name: string,
): Tensor {
  const shape = channelsFirst ? [images, channels, height, width] : [images, height, width, channels];
  const { buffer, byteOffset, byteLength } = channelsFirst
    ? transposed(values, images, height * width, channels)
    : values;
  return { name, dataType: 'FP32', shape, data: new Uint8Array(buffer, byteOffset, byteLength) };
}
