import { beforeAll, describe, expect, test } from '@jest/globals';
import type { OptimizerSpec } from '../../../runtime/training-contract.ts';
import { createKernels, type Kernels } from '../../../runtime/training/kernels.ts';
import { normal } from '../../../runtime/numeric/random.ts';
import { clipScale, updateRule, type StateView } from '../../../runtime/training/update-rule.ts';

const length = 39;
const steps = 100;
const names: OptimizerSpec['name'][] = ['SGD', 'Momentum', 'Nesterov', 'Adagrad', 'Adam', 'AdamW'];

let kernels: Kernels;

beforeAll(async () => {
  kernels = await createKernels(2 ** 20);
});

const optimizer = (name: OptimizerSpec['name'], weightDecay: number): OptimizerSpec => ({
  name,
  learningRate: Math.fround(0.05),
  weightDecay: Math.fround(weightDecay),
  momentum: Math.fround(0.9),
  beta1: 0.875,
  beta2: 1 - 2 ** -9,
  epsilon: Math.fround(1e-8),
  schedule: { name: 'Constant', warmupSteps: 0 },
});

const startingWeights = (): number[] => [...normal(1, ['weights'], length)];
const gradientAt = (step: number): Float32Array => normal(1, ['gradient', step], length);
const clippedBy = (step: number): number => (step % 3 === 0 ? 0.25 : 1);

/** One parameter in float64, as PyTorch's documentation writes the rules down. */
function reference(spec: OptimizerSpec): (weight: number, gradient: number, step: number) => number {
  const { name, learningRate, weightDecay, momentum, beta1, beta2, epsilon } = spec;
  let [first, second] = [0, 0];
  return (weight, gradient, step) => {
    const slope = name === 'AdamW' ? gradient : gradient + weightDecay * weight;
    switch (name) {
      case 'SGD':
        return weight - learningRate * slope;
      case 'Momentum':
        first = step === 1 ? slope : momentum * first + slope;
        return weight - learningRate * first;
      case 'Nesterov':
        first = step === 1 ? slope : momentum * first + slope;
        return weight - learningRate * (slope + momentum * first);
      case 'Adagrad':
        second += slope ** 2;
        return weight - (learningRate * slope) / (Math.sqrt(second) + epsilon);
      case 'Adam':
      case 'AdamW': {
        const decayed = name === 'AdamW' ? weight * Math.fround(1 - learningRate * weightDecay) : weight;
        first = beta1 * first + (1 - beta1) * slope;
        second = beta2 * second + (1 - beta2) * slope ** 2;
        const [mean, square] = [first / (1 - beta1 ** step), second / (1 - beta2 ** step)];
        return decayed - (learningRate * mean) / (Math.sqrt(square) + epsilon);
      }
    }
  };
}

const stateOf = (slots: number): StateView => ({
  weights: kernels.allocate(length),
  slots: Array.from({ length: slots }, () => kernels.allocate(length)),
});

/** After 100 steps, with two states in turn as a server has them, or with one. */
function trained(spec: OptimizerSpec, inPlace: boolean): StateView {
  const rule = updateRule(kernels, spec);
  const first = stateOf(rule.slots);
  first.weights.set(startingWeights());
  const second = inPlace ? first : stateOf(rule.slots);
  const gradient = kernels.allocate(length);
  for (let step = 1; step <= steps; step++) {
    gradient.set(gradientAt(step));
    const [from, to] = step % 2 === 1 ? [first, second] : [second, first];
    rule.apply(from, gradient, to, { step, learningRate: spec.learningRate, gradientScale: clippedBy(step) });
  }
  return first;
}

describe.each(names)('%s', (name) => {
  test.each([0, 0.01])('follows its rule in float64 for 100 steps, with a weight decay of %d', (weightDecay) => {
    const spec = optimizer(name, weightDecay);
    const expected = startingWeights().map((start, index) => {
      const follow = reference(spec);
      let weight = start;
      for (let step = 1; step <= steps; step++)
        weight = follow(weight, (gradientAt(step)[index] ?? 0) * clippedBy(step), step);
      return weight;
    });
    const { weights } = trained(spec, false);
    const errors = expected.map(
      (value, index) => Math.abs((weights[index] ?? 0) - value) / Math.max(1, Math.abs(value)),
    );
    expect(Math.max(...errors)).toBeLessThan(2e-6);
  });

  test('makes the same bits in place as from one version into the other', () => {
    const spec = optimizer(name, 0.01);
    const [apart, inPlace] = [trained(spec, false), trained(spec, true)];
    expect([...inPlace.weights]).toEqual([...apart.weights]);
    expect(inPlace.slots.map((slot) => [...slot])).toEqual(apart.slots.map((slot) => [...slot]));
  });

  test('leaves the version that it reads as it was', () => {
    const rule = updateRule(kernels, optimizer(name, 0.01));
    const [from, to] = [stateOf(rule.slots), stateOf(rule.slots)];
    for (const array of [from.weights, ...from.slots]) array.fill(0.5);
    const gradient = kernels.allocate(length).fill(2);
    rule.apply(from, gradient, to, { step: 1, learningRate: 0.1, gradientScale: 1 });
    for (const array of [from.weights, ...from.slots]) expect(array.every((value) => value === 0.5)).toBe(true);
    expect(to.weights.every((value) => value < 0.5)).toBe(true);
  });
});

describe('clipping', () => {
  test('scales a gradient that is too long down to the norm', () => {
    expect(clipScale(3 ** 2 + 4 ** 2, 1)).toBeCloseTo(0.2, 6);
  });

  test('leaves a gradient alone that is short enough, and all where there is no limit', () => {
    expect([clipScale(25, 6), clipScale(0, 1), clipScale(1e30, undefined)]).toEqual([1, 1, 1]);
  });

  test('does not hide that a gradient is no number', () => {
    expect(clipScale(Number.NaN, 1) * Number.NaN).toBeNaN();
  });
});
