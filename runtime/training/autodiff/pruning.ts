import { intAttribute } from '../../onnx/attributes.ts';
import type { NodeProto } from '../../onnx/onnx.gen.ts';
import type { LossName } from './losses.ts';
import type { SourceModel } from './source-model.ts';
import type { Values } from './values.ts';

/** The nodes that values depend on, in their order. */
export function nodesFor(nodes: readonly NodeProto[], ...results: readonly string[]): NodeProto[] {
  const needed = new Set(results);
  const kept: NodeProto[] = [];
  for (const node of [...nodes].reverse()) {
    if (!node.output.some((name) => needed.has(name))) continue;
    kept.push(node);
    for (const name of node.input) needed.add(name);
  }
  return kept.reverse();
}

/**
 * The value of the model that the loss is taken of: its output, but for a model that ends in a softmax. Cross entropy contains
 * that one already, in a form that does not overflow.
 */
export function lossOperand(source: SourceModel, values: Values, loss: LossName): string {
  if (loss !== 'CrossEntropy') return source.output;
  let name = source.output;
  for (;;) {
    const node = source.nodes.find(({ output }) => output[0] === name);
    const [input = ''] = node?.input ?? [];
    if (node?.opType === 'Softmax' || node?.opType === 'LogSoftmax') {
      const rank = values.get(name)?.shape.length ?? 0;
      const axis = intAttribute(node, 'axis') ?? -1;
      return axis === -1 || axis === rank - 1 ? input : source.output;
    }
    if (node?.opType !== 'Identity') return source.output;
    name = input;
  }
}
