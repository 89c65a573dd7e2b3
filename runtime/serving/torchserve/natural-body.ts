import { invalid } from '../../errors.ts';
import { isRecord, parseJson } from '../json.ts';
import type { ServedModel } from '../served-model.ts';
import type { Tensor } from '../tensor.ts';
import { splitFields } from './forms.ts';

const textTasks: readonly string[] = ['TextClassification', 'TokenClassification', 'FeatureExtraction'];

/**
 * What TorchServe's clients send, as a request: the natural body of the task, or its inputs alone, in the field `data` or `body` of a form or by
 * themselves. Texts need no JSON. Rejects with RequestError.
 *
 * @param contentType as it came; TorchServe's clients often send none
 */
export async function inputsOf(model: ServedModel, body: Buffer, contentType: string | undefined): Promise<Tensor[]> {
  const { content, type } = await splitFields(body, contentType);
  const { task } = model;
  const signature = model.requireSignature();
  if (!task.bodyTypes.includes('application/json')) return task.toInputs(content, signature);
  const isText = textTasks.includes(task.name);
  if (isText && (type === 'text/plain' || !looksLikeJson(content)))
    return task.toInputs(wrapped('inputs', Buffer.from(JSON.stringify(textIn(content)))), signature);
  // What follows relies on it that this is one JSON value.
  if (isRecord(parseJson(content))) return task.toInputs(content, signature);
  if (task.name !== 'Tensor') return task.toInputs(wrapped('inputs', content), signature);
  const [input, ...others] = signature.inputs;
  if (!input || others.length > 0)
    throw invalid(
      `body: the model has ${signature.inputs.length} inputs; send an object of nested arrays by input name`,
    );
  return task.toInputs(wrapped(input.name, content), signature);
}

/** An object with one field; its value stays as it is written, with all digits. */
const wrapped = (name: string, json: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`{${JSON.stringify(name)}:`), json, Buffer.from('}')]);

const firstByte = (body: Buffer): string => /\S/.exec(body.toString('latin1', 0, 64))?.[0] ?? '';

const looksLikeJson = (body: Buffer): boolean => ['{', '[', '"'].includes(firstByte(body));

function textIn(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw invalid('body: is not UTF-8');
  }
}
