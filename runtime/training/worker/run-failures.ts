import { TrainingFailure } from '../../errors.ts';
import { runtimeErrorText } from '../../onnx/runtime-error-text.ts';

const isOutOfMemory = (text: string): boolean => /bad_alloc|failed to allocate/i.test(text);

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
  if (executionProvider === 'cuda' && /cuda|provider|backend not found/i.test(text)) {
    const message = `CUDA cannot be used: ${text}. The image must carry ONNX Runtime's CUDA provider and the pod a GPU with its driver.`;
    return new TrainingFailure({ reason: 'AcceleratorUnavailable', message, retrying: true });
  }
  if (isOutOfMemory(text)) return outOfMemory();
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
  return new TrainingFailure({
    reason: 'ModelNotTrainable',
    message: `The model refuses rows of the data: ${text}`,
    retrying: false,
  });
}
