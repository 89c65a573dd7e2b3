import { bools, type GradientCase, gradientCase, rows, scalar, weight } from '../gradient-case.ts';

const smooth = ['Neg', 'Exp', 'Sin', 'Cos', 'Tanh', 'Sigmoid', 'Sinh', 'Cosh', 'Asinh', 'Atan', 'Erf', 'Softplus'];
const kinked = [
  'Abs',
  'Relu',
  'LeakyRelu',
  'Elu',
  'Selu',
  'Celu',
  'Softsign',
  'HardSigmoid',
  'HardSwish',
  'Mish',
  'Gelu',
];

export const elementwiseCases: GradientCase[] = [
  ...[...smooth, ...kinked].flatMap((operator) => [
    gradientCase(operator, [rows([5])]),
    gradientCase(operator, [weight([2, 1, 3])]),
  ]),
  ...['Sqrt', 'Log', 'Reciprocal'].flatMap((operator) => [
    gradientCase(operator, [rows([4], 'positive')]),
    gradientCase(operator, [weight([3, 2], 'positive')]),
  ]),
  ...['Asin', 'Acos', 'Atanh', 'Tan'].map((operator) => gradientCase(operator, [rows([4], 'inside')])),
  gradientCase('Acosh', [rows([4], 'aboveOne')]),
  gradientCase('Identity', [rows([3])]),
  gradientCase('LeakyRelu', [rows([6])], { attributes: { alpha: { float: 0.3 } } }),
  gradientCase('Elu', [rows([6])], { attributes: { alpha: { float: 0.6 } } }),
  gradientCase('Celu', [rows([6])], { attributes: { alpha: { float: 2 } } }),
  gradientCase('Selu', [rows([6])], { attributes: { alpha: { float: 0.9 }, gamma: { float: 1.2 } } }),
  gradientCase('HardSigmoid', [rows([6])], { attributes: { alpha: { float: 1 }, beta: { float: 0.4 } } }),
  gradientCase('ThresholdedRelu', [rows([6])], { attributes: { alpha: { float: 0.3 } } }),
  gradientCase('Shrink', [rows([6])], { attributes: { lambd: { float: 0.3 }, bias: { float: 0.1 } } }),
  gradientCase('Gelu', [rows([6])], { attributes: { approximate: { text: 'tanh' } } }),
  gradientCase('Swish', [rows([6])], { opset: 24 }),
  gradientCase('Swish', [rows([6])], { opset: 24, attributes: { alpha: { float: 1.7 } } }),
  gradientCase('PRelu', [rows([3, 4]), weight([3, 1])]),
  gradientCase('PRelu', [rows([6]), weight([1])]),
  gradientCase('PRelu', [weight([2, 3]), weight([3])]),
  gradientCase('Clip', [rows([6]), scalar(-0.3), scalar(0.4)]),
  gradientCase('Clip', [weight([7]), scalar(-0.1)]),
  gradientCase('Cast', [rows([4])], { attributes: { to: { int: 1 } } }),
  gradientCase('CastLike', [rows([4]), scalar(1)]),
  gradientCase('Where', [bools([5], [1, 0, 0, 1, 0]), rows([5]), rows([5])]),
  gradientCase('Where', [bools([2, 1], [1, 0]), weight([3]), weight([2, 3])]),
  gradientCase('Where', [bools([2, 3], [1, 0, 0, 1, 1, 0]), weight([2, 1]), weight([3])]),
];
