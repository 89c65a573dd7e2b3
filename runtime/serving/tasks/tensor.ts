import { invalid } from '../../errors.ts';
import { checkElementCount, checkShape } from '../check-inputs.ts';
import { encodeElements, nestedJson } from '../elements.ts';
import { isRecord, parseJson } from '../json.ts';
import { elementSize } from '../../../lib/tensor-codec.ts';
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
  return Object.entries(values).map(([name, value]) => {
    const input = signature.inputs.find((candidate) => candidate.name === name);
    if (!input) throw invalid(`body: the model has no input ${JSON.stringify(name.slice(0, 200))}`);
    const shape = checkShape(nestedShape(value), name);
    const count = checkElementCount(shape, Math.max(1, elementSize[input.dataType]), body.byteLength * 8, name);
    const elements = shape.length === 0 ? [value] : value;
    return {
      name,
      dataType: input.dataType,
      shape,
      data: encodeElements(elements, input.dataType, shape, count, name),
    };
  });
}

/** The shape that the first elements have; that all others have it too is seen when they are encoded. */
function nestedShape(value: unknown): number[] {
  const shape: number[] = [];
  for (let inner = value; Array.isArray(inner); inner = inner[0] as unknown) shape.push(inner.length);
  return shape;
}
