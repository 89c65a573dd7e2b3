import type { ServedTask, TensorSignature } from '../../contract.ts';
import type { Signature, Tensor } from '../tensor.ts';
import { unsupportedBy } from './model-files.ts';
import type { EncodedText, TextTokenizer } from './text-tokenizer.ts';

/** How a model takes tokens: its own inputs, of what it has. */
export interface TokenInputs {
  inputs: readonly { name: InputName; dataType: 'INT64' | 'INT32' }[];
  /** Tokens of every text, where the model takes so many and no other number of them; -1 where any. */
  length: number;
  /** Texts of a run, likewise. */
  rows: 1 | -1;
  /** Whether the model can be told what is padding. */
  masked: boolean;
}

const inputNames = ['input_ids', 'attention_mask', 'token_type_ids'] as const;
type InputName = (typeof inputNames)[number];
const isInputName = (name: string): name is InputName => inputNames.some((known) => known === name);

/** Throws ModelFault for a model that takes anything else than tokens. */
export function tokenInputsOf(task: ServedTask, model: Signature): TokenInputs {
  const inputs = model.inputs.map(({ name, dataType, shape }) => {
    if (!isInputName(name)) {
      throw unsupportedBy(task, `takes ${JSON.stringify(name)} where only ${inputNames.join(', ')} are known`);
    }
    if (dataType !== 'INT64' && dataType !== 'INT32') {
      throw unsupportedBy(task, `takes ${name} as ${dataType} where INT64 or INT32 is needed`);
    }
    if (shape.length !== 2) {
      throw unsupportedBy(task, `takes ${name} as ${JSON.stringify(shape)} where [texts, tokens] is needed`);
    }
    return { name, dataType, shape };
  });
  if (!inputs.some(({ name }) => name === 'input_ids')) throw unsupportedBy(task, 'has no input input_ids');
  const fixed = (axis: number): number => Math.max(...inputs.map(({ shape }) => shape[axis] ?? -1));
  const rows = fixed(0);
  if (rows > 1) throw unsupportedBy(task, `takes exactly ${rows} texts where one or any number is needed`);
  return {
    inputs,
    length: fixed(1),
    rows: rows === 1 ? 1 : -1,
    masked: inputs.some(({ name }) => name === 'attention_mask'),
  };
}

/** Texts of one run, padded to the same length: where each of them begins, and how long they are with their padding. */
export interface PaddedTexts {
  tensors: Tensor[];
  length: number;
  starts: number[];
}

/** @param texts at least one */
export function padTexts(
  model: TokenInputs,
  texts: readonly EncodedText[],
  { id, typeId, side }: TextTokenizer['padding'],
): PaddedTexts {
  // A model needs at least one token, also of a text that has none.
  const length = model.length > 0 ? model.length : Math.max(1, ...texts.map(({ ids }) => ids.length));
  const starts = texts.map(({ ids }) => (side === 'left' ? length - ids.length : 0));
  const fill = (padding: number, valueAt: (text: EncodedText, token: number) => number): Int32Array => {
    const values = new Int32Array(texts.length * length).fill(padding);
    texts.forEach((text, row) => {
      const from = row * length + (starts[row] ?? 0);
      for (let token = 0; token < text.ids.length; token++) values[from + token] = valueAt(text, token);
    });
    return values;
  };
  const values: Record<InputName, () => Int32Array> = {
    input_ids: () => fill(id, (text, token) => text.ids[token] ?? id),
    attention_mask: () => fill(0, () => 1),
    token_type_ids: () => fill(typeId, (text, token) => text.typeIds[token] ?? 0),
  };
  const tensors = model.inputs.map(({ name, dataType }): Tensor => {
    const numbers = values[name]();
    const data = dataType === 'INT32' ? numbers : widened(numbers);
    return { name, dataType, shape: [texts.length, length], data: new Uint8Array(data.buffer) };
  });
  return { tensors, length, starts };
}

/** 64-bit integers of what is never negative: each value, then a word of zeros. */
function widened(values: Int32Array): Int32Array {
  const words = new Int32Array(values.length * 2);
  for (let index = 0; index < values.length; index++) words[index * 2] = values[index] ?? 0;
  return words;
}

/** The output that a task reads: the first of these names, else the only FP32 or FP16 one of the rank. */
export function outputOf(
  outputs: readonly TensorSignature[],
  names: readonly string[],
  rank: number,
): TensorSignature | undefined {
  const fitting = outputs.filter(
    ({ dataType, shape }) => (dataType === 'FP32' || dataType === 'FP16') && shape.length === rank,
  );
  const named = names.flatMap((name) => fitting.find((output) => output.name === name) ?? []);
  return named[0] ?? (fitting.length === 1 ? fitting[0] : undefined);
}
