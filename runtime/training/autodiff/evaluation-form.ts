import { intAttribute } from '../../onnx/attributes.ts';
import type { NodeProto } from '../../onnx/onnx.gen.ts';
import { graphNames } from '../training-graph.ts';
import { assemble, type GraphParts } from './assembly.ts';
import { GradientBuilder } from './gradient-builder.ts';
import { asRows, writeLoss } from './losses.ts';
import { nodesFor } from './pruning.ts';

/** The graph that says how good the model is: it works as it will serve. */
export function writeEvaluationGraph(parts: GraphParts): Uint8Array {
  const { source, values, result, loss, label } = parts;
  const graph = new GradientBuilder(values);
  for (const node of nodesFor(source.nodes, source.output, result)) addForServing(graph, node);
  const { losses } = writeLoss(graph, loss, label, result);
  const width = label.kind === 'Values' ? label.width : -1;
  return assemble(
    parts,
    graph,
    [],
    [
      { name: graphNames.losses, value: losses, shape: ['rows'] },
      { name: graphNames.predictions, value: asRows(graph, source.output, width), shape: ['rows', undefined] },
    ],
  );
}

/** As the node serves, also where the model was exported for training. */
function addForServing(graph: GradientBuilder, node: NodeProto): void {
  const [output = ''] = node.output;
  if (node.opType === 'Dropout' && (node.output[1] ?? '') === '') {
    graph.add('Identity', node.input.slice(0, 1), {}, { outputs: [output] });
  } else if (node.opType === 'BatchNormalization' && (intAttribute(node, 'training_mode') ?? 0) !== 0) {
    const attribute = node.attribute.filter(({ name }) => name === 'epsilon');
    graph.addNode({ ...node, output: [output], attribute });
  } else {
    graph.addNode(node);
  }
}
