import { cudaFailureIn } from './cuda-errors.ts';

/** ONNX Runtime's words without paths and source positions; of a failure of CUDA, CUDA's own. */
export function runtimeErrorText(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (
    cudaFailureIn(text) ??
    text
      .replace(/^Load model from \S+ failed:\s*/, '')
      .replace(/(?:[A-Za-z_]+:)*\/[^\s:"'(),]+(?::\d+)?/g, '')
      .replace(/\s+/g, ' ')
      .trim()
      .slice(0, 600)
  );
}

/** Whether the memory of the process or of its GPU had no room. */
export const isOutOfMemory = (text: string): boolean =>
  /bad_alloc|failed to allocate|CUDA failure 2:|CUBLAS failure 3:|CUDNN_STATUS_ALLOC_FAILED/i.test(text);
