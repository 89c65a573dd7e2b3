import type { NodeProto } from '../../../onnx/onnx.gen.ts';
import type { Rule } from '../operation.ts';
import { activationRules } from './activations.ts';
import { arithmeticRules } from './arithmetic.ts';
import { batchNormalizationRule } from './batch-normalization.ts';
import { convolutionRules } from './convolution.ts';
import { dropoutRule } from './dropout.ts';
import { gateRules, smoothRules } from './elementwise.ts';
import { indexingRules } from './indexing.ts';
import { matrixRules } from './matrix.ts';
import { normalizationRules } from './normalization.ts';
import { poolingRules } from './pooling.ts';
import { reductionRules } from './reduction.ts';
import { resizeRule } from './resize.ts';
import { shapeRules } from './shape.ts';
import { slicingRules } from './slicing.ts';

/** Every operator that has a gradient. */
const rules: ReadonlyMap<string, Rule> = new Map(
  Object.entries({
    ...activationRules,
    ...arithmeticRules,
    ...convolutionRules,
    ...gateRules,
    ...indexingRules,
    ...matrixRules,
    ...normalizationRules,
    ...poolingRules,
    ...reductionRules,
    ...shapeRules,
    ...slicingRules,
    ...smoothRules,
    BatchNormalization: batchNormalizationRule,
    Dropout: dropoutRule,
    Resize: resizeRule,
  }),
);

/** Names of all operators that gradients flow through, or stop at because their output is flat. */
export const differentiableOperators: readonly string[] = [...rules.keys()].sort();

/** Undefined where the operator has no gradient. */
export const ruleOf = ({ domain, opType }: NodeProto): Rule | undefined =>
  domain === '' || domain === 'ai.onnx' ? rules.get(opType) : undefined;
