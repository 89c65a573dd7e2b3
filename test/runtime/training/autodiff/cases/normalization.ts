import { type GradientCase, gradientCase, rows, scalar, weight } from '../gradient-case.ts';

const epsilon = (value: number) => ({ epsilon: { float: value } });

export const normalizationCases: GradientCase[] = [
  ...[
    [2, 4],
    [2, 3, 3],
    [3, 2, 2, 2],
  ].flatMap((shape) => {
    const channels = [shape[0] ?? 1];
    const statistics = [weight(channels), weight(channels, 'positive')];
    return [
      gradientCase('BatchNormalization', [rows(shape), weight(channels, 'positive'), weight(channels), ...statistics]),
      gradientCase('BatchNormalization', [rows(shape), weight(channels), weight(channels), ...statistics], {
        attributes: { ...epsilon(0.1), momentum: { float: 0.6 } },
      }),
    ];
  }),
  gradientCase(
    'BatchNormalization',
    [rows([2, 3, 3]), weight([2]), weight([2]), weight([2]), weight([2], 'positive')],
    { freeze: ['w3', 'w4'] },
  ),
  gradientCase(
    'BatchNormalization',
    [rows([2, 3, 3]), weight([2]), weight([2]), weight([2]), weight([2], 'positive')],
    { freeze: ['w1', 'w2'] },
  ),
  gradientCase('BatchNormalization', [rows([2, 4]), weight([2]), weight([2]), weight([2]), weight([2], 'positive')], {
    freeze: ['w0', 'w2'],
  }),
  ...[
    [4, 3],
    [3, 2, 2],
  ].map((shape) => {
    const channels = [shape[1] ?? 1];
    return gradientCase('BatchNormalization', [
      weight(shape),
      weight(channels),
      weight(channels),
      weight(channels),
      weight(channels, 'positive'),
    ]);
  }),
  gradientCase('LayerNormalization', [rows([6]), weight([6]), weight([6])]),
  gradientCase('LayerNormalization', [rows([2, 6]), weight([6]), weight([6])], { attributes: epsilon(0.1) }),
  gradientCase('LayerNormalization', [rows([2, 6]), weight([6])], { note: 'without bias' }),
  gradientCase('LayerNormalization', [rows([2, 3]), weight([2, 3]), weight([2, 3])], {
    attributes: { axis: { int: 1 } },
  }),
  gradientCase('LayerNormalization', [weight([3, 4]), weight([4]), weight([4])], { attributes: { axis: { int: -1 } } }),
  gradientCase('RMSNormalization', [rows([6]), weight([6])], { opset: 23 }),
  gradientCase('RMSNormalization', [rows([2, 3]), weight([2, 3])], {
    opset: 23,
    attributes: { axis: { int: 1 }, ...epsilon(0.1) },
  }),
  gradientCase('InstanceNormalization', [rows([2, 3, 3]), weight([2]), weight([2])]),
  gradientCase('InstanceNormalization', [rows([3, 5]), weight([3]), weight([3])], { attributes: epsilon(0.1) }),
  gradientCase('GroupNormalization', [rows([4, 3]), weight([4]), weight([4])], {
    attributes: { num_groups: { int: 2 } },
  }),
  gradientCase('GroupNormalization', [rows([6, 2, 2]), weight([6]), weight([6])], {
    attributes: { num_groups: { int: 3 }, ...epsilon(0.1) },
  }),
  gradientCase('GroupNormalization', [rows([4, 3]), weight([2]), weight([2])], {
    attributes: { num_groups: { int: 2 } },
    opset: 18,
  }),
  gradientCase('LpNormalization', [rows([4])]),
  gradientCase('LpNormalization', [rows([3, 4])], { attributes: { axis: { int: 1 } } }),
  gradientCase('LpNormalization', [rows([4])], { attributes: { p: { int: 1 } } }),
  gradientCase('MeanVarianceNormalization', [rows([2, 3, 3])]),
  gradientCase('MeanVarianceNormalization', [rows([2, 3, 3])], { attributes: { axes: { ints: [2, 3] } } }),
  gradientCase('Dropout', [rows([6])]),
  gradientCase('Dropout', [rows([2, 6]), scalar(0.3)]),
  gradientCase('Dropout', [rows([4]), scalar(0)]),
];
