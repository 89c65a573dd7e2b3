import type { TensorSignature } from '../../contract.ts';
import { jsonElements, nestedJson } from '../elements.ts';
import { isRecord } from '../json.ts';
import { floatsOf, textsOf, type Signature, type Tensor } from '../tensor.ts';
import { labelPredictions, labelSignature, labelTensors } from './labelled-scores.ts';
import { readLabels, readModelRecord, unsupportedBy } from './model-files.ts';
import { probabilities, scoringOf } from './scores.ts';
import { tableColumnsOf } from './table-columns.ts';
import { tableBody } from './table-requests.ts';
import type { PreparedTask, Task } from './task.ts';
import { stringTensor } from './text-requests.ts';

/**
 * Rows of named columns in, labels with their scores or numbers out. What columns and classes are called is read from config.json, where a
 * TrainingJob writes it, or from the model's own inputs.
 */
export const tabular: Task = {
  name: 'Tabular',
  bodyTypes: ['application/json'],
  toInputs: tableBody,
  toPredictions: (outputs) =>
    (outputs.some(({ name }) => name === 'label') ? labelPredictions : valuePredictions)(outputs),
  prepare,
};

/** A model of more classes gives so many of them. */
const maxLabels = 100;

async function prepare(model: Signature, directory: string): Promise<PreparedTask> {
  const config = await readModelRecord(directory, 'config.json');
  const columns = tableColumnsOf(model, config);
  const rows = columns.inputs[0]?.shape[0] ?? -1;
  const answers = answersOf(model.outputs, config, rows);
  return {
    signature: { inputs: columns.inputs, outputs: answers.outputs },
    before: ({ inputs }) => ({ inputs: columns.toModel(inputs), outputs: answers.read.map(({ name }) => name) }),
    after: (outputs, { outputs: wanted }) => answers.toOutputs(outputs, wanted),
  };
}

/** What is read of a model, and what becomes of it. */
interface Answers {
  read: TensorSignature[];
  outputs: TensorSignature[];
  toOutputs(outputs: readonly Tensor[], wanted: readonly string[] | undefined): Tensor[];
}

function answersOf(outputs: readonly TensorSignature[], config: Record<string, unknown>, rows: number): Answers {
  const isClasses = ({ dataType }: TensorSignature): boolean => dataType === 'BYTES' || dataType === 'INT64';
  const classes = outputs.find((output) => isClasses(output) && output.shape.length === 1);
  const numbers = outputs.filter(({ dataType, shape }) => dataType === 'FP32' && shape.length <= 2 && shape.length > 0);
  const [scores, ...others] = numbers;
  if (!scores || others.length > 0) {
    throw unsupportedBy('Tabular', `has ${numbers.length} outputs FP32 [rows, values] where one is needed`);
  }
  if (isRecord(config.id2label)) return labelsByNumber(scores, config, rows);
  if (classes) return chosenLabels(classes, scores, rows);
  return {
    read: [scores],
    outputs: [{ name: 'value', dataType: 'FP32', shape: [rows, ...scores.shape.slice(1)] }],
    toOutputs: ([values]) => (values ? [{ ...values, name: 'value' }] : []),
  };
}

/** All classes, by the names that config.json has for them. */
function labelsByNumber(scores: TensorSignature, config: Record<string, unknown>, rows: number): Answers {
  const labels = readLabels(config);
  const score = config.problem_type === 'multi_label_classification' ? scoringOf(config) : probabilities;
  const count = scores.shape[1] ?? -1;
  return {
    read: [scores],
    outputs: labelSignature(rows, count === -1 ? -1 : Math.min(count, maxLabels)),
    toOutputs: ([tensor], wanted) => labelTensors(rowsIn(tensor).map(score), labels, maxLabels, wanted),
  };
}

/** The class that the model itself chose, as skl2onnx's classifiers do; the names of the others are not known. */
function chosenLabels(classes: TensorSignature, scores: TensorSignature, rows: number): Answers {
  return {
    read: [classes, scores],
    outputs: labelSignature(rows, 1),
    toOutputs: ([chosen, tensor], wanted = ['label', 'score']) => {
      const names = chosen ? namesIn(chosen) : [];
      const best = Float32Array.from(rowsIn(tensor), (row) => Math.max(...row));
      const tensors: Tensor[] = [
        stringTensor('label', names, [names.length, 1]),
        { name: 'score', dataType: 'FP32', shape: [best.length, 1], data: new Uint8Array(best.buffer) },
      ];
      return wanted.flatMap((name) => tensors.find((one) => one.name === name) ?? []);
    },
  };
}

function rowsIn(tensor: Tensor | undefined): Float32Array[] {
  if (!tensor) return [];
  const numbers = floatsOf(tensor);
  const [rows = 0] = tensor.shape;
  const width = rows === 0 ? 0 : numbers.length / rows;
  return Array.from({ length: rows }, (_, row) => numbers.subarray(row * width, (row + 1) * width));
}

const namesIn = (tensor: Tensor): string[] => (tensor.dataType === 'BYTES' ? textsOf(tensor) : jsonElements(tensor));

/** A number for each row, or a list of them where the model gives several. */
function valuePredictions(outputs: readonly Tensor[]): string {
  const [value] = outputs;
  if (!value) return '[]';
  return (value.shape[1] ?? 1) === 1 ? `[${jsonElements(value).join()}]` : nestedJson(value);
}
