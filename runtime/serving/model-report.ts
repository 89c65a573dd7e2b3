import { tensorListLimits, type Fault, type ModelReport } from '../contract.ts';
import type { Signature } from './tensor.ts';

/** Nothing of the error is shown: its message was written for us, not for who deploys models. */
export const unknownFault: Fault = {
  reason: 'StorageUnavailable',
  message:
    'The model could not be read, for a reason that the runtime does not know. It goes on trying; the log of the pod ' +
    'holds the error, which is a bug to report.',
  retrying: true,
};

/** The lists of tensors that fit into a report. */
export function reportable({ inputs, outputs }: Signature): Pick<ModelReport, 'inputs' | 'outputs'> {
  return { ...(fits(inputs) && { inputs }), ...(fits(outputs) && { outputs }) };
}

function fits(tensors: Signature['inputs']): boolean {
  const { tensors: count, nameLength, rank, jsonBytes } = tensorListLimits;
  return (
    tensors.length <= count &&
    tensors.every(({ name, shape }) => name.length <= nameLength && shape.length <= rank) &&
    Buffer.byteLength(JSON.stringify(tensors)) <= jsonBytes
  );
}

/** The fault of an error that carries one, as the store's and the model's do. */
export function faultOf(error: unknown): Fault | undefined {
  return error instanceof Error && 'fault' in error ? (error.fault as Fault) : undefined;
}

export const goneFault: Fault = {
  reason: 'ModelNotFound',
  message: 'The files of the model went away while it was being loaded. It is tried again.',
  retrying: true,
};
