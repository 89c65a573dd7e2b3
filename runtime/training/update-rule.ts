import { power } from '../numeric/exact-math.ts';
import type { Arithmetic } from './kernels.ts';
import type { OptimizerSpec } from '../training-contract.ts';

/** Some elements of one version of the parameters. All arrays are of one length, from the memory of the rule's kernels. */
export interface StateView {
  weights: Float32Array;
  /** What the rule remembers; zero before the first step. */
  slots: Float32Array[];
}

/** What changes from step to step. `step` is from 1; `gradientScale` multiplies the gradient. */
export interface StepFactors {
  step: number;
  learningRate: number;
  gradientScale: number;
}

/** How a gradient changes parameters: PyTorch's formulas, in float32. Elements do not depend on each other. */
export interface UpdateRule {
  /** Float32 elements of memory for each parameter. */
  readonly slots: number;
  /** Reads `from`, writes `to`, which may be the same. */
  apply(from: StateView, gradient: Float32Array, to: StateView, at: StepFactors): void;
}

export function updateRule(kernels: Arithmetic, optimizer: OptimizerSpec): UpdateRule {
  const { momentum, beta1, beta2, epsilon, weightDecay } = optimizer;
  const gradientOf = (values: Float32Array, scale: number) => ({ values, scale, decay: weightDecay });
  const alongVelocity = (nesterov: boolean): UpdateRule => ({
    slots: 1,
    apply: (from, gradient, to, { learningRate: rate, gradientScale }) => {
      const [velocity, velocityTo] = [slot(from, 0), slot(to, 0)];
      kernels.momentum(
        { weights: from.weights, velocity },
        gradientOf(gradient, gradientScale),
        { weights: to.weights, velocity: velocityTo },
        { rate, momentum, gain: 1, nesterov },
      );
    },
  });
  const byMoments = (decoupled: boolean): UpdateRule => ({
    slots: 2,
    apply: (from, gradient, to, { step, learningRate, gradientScale }) => {
      kernels.adam(
        moments(from),
        { values: gradient, scale: gradientScale, decay: decoupled ? 0 : weightDecay },
        moments(to),
        {
          rate: learningRate / (1 - power(beta1, step)),
          beta1,
          beta2,
          rootScale: 1 / Math.sqrt(1 - power(beta2, step)),
          epsilon,
          shrinkBefore: decoupled ? 1 - learningRate * weightDecay : 1,
          shrinkAfter: 1,
        },
      );
    },
  });
  switch (optimizer.name) {
    case 'SGD':
      return {
        slots: 0,
        apply: (from, gradient, to, { learningRate, gradientScale }) => {
          kernels.descend(from, gradientOf(gradient, gradientScale), to, learningRate);
        },
      };
    case 'Momentum':
      return alongVelocity(false);
    case 'Nesterov':
      return alongVelocity(true);
    case 'Adagrad':
      return {
        slots: 1,
        apply: (from, gradient, to, { learningRate: rate, gradientScale }) => {
          const [squares, squaresTo] = [slot(from, 0), slot(to, 0)];
          kernels.adagrad(
            { weights: from.weights, squares },
            gradientOf(gradient, gradientScale),
            { weights: to.weights, squares: squaresTo },
            { rate, epsilon },
          );
        },
      };
    case 'Adam':
      return byMoments(false);
    case 'AdamW':
      return byMoments(true);
  }
}

const moments = (view: StateView) => ({ weights: view.weights, means: slot(view, 0), squares: slot(view, 1) });

function slot({ slots }: StateView, index: number): Float32Array {
  const found = slots[index];
  if (!found) throw new Error(`slot ${index} of the parameters is missing`);
  return found;
}

/** What scales a gradient down to `clipNorm`, from the sum of its squares over all parameters; 1 where it is small enough. */
export function clipScale(sumOfSquares: number, clipNorm: number | undefined): number {
  if (clipNorm === undefined) return 1;
  const scale = clipNorm / (Math.sqrt(sumOfSquares) + 1e-6);
  return scale < 1 ? scale : 1;
}
