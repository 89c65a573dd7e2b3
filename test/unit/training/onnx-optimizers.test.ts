import { beforeAll, describe, expect, test } from '@jest/globals';
import { createKernels, type Kernels } from '../../../runtime/training/kernels.ts';

/**
 * The cases of ONNX's backend tests for the optimizers of ai.onnx.preview.training: inputs and stored outputs of onnx 1.22.0, its
 * rules as parameters of the kernels. R is the learning rate, T the update count, 0 in all of them.
 */

let kernels: Kernels;

beforeAll(async () => {
  kernels = await createKernels(2 ** 20);
});

const array = (values: readonly number[]): Float32Array => {
  const copy = kernels.allocate(values.length);
  copy.set(values);
  return copy;
};

function expectClose(actual: Float32Array, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of expected.entries())
    expect(Math.abs((actual[index] ?? 0) / value - 1)).toBeLessThan(2e-7);
}

const rate = 0.1;

describe('Adam', () => {
  const adam = (alpha: number, beta: number, epsilon: number, x: number[], g: number[], v: number[], h: number[]) => {
    const state = { weights: array(x), means: array(v), squares: array(h) };
    kernels.adam(state, { values: array(g), scale: 1, decay: 0.001 }, state, {
      rate,
      beta1: alpha,
      beta2: beta,
      rootScale: 1,
      epsilon,
      shrinkBefore: 1,
      shrinkAfter: 1,
    });
    return state;
  };

  test('test_adam', () => {
    const { weights, means, squares } = adam(0.95, 0.1, 1e-7, [1.2, 2.8], [-0.94, -2.5], [1.7, 3.6], [0.1, 0.1]);
    expectClose(weights, [1.025036334991455, 2.6610326766967773]);
    expectClose(means, [1.568060040473938, 3.295139789581299]);
    expectClose(squares, [0.8032107949256897, 5.622406959533691]);
  });

  test('test_adam_multiple', () => {
    const first = adam(0.95, 0.85, 1e-2, [1], [-1], [2], [0.5]);
    expectClose(first.weights, [0.7591362595558167]);
    expectClose(first.means, [1.8500499725341797]);
    expectClose(first.squares, [0.5747001767158508]);
    const second = adam(0.95, 0.85, 1e-2, [1, 2], [-1, -3], [4, 1], [1, 10]);
    expectClose(second.weights, [0.628652811050415, 1.9745852947235107]);
    expectClose(second.means, [3.7500500679016113, 0.8000999689102173]);
    expectClose(second.squares, [0.9997001886367798, 9.848200798034668]);
  });

  test('shrinks weights after the step where norm_coefficient_post says so', () => {
    const state = { weights: array([1]), means: array([0]), squares: array([0]) };
    kernels.adam(state, { values: array([2]), scale: 1, decay: 0 }, state, {
      rate,
      beta1: 0,
      beta2: 0,
      rootScale: 1,
      epsilon: 0,
      shrinkBefore: 1,
      shrinkAfter: 0.5,
    });
    expectClose(state.weights, [(1 - 0.1) * 0.5]);
  });
});

describe('Adagrad', () => {
  const decayFactor = 0.1;
  const adagrad = (x: number[], g: number[], h: number[], updates = 0) => {
    const state = { weights: array(x), squares: array(h) };
    const by = { rate: rate / (1 + updates * decayFactor), epsilon: 1e-5 };
    kernels.adagrad(state, { values: array(g), scale: 1, decay: 0.001 }, state, by);
    return state;
  };

  test('test_adagrad', () => {
    const { weights, squares } = adagrad([1], [-1], [2]);
    expectClose(weights, [1.0576962232589722]);
    expectClose(squares, [2.9980010986328125]);
  });

  test('test_adagrad_multiple', () => {
    expectClose(adagrad([1], [-1], [2]).weights, [1.0576962232589722]);
    const { weights, squares } = adagrad([1, 2], [-1, -3], [4, 1]);
    expectClose(weights, [1.044685363769531, 2.0948617458343506]);
    expectClose(squares, [4.9980010986328125, 9.988003730773926]);
  });

  test('slows down by decay_factor', () => {
    expectClose(adagrad([0], [-1], [0], 10).weights, [rate / 2 / (1 + 1e-5)]);
  });
});

describe('Momentum', () => {
  /** `gain` is beta_adjusted: 1 at the first update, beta from then on. */
  const momentum = (nesterov: boolean, decay: number, x: number[], g: number[], v: number[], gain = 1) => {
    const state = { weights: array(x), velocity: array(v) };
    kernels.momentum(state, { values: array(g), scale: 1, decay }, state, { rate, momentum: 0.95, gain, nesterov });
    return state;
  };

  test('test_momentum', () => {
    const { weights, velocity } = momentum(false, 0.001, [1.2, 2.8], [-0.94, -2.5], [1.7, 3.6]);
    expectClose(weights, [1.1323800086975098, 2.7077200412750244]);
    expectClose(velocity, [0.6762000322341919, 0.922799825668335]);
  });

  test('test_momentum_multiple', () => {
    const first = momentum(false, 0.001, [1], [-1], [2]);
    expectClose(first.weights, [0.9099000096321106]);
    expectClose(first.velocity, [0.9009999632835388]);
    const second = momentum(false, 0.001, [1, 2], [-1, -3], [4, 1]);
    expectClose(second.weights, [0.7199000120162964, 2.2047998905181885]);
    expectClose(second.velocity, [2.800999879837036, -2.047999858856201]);
  });

  test('test_nesterov_momentum', () => {
    const { weights, velocity } = momentum(true, 0.01, [1.2, 2.8], [-0.94, -2.5], [1.7, 3.6]);
    expectClose(weights, [1.2275350093841553, 2.9571399688720703]);
    expectClose(velocity, [0.687000036239624, 0.9479999542236328]);
  });

  test('weighs the gradient by beta from the second update on', () => {
    expectClose(momentum(false, 0, [1], [-1], [2], 0.5).velocity, [1.4]);
  });
});
