import { TrainingFailure } from '../../errors.ts';
import { cudaFailureIn, cudaUnavailable, isCudaUnavailable } from '../../onnx/cuda-errors.ts';
import { isOutOfMemory, runtimeErrorText } from '../../onnx/runtime-error-text.ts';

const outOfMemory = (): TrainingFailure =>
  new TrainingFailure({
    reason: 'OutOfMemory',
    message:
      'A shard of the batch does not fit the memory of a worker; raise spec.workers.resources.limits.memory or spec.train.gradientShards.',
    retrying: true,
  });

/** Why ONNX Runtime does not load one of the graphs. */
export function loadFailure(error: unknown, executionProvider: 'cpu' | 'cuda'): TrainingFailure {
  const text = runtimeErrorText(error);
  if (isOutOfMemory(text)) return outOfMemory();
  if (executionProvider === 'cuda' && isCudaUnavailable(text))
    return new TrainingFailure({ reason: 'AcceleratorUnavailable', message: cudaUnavailable(text), retrying: true });
  return new TrainingFailure({
    reason: 'ModelNotTrainable',
    message: `ONNX Runtime refuses the graph of the model and its gradients: ${text}`,
    retrying: false,
  });
}

/** Why a run ended without a result. */
export function runFailure(error: unknown): TrainingFailure {
  const text = runtimeErrorText(error);
  if (isOutOfMemory(text)) return outOfMemory();
  if (cudaFailureIn(text) !== undefined) {
    const message = `The GPU failed: ${text}; the worker is started again.`;
    return new TrainingFailure({ reason: 'AcceleratorUnavailable', message, retrying: true });
  }
  return new TrainingFailure({
    reason: 'ModelNotTrainable',
    message: `The model refuses rows of the data: ${text}`,
    retrying: false,
  });
}
