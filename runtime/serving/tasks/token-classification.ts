import type { TensorSignature } from '../../contract.ts';
import { invalid } from '../../errors.ts';
import type { RunRequest } from '../messages.ts';
import { textsOf, type Signature, type Tensor } from '../tensor.ts';
import { aggregations, entitiesOf, type Aggregation, type ScoredToken } from './entities.ts';
import { readLabels, readModelJson, unsupportedBy } from './model-files.ts';
import type { PreparedTask, Task } from './task.ts';
import { stringTensor, stringsIn, textBody, textSignature, textsIn } from './text-requests.ts';
import { answerTexts, mergesTexts, type TextModel, type TextStates, type TextSteps } from './text-runs.ts';
import { readTokenizer, type EncodedText, type TextTokenizer } from './text-tokenizer.ts';
import type { PlacedToken } from './token-offsets.ts';
import { outputOf, tokenInputsOf } from './token-inputs.ts';

const aggregationSignature: TensorSignature = { name: 'aggregation_strategy', dataType: 'BYTES', shape: [-1] };

/** Texts in, the parts of them that have a label out, by their places. */
export const tokenClassification: Task = {
  name: 'TokenClassification',
  bodyTypes: ['application/json'],
  optionalInputs: [aggregationSignature],
  toInputs: (body) => textBody(body, { parameters: [aggregationSignature.name] }),
  toPredictions: (outputs) => `[${jsonTexts(outputs).join()}]`,
  prepare,
};

/** What the entities of a text are made of. */
interface PlacedText extends EncodedText {
  text: string;
  tokens: readonly PlacedToken[];
  aggregation: Aggregation;
}

async function prepare(model: Signature, directory: string): Promise<PreparedTask> {
  const inputs = tokenInputsOf('TokenClassification', model);
  const output = outputOf(model.outputs, ['logits'], 3);
  if (!output) throw unsupportedBy('TokenClassification', 'has no one output [texts, tokens, labels]');
  const labels = readLabels(await readModelJson(directory, 'config.json'));
  const tokenizer = await readTokenizer('TokenClassification', directory, {
    fixedLength: inputs.length,
    maxLength: undefined,
  });
  const text: TextModel = { tokenizer, inputs, output: output.name };
  const steps: TextSteps<PlacedText> = {
    encode: (request) => placedTexts(request, tokenizer),
    toOutputs: (_request, states, texts) => [
      stringTensor(
        'entities',
        texts.map((placed, index) => entitiesJson(placed, states[index], labels, tokenizer)),
      ),
    ],
  };
  return {
    signature: { inputs: [textSignature], outputs: [{ name: 'entities', dataType: 'BYTES', shape: [-1] }] },
    answer: (requests, run) => answerTexts(text, steps, requests, run),
    mergesRequests: (run) => mergesTexts(text, run),
  };
}

function placedTexts(request: RunRequest, tokenizer: TextTokenizer): PlacedText[] {
  const chosen = stringsIn(request.inputs, aggregationSignature.name);
  const texts = textsIn(request);
  if (chosen && chosen.length !== texts.length) {
    throw invalid(`aggregation_strategy: has ${chosen.length} elements where text has ${texts.length}`);
  }
  return texts.map(({ text }, index) => {
    const tokens = tokenizer.place(text);
    const aggregation = readAggregation(chosen?.[index] ?? 'simple');
    return { ...tokenizer.encode(tokens.map(({ token }) => token)), text, tokens, aggregation };
  });
}

function readAggregation(value: string): Aggregation {
  const known = aggregations.find((name) => name === value);
  if (!known) throw invalid(`aggregation_strategy: must be one of ${aggregations.join(', ')}`);
  return known;
}

function entitiesJson(
  { text, tokens, sources, aggregation }: PlacedText,
  states: TextStates | undefined,
  labels: (index: number) => string,
  tokenizer: TextTokenizer,
): string {
  if (!states) throw new Error('a text has no states');
  const { data, values } = states;
  const codePoints = codePointsBefore(text);
  const scored = sources.flatMap((source, index): ScoredToken[] => {
    const placed = tokens[source];
    if (!placed) return [];
    const logits = data.subarray(index * values, (index + 1) * values);
    return [{ logits, start: placed.start, end: placed.end, continues: continuesWord(placed, text, tokenizer) }];
  });
  const entities = entitiesOf(scored, labels, aggregation).map(({ label, score, start, end }) => ({
    text: text.slice(start, end),
    label,
    score,
    start: codePoints[start],
    end: codePoints[end],
  }));
  return JSON.stringify(entities);
}

/** As transformers decides it: by the mark of a further part, else by the lack of a space before. */
function continuesWord(
  { token, start, end }: PlacedToken,
  text: string,
  { marksParts, unknown }: TextTokenizer,
): boolean {
  if (token === unknown) return false;
  if (marksParts) return Array.from(token).length !== Array.from(text.slice(start, end)).length;
  return start > 0 && !text.slice(start - 1, start + 1).includes(' ');
}

/** For each UTF-16 code unit of a text, and for its end, the Unicode code points before it. */
function codePointsBefore(text: string): Uint32Array {
  const counts = new Uint32Array(text.length + 1);
  let unit = 0;
  let count = 0;
  for (const character of text) {
    counts.fill(count, unit, unit + character.length);
    unit += character.length;
    count += 1;
  }
  counts[unit] = count;
  return counts;
}

const jsonTexts = (outputs: readonly Tensor[]): string[] => outputs.flatMap(textsOf);
