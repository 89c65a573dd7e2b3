import type { Attributes } from '../../../../../runtime/onnx/attributes.ts';
import { floats, type GradientCase, gradientCase, ints, absent, rows } from '../gradient-case.ts';

const window = (kernel: number[], more: Record<string, number[]> = {}, ceil = false): Attributes => ({
  kernel_shape: { ints: kernel },
  ...Object.fromEntries(Object.entries(more).map(([name, values]) => [name, { ints: values }])),
  ...(ceil ? { ceil_mode: { int: 1 } } : {}),
});

const windows: { input: number[]; attributes: Attributes }[] = [
  { input: [2, 4, 4], attributes: window([2, 2], { strides: [2, 2] }) },
  { input: [2, 5, 6], attributes: window([2, 2], { strides: [2, 2] }) },
  { input: [1, 5, 5], attributes: window([3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }) },
  { input: [1, 5, 5], attributes: window([2, 2]) },
  { input: [1, 6, 6], attributes: window([2, 2], { strides: [3, 3] }) },
  { input: [1, 5, 5], attributes: window([2, 2], { strides: [2, 2] }, true) },
  { input: [1, 6, 6], attributes: window([3, 3], { strides: [2, 2] }, true) },
  { input: [2, 4, 4], attributes: window([2, 2], { strides: [2, 2], pads: [1, 0, 1, 0] }) },
  { input: [1, 7, 7], attributes: window([2, 2], { dilations: [2, 2] }) },
  { input: [2, 6], attributes: window([2], { strides: [2] }) },
  { input: [2, 6], attributes: window([3], { strides: [1], pads: [1, 1] }) },
  { input: [1, 4, 4], attributes: { ...window([3, 3], { strides: [2, 2] }), auto_pad: { text: 'SAME_UPPER' } } },
  { input: [1, 4, 4], attributes: { ...window([3, 3], { strides: [2, 2] }), auto_pad: { text: 'SAME_LOWER' } } },
  { input: [1, 4, 4, 4], attributes: window([2, 2, 2], { strides: [2, 2, 2] }) },
];

const resizes: { sizes?: number[]; scales?: number[]; mode: string; transform: string }[] = [
  { scales: [1, 1, 2, 2], mode: 'nearest', transform: 'asymmetric' },
  { scales: [1, 1, 2, 3], mode: 'nearest', transform: 'half_pixel' },
  { scales: [1, 1, 0.5, 0.75], mode: 'nearest', transform: 'half_pixel' },
  { scales: [1, 1, 2, 2], mode: 'linear', transform: 'half_pixel' },
  { scales: [1, 1, 2, 2], mode: 'linear', transform: 'align_corners' },
  { scales: [1, 1, 0.6, 1.7], mode: 'linear', transform: 'asymmetric' },
  { sizes: [7, 5], mode: 'linear', transform: 'half_pixel' },
  { sizes: [3, 8], mode: 'nearest', transform: 'half_pixel' },
  { scales: [1, 1, 2, 2], mode: 'cubic', transform: 'half_pixel' },
];

export const poolingCases: GradientCase[] = [
  ...windows.flatMap(({ input, attributes }) => {
    const included = { ...attributes, count_include_pad: { int: 1 } };
    return [
      gradientCase('MaxPool', [rows(input)], { attributes }),
      gradientCase('AveragePool', [rows(input)], { attributes }),
      gradientCase('AveragePool', [rows(input)], { attributes: included }),
    ];
  }),
  gradientCase('GlobalAveragePool', [rows([2, 3, 4])]),
  gradientCase('GlobalAveragePool', [rows([2, 5])]),
  gradientCase('GlobalMaxPool', [rows([2, 3, 4])]),
  gradientCase('Resize', [rows([2, 3, 3]), absent, floats(2, 1.5)], {
    attributes: { mode: { text: 'linear' }, axes: { ints: [-1, 2] } },
  }),
  ...resizes.map(({ sizes, scales, mode, transform }) => {
    const axes = sizes ? { axes: { ints: [2, 3] } } : {};
    const attributes = { mode: { text: mode }, coordinate_transformation_mode: { text: transform }, ...axes };
    const target = scales ? [absent, floats(...scales)] : [absent, absent, ints(...(sizes ?? []))];
    return gradientCase('Resize', [rows([2, 4, 4]), ...target], { attributes });
  }),
];
