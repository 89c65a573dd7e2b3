import type { NodeProto } from '../../onnx/onnx.gen.ts';
import { TrainingFailure } from '../../errors.ts';

/** @param message what cannot be trained, and the cure */
export const notTrainable = (message: string): TrainingFailure =>
  new TrainingFailure({ reason: 'ModelNotTrainable', message, retrying: false });

export const invalidModel = (message: string): TrainingFailure =>
  new TrainingFailure({ reason: 'InvalidModel', message, retrying: false });

/** Names a node to people, by what they see of it in a viewer. */
export function nodeLabel({ name, opType, domain, output }: NodeProto): string {
  const operator = domain === '' ? opType : `${domain}.${opType}`;
  if (name !== '') return `The node ${JSON.stringify(name)} (${operator})`;
  return `The node that makes ${JSON.stringify(output[0] ?? '')} (${operator})`;
}
