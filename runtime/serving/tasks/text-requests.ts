import { joinBytes, splitBytes } from '../../../lib/tensor-codec.ts';
import type { TensorSignature } from '../../contract.ts';
import { invalid } from '../../errors.ts';
import { isRecord, parseJson } from '../json.ts';
import { limits } from '../limits.ts';
import type { RunRequest } from '../messages.ts';
import type { Tensor } from '../tensor.ts';

/** One of the texts of a request; `pair` is what it is compared with, for models that take two. */
export interface TextInput {
  text: string;
  pair: string | undefined;
}

/** What each text task takes over `infer`: the texts. */
export const textSignature: TensorSignature = { name: 'text', dataType: 'BYTES', shape: [-1] };
/** Beside it, what each of them is paired with. */
export const pairSignature: TensorSignature = { name: 'text_pair', dataType: 'BYTES', shape: [-1] };

/** The texts of a checked request. Throws RequestError. */
export function textsIn({ inputs }: RunRequest): TextInput[] {
  const texts = stringsIn(inputs, textSignature.name) ?? [];
  if (texts.length === 0) throw invalid('text: at least one is needed');
  if (texts.length > limits.texts) throw invalid(tooMany(texts.length));
  const pairs = stringsIn(inputs, pairSignature.name);
  if (pairs && pairs.length !== texts.length) {
    throw invalid(`text_pair: has ${pairs.length} elements where text has ${texts.length}`);
  }
  return texts.map((text, index) => ({ text, pair: pairs?.[index] }));
}

const tooMany = (count: number): string =>
  `text: ${count} texts; at most ${limits.texts} are allowed in one request, so send them in several`;

/** The elements of a BYTES input; undefined where there is none of that name. Throws RequestError. */
export function stringsIn(inputs: readonly Tensor[], name: string): string[] | undefined {
  const input = inputs.find((candidate) => candidate.name === name);
  if (!input) return undefined;
  if (input.data.byteLength > limits.textBytes) {
    throw invalid(
      `${name}: has ${input.data.byteLength} bytes; at most ${limits.textBytes} are allowed in one request, so send fewer texts or shorter ones`,
    );
  }
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  return (splitBytes(input.data) ?? []).map((element, index) => {
    try {
      return decoder.decode(element);
    } catch {
      throw invalid(`${name}[${index}]: is not UTF-8`);
    }
  });
}

/**
 * The body of `predict`: `{"inputs": TEXT}` or `{"inputs": [TEXT, …]}`, as for Hugging Face's inference API; `instances` means the same, as for
 * KServe. A pair is `{"text": …, "text_pair": …}`. Throws RequestError.
 *
 * @param options `pairs` where the task takes them; `parameters` that it knows, each of which becomes an input with as many elements
 */
export function textBody(body: Buffer, options: { pairs?: boolean; parameters?: readonly string[] } = {}): Tensor[] {
  const content = parseJson(body);
  if (!isRecord(content)) throw invalid('body: must be an object such as {"inputs": ["a text", "another"]}');
  const unknown = Object.keys(content).find((key) => !['inputs', 'instances', 'parameters'].includes(key));
  if (unknown !== undefined)
    throw invalid(`body: has the unknown field ${shown(unknown)}; known are inputs, parameters`);
  const field = content.instances !== undefined && content.inputs === undefined ? 'instances' : 'inputs';
  const given = content[field];
  if (given === undefined) throw invalid('inputs: is missing');
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (list.length > limits.texts) throw invalid(tooMany(list.length));
  const texts = list.map((item, index) => readText(item, `${field}[${index}]`, options.pairs ?? false));
  const first = texts[0];
  const tensors = [
    stringTensor(
      'text',
      texts.map(({ text }) => text),
    ),
  ];
  if (first?.pair !== undefined || texts.some(({ pair }) => pair !== undefined)) {
    const pairs = texts.map(({ pair }, index) => {
      if (pair === undefined)
        throw invalid(`${field}[${index}]: has no text_pair, but others have one; send them apart`);
      return pair;
    });
    tensors.push(stringTensor('text_pair', pairs));
  }
  return [...tensors, ...parameterTensors(content.parameters, texts.length, options.parameters ?? [])];
}

function readText(item: unknown, path: string, takesPairs: boolean): TextInput {
  if (typeof item === 'string') return { text: wellFormed(item, path), pair: undefined };
  if (!isRecord(item) || !takesPairs) {
    throw invalid(`${path}: must be a string${takesPairs ? ' or {"text": …, "text_pair": …}' : ''}`);
  }
  const { text, text_pair: pair } = item;
  if (typeof text !== 'string') throw invalid(`${path}.text: must be a string`);
  if (pair !== undefined && typeof pair !== 'string') throw invalid(`${path}.text_pair: must be a string`);
  return {
    text: wellFormed(text, `${path}.text`),
    pair: pair === undefined ? undefined : wellFormed(pair, `${path}.text_pair`),
  };
}

/** JSON may hold half of a character; UTF-8 cannot. */
function wellFormed(text: string, path: string): string {
  if (!text.isWellFormed()) throw invalid(`${path}: must be a string of valid Unicode`);
  return text;
}

function parameterTensors(given: unknown, count: number, known: readonly string[]): Tensor[] {
  if (given === undefined) return [];
  if (!isRecord(given)) throw invalid('parameters: must be an object');
  return Object.entries(given).map(([name, value]) => {
    if (!known.includes(name)) {
      const which = known.length > 0 ? `known are ${known.join(', ')}` : 'this task has none';
      throw invalid(`parameters: has the unknown field ${shown(name)}; ${which}`);
    }
    if (typeof value !== 'string') throw invalid(`parameters.${name}: must be a string`);
    return stringTensor(name, new Array<string>(count).fill(wellFormed(value, `parameters.${name}`)));
  });
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 200));

/** BYTES [n]. */
export const stringTensor = (name: string, values: readonly string[], shape = [values.length]): Tensor => ({
  name,
  dataType: 'BYTES',
  shape,
  data: joinBytes(values.map((value) => Buffer.from(value))),
});
