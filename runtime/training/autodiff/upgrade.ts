import { attributeProto, intsAttribute } from '../../onnx/attributes.ts';
import type { NodeProto, TensorProto } from '../../onnx/onnx.gen.ts';
import { int64Tensor } from '../../onnx/tensors.ts';

/** The oldest version of ONNX's operators that gradients are written for: they say axes by an input. */
export const baseOpset = 18;

/** Reductions that say their axes by an attribute before version 18. ReduceSum is not one: it does so since 13. */
const reductions = new Set([
  ...['ReduceL1', 'ReduceL2', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceMax'],
  ...['ReduceMean', 'ReduceMin', 'ReduceProd', 'ReduceSumSquare'],
]);

/**
 * Turns nodes of the versions 13 to 17 into what version 18 asks for, in place. All other operators mean the same in 18 as in
 * 13, but for RoiAlign, which is not trained.
 *
 * @param prefix begins the names of constants
 * @returns constants that the nodes now take as inputs
 */
export function upgradeNodes(nodes: readonly NodeProto[], prefix: string): TensorProto[] {
  const constants: TensorProto[] = [];
  for (const node of nodes) {
    if (node.domain !== '' && node.domain !== 'ai.onnx') continue;
    const axes = intsAttribute(node, 'axes');
    if (reductions.has(node.opType) && axes) {
      const constant = int64Tensor(`${prefix}${constants.length}`, [axes.length], axes);
      constants.push(constant);
      node.input.push(constant.name);
      node.attribute = node.attribute.filter(({ name }) => name !== 'axes');
    }
    if (node.opType === 'Split' && (node.input[1] ?? '') === '') {
      node.attribute.push(attributeProto('num_outputs', { int: node.output.length }));
    }
  }
  return constants;
}
