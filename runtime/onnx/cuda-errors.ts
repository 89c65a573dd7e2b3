/** What messages of ONNX Runtime 1.30 tell of its CUDA provider. */

/** Library, number and text; a semicolon ends it, and where that was follows. */
const failure = /\bCU[A-Z_]+ failure \d+: [^;\n]{1,300}/;

/** The words of CUDA, or of a library over it, where one of them failed: `CUDA failure 100: no CUDA-capable device is detected`. */
export const cudaFailureIn = (text: string): string | undefined => failure.exec(text)?.[0].trim();

/** Whether there is no provider, no library that it needs, or no device: another model would fare the same. */
export const isCudaUnavailable = (text: string): boolean =>
  failure.test(text) || /ExecutionProvider_Cuda|Failed to load shared library|backend not found/i.test(text);

/**
 * The numbers of cudaError_t after which the process gets the same error for whatever it asks of CUDA, until it is started anew. Others say
 * what one call did wrong, or had no room for.
 */
const lost = new Set([
  214, // cudaErrorECCUncorrectable
  220, // cudaErrorNvlinkUncorrectable
  226, // cudaErrorContained
  700, // cudaErrorIllegalAddress
  702, // cudaErrorLaunchTimeout
  709, // cudaErrorContextIsDestroyed
  710, // cudaErrorAssert
  714, // cudaErrorHardwareStackError
  715, // cudaErrorIllegalInstruction
  716, // cudaErrorMisalignedAddress
  717, // cudaErrorInvalidAddressSpace
  718, // cudaErrorInvalidPc
  719, // cudaErrorLaunchFailure
  721, // cudaErrorTensorMemoryLeak
  810, // cudaErrorMpsClientTerminated
  911, // cudaErrorExternalDevice
  999, // cudaErrorUnknown: what a driver says of a GPU that fell off its bus, among others
]);

/** Whether the GPU has failed this process for good: every later run would fail too. */
export function isDeviceLost(text: string): boolean {
  const [, number] = /\bCUDA failure (\d+):/.exec(text) ?? [];
  return lost.has(Number(number));
}

/** @param text of the error */
export const cudaUnavailable = (text: string): string =>
  `CUDA cannot be used: ${text}. The image must carry ONNX Runtime's CUDA provider and the pod a GPU with its driver.`;
