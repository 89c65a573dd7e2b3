import { describe, expect, test } from '@jest/globals';
import { cudaFailureIn, isCudaUnavailable, isDeviceLost } from '../../../../runtime/onnx/cuda-errors.ts';
import { isOutOfMemory, runtimeErrorText } from '../../../../runtime/onnx/runtime-error-text.ts';

/** A message as ONNX Runtime 1.30 writes it, shortened where it repeats itself. */
const failed = (words: string): string =>
  `/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 std::conditional_t<THRW, void, common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, SUCCTYPE) [with ERRTYPE = cudaError; bool THRW = true] ${'[with ERRTYPE = cudaError] '.repeat(30)}${words} ; GPU=-1 ; hostname=node-7 ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=352 ; expr=cudaSetDevice(info_.device_id);`;

const oldDriver = 'CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version';
const noProvider = 'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library';
const noKernel =
  'Exception during initialization: /onnxruntime_src/onnxruntime/core/providers/cuda/nn/batch_norm.h:44 onnxruntime::cuda::BatchNorm<T, NCHW>::BatchNorm(const onnxruntime::OpKernelInfo&) [with T = float; bool NCHW = false] !(is_training_mode_ && opset >= 14) was false. Training mode does not support BN opset 14 (or higher) yet.';
const noRoom =
  "Non-zero status code returned while running Mul node. Name:'' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 4000000000000";

describe('what ONNX Runtime says of a GPU', () => {
  test.each([
    oldDriver,
    'CUDNN_FE failure 11: CUDNN_BACKEND_API_FAILED',
    'CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED',
  ])('is told in the words of CUDA alone: %s', (words) => {
    expect(runtimeErrorText(new Error(failed(words)))).toBe(words);
    expect(cudaFailureIn(words)).toBe(words);
  });

  test('is told without the paths of its sources where CUDA itself did not fail', () => {
    const text = runtimeErrorText(new Error(noKernel));
    expect(text).toContain('Training mode does not support BN opset 14');
    expect(text).not.toContain('/onnxruntime_src');
    expect(cudaFailureIn(noKernel)).toBeUndefined();
  });

  test.each([
    [failed(oldDriver), true],
    [noProvider, true],
    ['no available backend found. ERR: [cuda] backend not found.', true],
    [noKernel, false],
    [noRoom, false],
  ])('means that no model could use CUDA, or only this one: %#', (text, unavailable) => {
    expect(isCudaUnavailable(text)).toBe(unavailable);
  });

  test.each([
    ['CUDA failure 700: an illegal memory access was encountered', true],
    ['CUDA failure 719: unspecified launch failure', true],
    ['CUDA failure 214: uncorrectable ECC error encountered', true],
    ['CUDA failure 702: the launch timed out and was terminated', true],
    ['CUDA failure 999: unknown error', true],
    ['CUDA failure 209: no kernel image is available for execution on the device', false],
    ['CUDA failure 701: too many resources requested for launch', false],
    ['CUDA failure 801: operation not supported', false],
    ['CUDA failure 900: operation not permitted when stream is capturing', false],
    ['CUDA failure 2: out of memory', false],
    ['CUDA failure 9: invalid configuration argument', false],
    ['CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED', false],
    [noRoom, false],
  ])('means that a process has lost its device, or not: %s', (text, lost) => {
    expect(isDeviceLost(text)).toBe(lost);
  });

  test.each([
    [noRoom, true],
    [failed('CUDA failure 2: out of memory'), true],
    ['std::bad_alloc', true],
    [failed(oldDriver), false],
  ])('means that memory ran out, or not: %#', (text, out) => {
    expect(isOutOfMemory(text)).toBe(out);
  });
});
