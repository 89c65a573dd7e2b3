import { invalid } from '../../errors.ts';
import { nestedJson } from '../elements.ts';
import { isRecord, parseJson } from '../json.ts';
import { naturalTensor } from '../natural-tensor.ts';
import type { Signature, Tensor } from '../tensor.ts';
import type { Task } from './task.ts';

/**
 * Any ONNX model as raw tensors. The natural body is a JSON object of nested arrays by input name; predictions are
 * nested arrays by output name.
 */
export const tensor: Task = {
  name: 'Tensor',
  bodyTypes: ['application/json'],
  toInputs: naturalInputs,
  toPredictions: (outputs) =>
    `{${outputs.map((output) => `${JSON.stringify(output.name)}:${nestedJson(output)}`).join()}}`,
  prepare: (model) => ({ signature: model, before: (request) => request, after: (outputs) => outputs }),
};

function naturalInputs(body: Buffer, signature: Signature): Tensor[] {
  const values = parseJson(body);
  if (!isRecord(values)) throw invalid('body: must be an object of nested arrays by input name');
  return Object.entries(values).map(([name, value]) =>
    naturalTensor(name, value, signature.inputs, 'body', body.byteLength),
  );
}
