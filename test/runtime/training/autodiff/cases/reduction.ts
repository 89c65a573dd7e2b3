import { type GradientCase, gradientCase, ints, intTensor, rows, weight } from '../gradient-case.ts';

const operators = [
  'ReduceSum',
  'ReduceMean',
  'ReduceMax',
  'ReduceMin',
  'ReduceProd',
  'ReduceL1',
  'ReduceL2',
  'ReduceSumSquare',
  'ReduceLogSumExp',
  'ReduceLogSum',
];

const keep = (value: number) => ({ keepdims: { int: value } });

const rangeOf = (operator: string) => (/Prod|LogSum$/.test(operator) ? 'positive' : 'any');

const forms = (operator: string): GradientCase[] => {
  const range = rangeOf(operator);
  return [
    gradientCase(operator, [rows([4], range), ints(1)]),
    gradientCase(operator, [rows([2, 3], range), ints(-1)], { attributes: keep(0) }),
    gradientCase(operator, [rows([2, 3], range), ints(1, 2)], { attributes: keep(0) }),
    gradientCase(operator, [weight([2, 3], range), ints(0)]),
    gradientCase(operator, [weight([2, 2, 3], range), ints(2, 0)], { attributes: keep(0) }),
    gradientCase(operator, [weight([2, 3], range)]),
    gradientCase(operator, [weight([2, 3], range)], { attributes: keep(0) }),
  ];
};

/** Axes as an attribute, as before version 18. */
const old = (operator: string): GradientCase =>
  gradientCase(operator, [rows([2, 3], rangeOf(operator))], {
    attributes: { axes: { ints: [2] }, ...keep(0) },
    opset: 13,
  });

const flags = [0, 1].flatMap((exclusive) =>
  [0, 1].map((reverse) => ({ exclusive: { int: exclusive }, reverse: { int: reverse } })),
);

export const reductionCases: GradientCase[] = [
  ...operators.flatMap(forms),
  ...operators.filter((operator) => operator !== 'ReduceSum').map(old),
  gradientCase('ReduceSum', [rows([3])], { attributes: { noop_with_empty_axes: { int: 1 } } }),
  ...flags.map((attributes) => gradientCase('CumSum', [weight([3, 4]), intTensor([], [1])], { attributes })),
  gradientCase('CumSum', [rows([4]), intTensor([], [-1])]),
  ...['Softmax', 'LogSoftmax'].flatMap((operator) => [
    gradientCase(operator, [rows([4])]),
    gradientCase(operator, [weight([2, 3, 2])], { attributes: { axis: { int: 1 } } }),
    gradientCase(operator, [weight([3, 2])], { attributes: { axis: { int: 0 } } }),
    gradientCase(operator, [rows([2, 3])], { opset: 13 }),
  ]),
];
