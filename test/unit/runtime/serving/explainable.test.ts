import { describe, expect, test } from '@jest/globals';
import { encodeTensor } from '../../../../lib/tensor-codec.ts';
import { numbersIn } from '../../../../runtime/serving/explain/explainable.ts';

const labels = (names: string[], scores: number[], rows: number) => [
  { name: 'label', dataType: 'BYTES' as const, shape: [rows, names.length / rows], data: encodeTensor('BYTES', names) },
  {
    name: 'score',
    dataType: 'FP32' as const,
    shape: [rows, names.length / rows],
    data: encodeTensor('FP32', Float32Array.from(scores)),
  },
];

describe('what is explained of a model with labels', () => {
  test('is the score of each label, wherever it ranks in a row', () => {
    const outputs = labels(['no', 'yes', 'yes', 'no'], [0.75, 0.25, 0.5, 0.5], 2);
    const { values, labels: known } = numbersIn(outputs, 2, undefined, undefined);
    expect(known).toEqual(['no', 'yes']);
    expect([...values]).toEqual([0.75, 0.25, 0.5, 0.5]);
    expect([...numbersIn(outputs, 2, 'score', ['yes', 'no']).values]).toEqual([0.25, 0.75, 0.5, 0.5]);
  });

  test.each([
    ['the chosen label of each row alone', ['yes', 'no'], undefined, /one label for each row/],
    ['a label that no other row has', ['a', 'b', 'a', 'c'], ['a', 'b'], /does not give a score for each label/],
    ['more labels than rows hold', ['a', 'b', 'a', 'c'], undefined, /does not give a score for each label/],
    ['a label twice', ['a', 'a', 'a', 'b'], ['a', 'b'], /does not give a score for each label/],
  ])('is refused for %s', (_, names, known, message) => {
    expect(() =>
      numbersIn(labels(names, [0.5, 0.25, 0.25, 0.5].slice(0, names.length), 2), 2, undefined, known),
    ).toThrow(message);
  });
});

test('what is explained of any other model is its only output of numbers, or the one that was named', () => {
  const output = (name: string) => ({
    name,
    dataType: 'FP64' as const,
    shape: [1, 2],
    data: encodeTensor('FP64', Float64Array.of(1, 2)),
  });
  expect([...numbersIn([output('y')], 1, undefined, undefined).values]).toEqual([1, 2]);
  expect([...numbersIn([output('y'), output('z')], 1, 'z', undefined).values]).toEqual([1, 2]);
  expect(() => numbersIn([output('y'), output('z')], 1, undefined, undefined)).toThrow(
    /^parameters\.output: .*"y", "z"/,
  );
});
