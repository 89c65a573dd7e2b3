import { type GradientCase, floats, gradientCase, rows, scalar, weight } from '../gradient-case.ts';

/** Every way in which two operands are broadcast to each other. */
const pairs: [number[], number[]][] = [
  [[3], [3]],
  [[2, 3], [3]],
  [
    [2, 3],
    [1, 3],
  ],
  [
    [2, 3],
    [2, 1],
  ],
  [
    [2, 1],
    [1, 3],
  ],
  [[3], [2, 4, 3]],
  [
    [2, 1, 3],
    [4, 1],
  ],
  [[1], [2, 3]],
  [
    [1, 1],
    [2, 3],
  ],
];

const broadcast = (operator: string): GradientCase[] => [
  ...pairs.map(([left, right]) => {
    const range = operator === 'Div' || operator === 'Pow' ? 'positive' : 'any';
    return gradientCase(operator, [weight(left, range), weight(right, range)]);
  }),
  gradientCase(operator, [rows([2, 3], 'positive'), weight([3], 'positive')]),
  gradientCase(operator, [weight([2, 1], 'positive'), rows([2, 3], 'positive')]),
  gradientCase(operator, [rows([2, 3], 'positive'), rows([2, 1], 'positive')]),
  gradientCase(operator, [rows([4], 'positive'), scalar(1.5)]),
  gradientCase(operator, [scalar(1.5), rows([4], 'positive')]),
];

export const arithmeticCases: GradientCase[] = [
  ...['Add', 'Sub', 'Mul', 'Div', 'Pow'].flatMap(broadcast),
  ...['Max', 'Min'].flatMap((operator) => [
    gradientCase(operator, [rows([5]), rows([5])]),
    gradientCase(operator, [weight([2, 3]), weight([3])]),
    gradientCase(operator, [rows([6]), scalar(0.1)]),
    gradientCase(operator, [weight([4]), weight([4]), weight([2, 1])]),
    gradientCase(operator, [rows([4])]),
  ]),
  ...['Sum', 'Mean'].flatMap((operator) => [
    gradientCase(operator, [rows([3])]),
    gradientCase(operator, [weight([2, 3]), weight([3]), weight([2, 1])]),
    gradientCase(operator, [rows([2, 3]), weight([3]), rows([2, 1])]),
  ]),
  ...[1, 2, 3, 0.5, -1, 2.5].map((exponent) => gradientCase('Pow', [rows([4], 'positive'), scalar(exponent)])),
  gradientCase('Pow', [rows([5]), scalar(2)]),
  gradientCase('Pow', [rows([5]), scalar(3)]),
  gradientCase('Pow', [rows([3], 'positive'), floats(2, 0.5, 3)]),
];
