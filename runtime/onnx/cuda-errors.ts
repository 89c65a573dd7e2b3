/** What messages of ONNX Runtime 1.30 tell of its CUDA provider. */

/** Library, number and text; a semicolon ends it, and where that was follows. */
const failure = /\bCU[A-Z_]+ failure \d+: [^;\n]{1,300}/;

/** The words of CUDA, or of a library over it, where one of them failed: `CUDA failure 100: no CUDA-capable device is detected`. */
export const cudaFailureIn = (text: string): string | undefined => failure.exec(text)?.[0].trim();

/** Whether there is no provider, no library that it needs, or no device: another model would fare the same. */
export const isCudaUnavailable = (text: string): boolean =>
  failure.test(text) || /ExecutionProvider_Cuda|Failed to load shared library|backend not found/i.test(text);

/**
 * Whether the GPU has failed this process for good: every later run would fail too. CUDA numbers what a caller did wrong below 100, and what
 * befell a device or its context, such as an illegal address in a kernel, from there on.
 */
export function isDeviceLost(text: string): boolean {
  const [, number] = /\bCUDA failure (\d+):/.exec(text) ?? [];
  return Number(number) >= 100;
}

/** @param text of the error */
export const cudaUnavailable = (text: string): string =>
  `CUDA cannot be used: ${text}. The image must carry ONNX Runtime's CUDA provider and the pod a GPU with its driver.`;
