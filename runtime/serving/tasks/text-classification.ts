import { splitBytes } from '../../../lib/tensor-codec.ts';
import { floatsOf, type Signature, type Tensor } from '../tensor.ts';
import { readLabels, readModelRecord, unsupportedBy } from './model-files.ts';
import { byFallingScore, scoringOf } from './scores.ts';
import type { PreparedTask, Task } from './task.ts';
import { pairSignature, stringTensor, textBody, textSignature, textsIn } from './text-requests.ts';
import { answerTexts, mergesTexts, type TextModel, type TextSteps } from './text-runs.ts';
import { readTokenizer } from './text-tokenizer.ts';
import { outputOf, tokenInputsOf } from './token-inputs.ts';

/**
 * Texts or pairs of texts in, all labels with their scores out, most likely first. How scores come of the model's numbers is said by
 * config.json, as transformers reads it: independent of each other for several labels, adding up to 1 for one of several, the number itself
 * for a regression.
 */
export const textClassification: Task = {
  name: 'TextClassification',
  bodyTypes: ['application/json'],
  optionalInputs: [pairSignature],
  toInputs: (body) => textBody(body, { pairs: true }),
  toPredictions,
  prepare,
};

/** A model of more labels gives so many of them. */
const maxLabels = 100;

async function prepare(model: Signature, directory: string): Promise<PreparedTask> {
  const inputs = tokenInputsOf('TextClassification', model);
  const output = outputOf(model.outputs, ['logits'], 2);
  if (!output) throw unsupportedBy('TextClassification', 'has no one output [texts, labels]');
  const config = await readModelRecord(directory, 'config.json');
  const labels = readLabels(config);
  const score = scoringOf(config);
  const tokenizer = await readTokenizer('TextClassification', directory, {
    fixedLength: inputs.length,
    maxLength: undefined,
  });
  const text: TextModel = { tokenizer, inputs, output: output.name };
  const steps: TextSteps = {
    encode: (request) =>
      textsIn(request).map(({ text: first, pair }) =>
        tokenizer.encode(tokenizer.tokenize(first), pair === undefined ? undefined : tokenizer.tokenize(pair)),
      ),
    toOutputs: ({ outputs: wanted }, states) => {
      const ranked = states.map(({ data }) => byFallingScore(score(data)).slice(0, maxLabels));
      const shape = [ranked.length, ranked[0]?.length ?? 0];
      const all = ranked.flat();
      const tensors: Tensor[] = [
        stringTensor(
          'label',
          all.map(({ index }) => labels(index)),
          shape,
        ),
        {
          name: 'score',
          dataType: 'FP32',
          shape,
          data: new Uint8Array(Float32Array.from(all, (one) => one.score).buffer),
        },
      ];
      return (wanted ?? ['label', 'score']).flatMap((name) => tensors.find((tensor) => tensor.name === name) ?? []);
    },
  };
  const classes = output.shape[1] ?? -1;
  const count = classes === -1 ? -1 : Math.min(classes, maxLabels);
  return {
    signature: {
      inputs: [textSignature],
      outputs: [
        { name: 'label', dataType: 'BYTES', shape: [-1, count] },
        { name: 'score', dataType: 'FP32', shape: [-1, count] },
      ],
    },
    answer: (requests, run) => answerTexts(text, steps, requests, run),
    mergesRequests: (run) => mergesTexts(text, run),
  };
}

/** For each text its labels with their scores. */
function toPredictions(outputs: readonly Tensor[]): string {
  const label = outputs.find(({ name }) => name === 'label');
  const score = outputs.find(({ name }) => name === 'score');
  const labels = splitBytes(label?.data ?? new Uint8Array()) ?? [];
  const scores = score ? floatsOf(score) : new Float32Array();
  const [texts = 0, count = 0] = label?.shape ?? [];
  const predictions = Array.from({ length: texts }, (_, text) =>
    Array.from({ length: count }, (_label, place) => {
      const at = text * count + place;
      return { label: Buffer.from(labels[at] ?? []).toString(), score: scores[at] };
    }),
  );
  return JSON.stringify(predictions);
}
