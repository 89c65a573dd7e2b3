import type { Attributes } from '../../../../../runtime/onnx/attributes.ts';
import { type GradientCase, gradientCase, rows, weight } from '../gradient-case.ts';

interface ConvolutionCase {
  /** Channels and sizes. */
  input: number[];
  /** Outputs, inputs of a group, and sizes of the kernel. */
  kernel: number[];
  strides?: number[];
  pads?: number[];
  dilations?: number[];
  group?: number;
  autoPad?: string;
}

function attributesOf({ strides, pads, dilations, group, autoPad }: ConvolutionCase): Attributes {
  return {
    ...(strides ? { strides: { ints: strides } } : {}),
    ...(pads ? { pads: { ints: pads } } : {}),
    ...(dilations ? { dilations: { ints: dilations } } : {}),
    ...(group === undefined ? {} : { group: { int: group } }),
    ...(autoPad === undefined ? {} : { auto_pad: { text: autoPad } }),
  };
}

const convolutions: ConvolutionCase[] = [
  { input: [2, 5, 5], kernel: [3, 2, 3, 3] },
  { input: [2, 5, 5], kernel: [3, 2, 3, 3], pads: [1, 1, 1, 1] },
  { input: [2, 5, 6], kernel: [3, 2, 3, 3], pads: [1, 1, 1, 1], strides: [2, 2] },
  { input: [2, 6, 7], kernel: [3, 2, 3, 3], pads: [1, 0, 2, 1], strides: [2, 3] },
  { input: [1, 7, 7], kernel: [2, 1, 3, 2], dilations: [2, 3] },
  { input: [2, 8, 7], kernel: [2, 2, 2, 3], dilations: [3, 2], strides: [2, 1], pads: [1, 2, 0, 2] },
  { input: [3, 4, 4], kernel: [2, 3, 1, 1] },
  { input: [3, 5, 5], kernel: [2, 3, 1, 1], strides: [2, 2] },
  { input: [3, 4, 4], kernel: [2, 3, 1, 1], pads: [1, 1, 1, 1] },
  { input: [4, 5, 5], kernel: [6, 2, 3, 3], group: 2 },
  { input: [4, 5, 5], kernel: [4, 2, 1, 1], group: 2 },
  { input: [3, 5, 5], kernel: [3, 1, 3, 3], group: 3, pads: [1, 1, 1, 1] },
  { input: [3, 6, 6], kernel: [6, 1, 3, 3], group: 3, strides: [2, 2] },
  { input: [17, 4, 4], kernel: [2, 17, 3, 3], pads: [1, 1, 1, 1] },
  { input: [17, 5, 4], kernel: [2, 17, 2, 2], strides: [2, 1] },
  { input: [2, 5, 6], kernel: [2, 2, 3, 3], autoPad: 'SAME_UPPER', strides: [2, 2] },
  { input: [2, 5, 6], kernel: [2, 2, 2, 4], autoPad: 'SAME_LOWER' },
  { input: [2, 5, 6], kernel: [2, 2, 3, 2], autoPad: 'VALID', strides: [2, 2] },
  { input: [2, 7, 7], kernel: [2, 2, 5, 5], pads: [2, 2, 2, 2] },
  { input: [1, 3, 3], kernel: [1, 1, 3, 3] },
  { input: [2, 8], kernel: [3, 2, 3] },
  { input: [2, 9], kernel: [3, 2, 3], pads: [1, 2], strides: [2] },
  { input: [2, 9], kernel: [3, 2, 3], dilations: [2], strides: [3] },
  { input: [4, 6], kernel: [4, 1, 3], group: 4, pads: [1, 1] },
  { input: [3, 6], kernel: [2, 3, 1] },
  { input: [1, 3, 4, 3], kernel: [2, 1, 2, 2, 2] },
  { input: [2, 3, 3, 4], kernel: [2, 2, 2, 1, 3], pads: [1, 0, 1, 0, 0, 1], strides: [2, 1, 2] },
];

interface TransposedCase extends ConvolutionCase {
  outputPadding?: number[];
  outputShape?: number[];
}

/** Kernels here are inputs, outputs of a group, and sizes. */
const transposed: TransposedCase[] = [
  { input: [2, 3, 3], kernel: [2, 3, 3, 3] },
  { input: [2, 3, 4], kernel: [2, 3, 3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
  { input: [2, 3, 4], kernel: [2, 3, 3, 3], strides: [2, 2], pads: [1, 1, 1, 1], outputPadding: [1, 1] },
  { input: [2, 3, 3], kernel: [2, 3, 2, 2], strides: [2, 2] },
  { input: [2, 3, 3], kernel: [2, 3, 2, 2], dilations: [2, 3], pads: [1, 0, 0, 2] },
  { input: [4, 3, 3], kernel: [4, 3, 2, 2], group: 2 },
  { input: [3, 3, 3], kernel: [3, 1, 3, 3], group: 3, strides: [2, 2] },
  { input: [2, 3, 3], kernel: [2, 2, 1, 1] },
  { input: [2, 3, 4], kernel: [2, 2, 3, 3], strides: [2, 2], autoPad: 'SAME_UPPER' },
  { input: [2, 3, 4], kernel: [2, 2, 3, 3], strides: [2, 2], autoPad: 'SAME_LOWER' },
  { input: [2, 3, 4], kernel: [2, 2, 3, 3], strides: [2, 2], outputShape: [6, 8] },
  { input: [2, 4], kernel: [2, 3, 3], strides: [2] },
];

export const convolutionCases: GradientCase[] = [
  ...convolutions.map((one) =>
    gradientCase('Conv', [rows(one.input), weight(one.kernel), weight(one.kernel.slice(0, 1))], {
      attributes: attributesOf(one),
    }),
  ),
  gradientCase('Conv', [rows([2, 4, 4]), weight([3, 2, 3, 3])], { note: 'without bias' }),
  gradientCase('Conv', [rows([2, 4, 4]), weight([3, 2, 3, 3])], { freeze: ['w0'] }),
  gradientCase('Conv', [rows([2, 4, 4]), weight([3, 2, 3, 3])], { freeze: ['w1'] }),
  ...transposed.map((one) => {
    const { outputPadding, outputShape, group = 1 } = one;
    const attributes = {
      ...attributesOf(one),
      ...(outputPadding ? { output_padding: { ints: outputPadding } } : {}),
      ...(outputShape ? { output_shape: { ints: outputShape } } : {}),
    };
    const bias = weight([(one.kernel[1] ?? 0) * group]);
    return gradientCase('ConvTranspose', [rows(one.input), weight(one.kernel), bias], { attributes });
  }),
];
