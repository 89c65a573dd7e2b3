import { type GradientCase, gradientCase, rows, weight } from '../gradient-case.ts';

const flag = (value: number) => ({ int: value });

const gemms = [0, 1].flatMap((transA) =>
  [0, 1].flatMap((transB) => {
    const attributes = { transA: flag(transA), transB: flag(transB) };
    const [a, b] = [transA ? [4, 2] : [2, 4], transB ? [3, 4] : [4, 3]];
    const scaled = { ...attributes, alpha: { float: 0.7 }, beta: { float: 1.6 } };
    return [
      gradientCase('Gemm', [weight(a), weight(b)], { attributes }),
      gradientCase('Gemm', [weight(a), weight(b), weight([3])], { attributes: scaled }),
      gradientCase('Gemm', [weight(a), weight(b), weight([2, 1])], { attributes: scaled }),
      gradientCase('Gemm', [weight(a), weight(b), weight([2, 3])], { attributes }),
    ];
  }),
);

/** Shapes of two operands that are multiplied as matrices. */
const products: [number[], number[]][] = [
  [
    [2, 3],
    [3, 4],
  ],
  [
    [2, 2, 3],
    [3, 4],
  ],
  [
    [2, 3],
    [2, 3, 4],
  ],
  [
    [2, 2, 3],
    [2, 3, 4],
  ],
  [
    [2, 2, 3],
    [1, 3, 4],
  ],
  [
    [1, 2, 3],
    [2, 3, 4],
  ],
  [
    [2, 1, 2, 3],
    [3, 3, 2],
  ],
  [[3], [3]],
  [[3], [3, 4]],
  [[2, 3], [3]],
  [[3], [2, 3, 4]],
  [[2, 2, 3], [3]],
];

export const matrixCases: GradientCase[] = [
  ...gemms,
  gradientCase('Gemm', [rows([4]), weight([4, 3]), weight([3])]),
  gradientCase('Gemm', [rows([4]), weight([3, 4]), weight([1, 3])], { attributes: { transB: flag(1) } }),
  gradientCase('Gemm', [rows([4]), weight([4, 3]), weight([1])]),
  ...products.map(([a, b]) => gradientCase('MatMul', [weight(a), weight(b)])),
  gradientCase('MatMul', [rows([4]), weight([4, 3])]),
  gradientCase('MatMul', [rows([2, 4]), weight([4, 3])]),
  gradientCase('MatMul', [rows([2, 4]), rows([4, 2])]),
  gradientCase('MatMul', [rows([2, 2, 4]), rows([2, 4, 2])]),
  gradientCase('MatMul', [rows([2, 2, 4]), weight([2, 4, 2])]),
  gradientCase('MatMul', [rows([2, 4]), weight([4])]),
  gradientCase('Einsum', [weight([2, 3]), weight([3, 4])], { attributes: { equation: { text: 'ij,jk->ik' } } }),
  gradientCase('Einsum', [weight([2, 3]), weight([4, 3])], { attributes: { equation: { text: 'ij, kj -> ki' } } }),
  gradientCase('Einsum', [rows([2, 3]), rows([4, 3])], { attributes: { equation: { text: 'bid,bjd->bij' } } }),
  gradientCase('Einsum', [weight([2, 3])], { attributes: { equation: { text: 'ij->ji' } } }),
  gradientCase('Einsum', [weight([2, 3]), weight([2]), weight([3, 2])], {
    attributes: { equation: { text: 'ij,i,jk->ik' } },
  }),
];
