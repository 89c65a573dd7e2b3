import type { Signature, Tensor } from '../tensor.ts';
import { nestedJson } from '../elements.ts';
import { unsupportedBy } from './model-files.ts';
import { pool, readSentenceFiles } from './pooling.ts';
import type { PreparedTask, Task } from './task.ts';
import { textBody, textSignature, textsIn } from './text-requests.ts';
import { answerTexts, mergesTexts, type TextModel, type TextSteps } from './text-runs.ts';
import { readTokenizer } from './text-tokenizer.ts';
import { outputOf, tokenInputsOf } from './token-inputs.ts';

/**
 * Texts in, one vector for each out. The tokenizer and the pooling are read from the files that sentence-transformers and
 * Hugging Face's libraries write beside the model; a model whose output is one vector for each text is taken at its word.
 */
export const featureExtraction: Task = {
  name: 'FeatureExtraction',
  bodyTypes: ['application/json'],
  toInputs: (body) => textBody(body),
  toPredictions: (outputs) => outputs.map(nestedJson).join(),
  prepare,
};

async function prepare(model: Signature, directory: string): Promise<PreparedTask> {
  const inputs = tokenInputsOf('FeatureExtraction', model);
  const whole = outputOf(model.outputs, ['sentence_embedding'], 2);
  const byToken = outputOf(model.outputs, ['last_hidden_state', 'token_embeddings'], 3);
  // Beside the tokens' vectors a model may give others of the text, such as BERT's pooler_output, which are no sentence vectors.
  const output = whole?.name === 'sentence_embedding' ? whole : (byToken ?? whole);
  if (!output) throw unsupportedBy('FeatureExtraction', 'has no one output [texts, values] or [texts, tokens, values]');
  const files = await readSentenceFiles(directory);
  const tokenizer = await readTokenizer('FeatureExtraction', directory, {
    fixedLength: inputs.length,
    maxLength: files.maxLength,
  });
  const text: TextModel = { tokenizer, inputs, output: output.name };
  const steps: TextSteps = {
    encode: (request) =>
      textsIn(request).map((input) => tokenizer.encode(tokenizer.tokenize(files.prepare(input.text)))),
    toOutputs: (_request, states) => [
      embeddings(
        states.map(({ data, values, tokens }) => (tokens === undefined ? data : pool(data, values, files.pooling))),
      ),
    ],
  };
  const width = output.shape.at(-1) ?? -1;
  const modes = output.shape.length === 3 ? files.pooling.modes.length : 1;
  return {
    signature: {
      inputs: [textSignature],
      outputs: [{ name: 'embedding', dataType: 'FP32', shape: [-1, width === -1 ? -1 : width * modes] }],
    },
    answer: (requests, run) => answerTexts(text, steps, requests, run),
    mergesRequests: (run) => mergesTexts(text, run),
  };
}

function embeddings(vectors: readonly Float32Array[]): Tensor {
  const width = vectors[0]?.length ?? 0;
  const data = new Float32Array(vectors.length * width);
  vectors.forEach((vector, index) => data.set(vector, index * width));
  return { name: 'embedding', dataType: 'FP32', shape: [vectors.length, width], data: new Uint8Array(data.buffer) };
}
