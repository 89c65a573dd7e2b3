import type { GradientCase } from '../gradient-case.ts';
import { arithmeticCases } from './arithmetic.ts';
import { convolutionCases } from './convolution.ts';
import { elementwiseCases } from './elementwise.ts';
import { indexingCases } from './indexing.ts';
import { matrixCases } from './matrix.ts';
import { normalizationCases } from './normalization.ts';
import { poolingCases } from './pooling.ts';
import { reductionCases } from './reduction.ts';
import { shapeCases } from './shape.ts';

/** Every operator that has a gradient, over its shapes and attributes. */
export const gradientCases: readonly GradientCase[] = [
  ...arithmeticCases,
  ...convolutionCases,
  ...elementwiseCases,
  ...indexingCases,
  ...matrixCases,
  ...normalizationCases,
  ...poolingCases,
  ...reductionCases,
  ...shapeCases,
];
