import { type GradientCase, gradientCase, ints, intTensor, rows, weight } from '../gradient-case.ts';

const axis = (value: number) => ({ axis: { int: value } });

export const indexingCases: GradientCase[] = [
  gradientCase('Gather', [weight([4, 3]), ints(0, 2, 2, 3)]),
  gradientCase('Gather', [weight([4, 3]), intTensor([2, 2], [1, 1, -1, 0])]),
  gradientCase('Gather', [weight([2, 4, 3]), ints(3, 0, 3)], { attributes: axis(1) }),
  gradientCase('Gather', [weight([2, 3, 4]), intTensor([2, 2], [1, 3, 1, 0])], { attributes: axis(-1) }),
  gradientCase('Gather', [weight([4, 3]), intTensor([], [2])]),
  gradientCase('Gather', [rows([4, 2]), intTensor([], [-1])], { attributes: axis(1) }),
  gradientCase('Gather', [rows([4, 2]), intTensor([], [1])], { attributes: axis(2) }),
  gradientCase('Gather', [rows([4]), ints(3, 1, 1)], { attributes: axis(1) }),
  gradientCase('GatherElements', [weight([3, 3]), intTensor([2, 3], [0, 1, 2, 2, 1, 2])]),
  gradientCase('GatherElements', [weight([3, 3]), intTensor([3, 2], [0, 0, 1, -1, 2, 1])], { attributes: axis(1) }),
  gradientCase('GatherND', [weight([3, 3]), intTensor([2, 2], [0, 1, 2, 2])]),
  gradientCase('GatherND', [weight([3, 2, 2]), intTensor([3, 1], [1, 1, 0])]),
  gradientCase('ScatterElements', [weight([3, 3]), intTensor([1, 3], [2, 0, 1]), weight([1, 3])]),
  gradientCase('ScatterElements', [weight([3, 3]), intTensor([3, 1], [2, 0, 1]), weight([3, 1])], {
    attributes: axis(1),
  }),
  gradientCase('ScatterElements', [weight([3]), ints(1, 1), weight([2])], {
    attributes: { reduction: { text: 'add' } },
  }),
  gradientCase('ScatterND', [weight([4, 2]), intTensor([2, 1], [3, 1]), weight([2, 2])]),
  gradientCase('ScatterND', [weight([4]), intTensor([3, 1], [1, 1, 2]), weight([3])], {
    attributes: { reduction: { text: 'add' } },
  }),
  gradientCase('TopK', [rows([5]), ints(2)], { outputs: { count: 2, used: [0] } }),
  gradientCase('TopK', [weight([4, 3]), ints(2)], {
    attributes: { ...axis(0), largest: { int: 0 } },
    outputs: { count: 2, used: [0] },
  }),
];
