import { describe, expect, test } from '@jest/globals';
import { loadFailure, runFailure } from '../../../runtime/training/worker/run-failures.ts';

const faultOf = (error: Error, executionProvider: 'cpu' | 'cuda') => loadFailure(error, executionProvider).fault;
const noKernel = new Error('onnxruntime::cuda::Conv has no kernel for it');
const noProvider = new Error('OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library');
const lost = new Error('x CUDA failure 700: an illegal memory access was encountered ; GPU=0');
const noRoom = new Error('bfc_arena.cc:360 Failed to allocate memory for requested buffer of size 4000');

describe('a graph that ONNX Runtime does not load', () => {
  test('waits for a GPU where no model could have one', () => {
    expect(faultOf(noProvider, 'cuda')).toMatchObject({ reason: 'AcceleratorUnavailable', retrying: true });
    expect(faultOf(lost, 'cuda').message).toContain(
      'CUDA cannot be used: CUDA failure 700: an illegal memory access was encountered.',
    );
  });

  test('ends the job where it is the graph that a GPU cannot have', () => {
    expect(faultOf(noKernel, 'cuda')).toMatchObject({ reason: 'ModelNotTrainable', retrying: false });
  });

  test('names the memory where that ran out, also of a GPU', () => {
    for (const provider of ['cpu', 'cuda'] as const) expect(faultOf(noRoom, provider).reason).toBe('OutOfMemory');
  });
});

describe('a run that gives no result', () => {
  test('is tried again by a fresh worker where the GPU failed', () => {
    expect(runFailure(lost).fault).toMatchObject({ reason: 'AcceleratorUnavailable', retrying: true });
  });

  test('ends the job where the model refuses the rows', () => {
    const refused = new Error('Got invalid dimensions for input: features');
    expect(runFailure(refused).fault).toMatchObject({ reason: 'ModelNotTrainable', retrying: false });
  });

  test('names the memory where that ran out', () => {
    expect(runFailure(noRoom).fault.reason).toBe('OutOfMemory');
  });
});
