/**
 * Runs the training graph of every gradient case on a GPU and on the CPU, and prints what became of each as a line of JSON: `name`, and `apart`,
 * the largest difference of a contribution over the largest element of it, or `error`. Wants NVIDIA_TF32_OVERRIDE=0 in its environment.
 */
import { runtimeErrorText } from '../../runtime/onnx/runtime-error-text.ts';
import { cudaForm } from '../../runtime/training/worker/cuda-form.ts';
import { gradientCases } from '../runtime/training/autodiff/cases/all.ts';
import { problemOf } from '../runtime/training/autodiff/gradient-check.ts';
import type { GradientCase } from '../runtime/training/autodiff/gradient-case.ts';
import { GraphSession, type Outputs } from '../runtime/training/autodiff/graph-session.ts';
import { graphDistance } from './graph-distance.ts';

async function outputsOf(gradientCase: GradientCase, executionProvider: 'cpu' | 'cuda'): Promise<Outputs> {
  const { options, batch } = await problemOf(gradientCase);
  const form = executionProvider === 'cuda' ? cudaForm : undefined;
  const session = await GraphSession.open(gradientCase.model, options, form, executionProvider);
  try {
    return await session.step(batch);
  } finally {
    await session.close();
  }
}

for (const gradientCase of gradientCases) {
  const { name } = gradientCase;
  try {
    const [expected, actual] = [await outputsOf(gradientCase, 'cpu'), await outputsOf(gradientCase, 'cuda')];
    console.log(JSON.stringify({ name, apart: graphDistance(expected, actual) }));
  } catch (error) {
    console.log(JSON.stringify({ name, error: runtimeErrorText(error) }));
  }
}
