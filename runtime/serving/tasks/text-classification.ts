import type { Signature } from '../tensor.ts';
import { labelPredictions, labelSignature, labelTensors } from './labelled-scores.ts';
import { readLabels, readModelRecord, unsupportedBy } from './model-files.ts';
import { scoringOf } from './scores.ts';
import type { PreparedTask, Task } from './task.ts';
import { pairSignature, textBody, textSignature, textsIn } from './text-requests.ts';
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
  toPredictions: labelPredictions,
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
    toOutputs: ({ outputs: wanted }, states) =>
      labelTensors(
        states.map(({ data }) => score(data)),
        labels,
        maxLabels,
        wanted,
      ),
  };
  const classes = output.shape[1] ?? -1;
  const count = classes === -1 ? -1 : Math.min(classes, maxLabels);
  return {
    signature: {
      inputs: [textSignature],
      outputs: labelSignature(-1, count),
    },
    answer: (requests, run) => answerTexts(text, steps, requests, run),
    mergesRequests: (run) => mergesTexts(text, run),
  };
}
