import { absent, type GradientCase, gradientCase, ints, intTensor, rows, scalar, weight } from '../gradient-case.ts';

const open = Number.MAX_SAFE_INTEGER;

const slices: { shape: number[]; starts: number[]; ends: number[]; axes: number[]; steps: number[] }[] = [
  { shape: [6], starts: [1], ends: [4], axes: [0], steps: [1] },
  { shape: [6], starts: [0], ends: [open], axes: [0], steps: [2] },
  { shape: [7], starts: [1], ends: [open], axes: [0], steps: [3] },
  { shape: [6], starts: [-1], ends: [-7], axes: [0], steps: [-1] },
  { shape: [7], starts: [5], ends: [0], axes: [0], steps: [-2] },
  { shape: [6], starts: [-3], ends: [-1], axes: [-1], steps: [1] },
  { shape: [6], starts: [-100], ends: [100], axes: [0], steps: [1] },
  { shape: [6], starts: [100], ends: [-100], axes: [0], steps: [-2] },
  { shape: [3, 4], starts: [1, 0], ends: [3, 3], axes: [0, 1], steps: [1, 2] },
  { shape: [3, 4, 2], starts: [0, 1], ends: [3, 4], axes: [0, 1], steps: [2, 2] },
  { shape: [2, 5, 2], starts: [4], ends: [-100], axes: [1], steps: [-2] },
];

export const shapeCases: GradientCase[] = [
  gradientCase('Reshape', [weight([2, 6]), ints(3, 4)]),
  gradientCase('Reshape', [rows([2, 6]), ints(0, -1)]),
  gradientCase('Flatten', [rows([2, 3])]),
  gradientCase('Flatten', [weight([2, 3, 2])], { attributes: { axis: { int: 2 } } }),
  gradientCase('Squeeze', [rows([1, 3, 1]), ints(1, 3)]),
  gradientCase('Squeeze', [weight([1, 3, 1])]),
  gradientCase('Unsqueeze', [rows([3]), ints(1, 3)]),
  gradientCase('Transpose', [weight([2, 3])]),
  gradientCase('Transpose', [weight([2, 3, 4])]),
  gradientCase('Transpose', [rows([2, 3])], { attributes: { perm: { ints: [0, 2, 1] } } }),
  gradientCase('Transpose', [weight([2, 3, 4])], { attributes: { perm: { ints: [1, 2, 0] } } }),
  gradientCase('Concat', [rows([2]), rows([3])], { attributes: { axis: { int: 1 } } }),
  gradientCase('Concat', [rows([2, 2]), rows([2, 3]), rows([2, 1])], { attributes: { axis: { int: -1 } } }),
  gradientCase('Concat', [weight([2, 3]), weight([4, 3])], { attributes: { axis: { int: 0 } } }),
  gradientCase('Split', [rows([6]), ints(1, 2, 3)], {
    attributes: { axis: { int: 1 } },
    outputs: { count: 3, used: [0, 1, 2] },
  }),
  gradientCase('Split', [rows([6]), ints(1, 2, 3)], {
    attributes: { axis: { int: -1 } },
    outputs: { count: 3, used: [2] },
    note: 'one part used',
  }),
  gradientCase('Split', [rows([6])], {
    attributes: { axis: { int: 1 }, num_outputs: { int: 2 } },
    outputs: { count: 2, used: [0, 1] },
  }),
  gradientCase('Split', [rows([6])], {
    attributes: { axis: { int: 1 } },
    outputs: { count: 3, used: [0, 2] },
    opset: 13,
  }),
  gradientCase('Split', [weight([4, 3])], {
    attributes: { num_outputs: { int: 2 } },
    outputs: { count: 2, used: [1] },
  }),
  gradientCase('Expand', [weight([3, 1]), ints(2, 3, 4)]),
  gradientCase('Expand', [weight([3]), ints(2, 1)]),
  gradientCase('Tile', [weight([2, 3]), ints(2, 1)]),
  gradientCase('Tile', [weight([2, 3]), ints(3, 2)]),
  gradientCase('Tile', [rows([3]), ints(1, 2)]),
  gradientCase('DepthToSpace', [rows([8, 2, 3])], { attributes: { blocksize: { int: 2 } } }),
  gradientCase('DepthToSpace', [rows([8, 2, 3])], { attributes: { blocksize: { int: 2 }, mode: { text: 'CRD' } } }),
  gradientCase('DepthToSpace', [rows([9, 2, 1])], { attributes: { blocksize: { int: 3 }, mode: { text: 'CRD' } } }),
  gradientCase('SpaceToDepth', [rows([2, 4, 6])], { attributes: { blocksize: { int: 2 } } }),
  ...slices.map(({ shape, starts, ends, axes, steps }) =>
    gradientCase('Slice', [weight(shape), ints(...starts), ints(...ends), ints(...axes), ints(...steps)]),
  ),
  gradientCase('Slice', [rows([5]), ints(0, 1), ints(open, 3)]),
  gradientCase('Slice', [rows([5, 2]), ints(1), ints(4), ints(1), ints(2)]),
  gradientCase('Pad', [rows([3]), ints(0, 1, 0, 2)]),
  gradientCase('Pad', [rows([3, 4]), ints(0, 1, -1, 0, 2, -1)]),
  gradientCase('Pad', [rows([3]), ints(0, 1, 0, 2), scalar(0.7)]),
  gradientCase('Pad', [rows([3, 4]), ints(1, 2), absent, ints(2)]),
  gradientCase('Pad', [rows([3, 4]), ints(1, 2), absent, ints(-1)]),
  ...['reflect', 'edge', 'wrap'].flatMap((mode) => [
    gradientCase('Pad', [rows([2, 4]), ints(0, 0, 2, 0, 0, 1)], { attributes: { mode: { text: mode } } }),
    gradientCase('Pad', [rows([3, 4]), ints(0, 1, 2, 0, 2, 3)], { attributes: { mode: { text: mode } } }),
    gradientCase('Pad', [weight([3, 2]), ints(1, 0, 2, 0)], { attributes: { mode: { text: mode } } }),
  ]),
  gradientCase('Trilu', [weight([3, 4])]),
  gradientCase('Trilu', [rows([3, 3]), intTensor([], [1])], { attributes: { upper: { int: 0 } } }),
];
