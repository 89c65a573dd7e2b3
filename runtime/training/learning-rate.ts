import { cosineOfPi } from '../numeric/exact-math.ts';
import type { OptimizerSpec } from '../training-contract.ts';

/**
 * The rate of a step, from 1 to `totalSteps`. It rises in a line over the first `warmupSteps`, and is whole at the last of them,
 * or at the first step of all; from there Linear and Cosine fall to 0 at the last step.
 */
export function learningRateAt(
  { learningRate, schedule }: Pick<OptimizerSpec, 'learningRate' | 'schedule'>,
  step: number,
  totalSteps: number,
): number {
  const { name, warmupSteps } = schedule;
  if (step < warmupSteps) return learningRate * (step / warmupSteps);
  const peak = Math.max(1, warmupSteps);
  if (name === 'Constant' || step <= peak) return learningRate;
  const done = (step - peak) / (totalSteps - peak);
  return learningRate * (name === 'Linear' ? 1 - done : (1 + cosineOfPi(done)) / 2);
}
