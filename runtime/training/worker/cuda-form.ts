import { floatAttribute, intAttribute } from '../../onnx/attributes.ts';
import { GraphBuilder } from '../../onnx/graph-builder.ts';
import { decodeModel, encodeModel } from '../../onnx/model.ts';
import type { NodeProto } from '../../onnx/onnx.gen.ts';

/**
 * A training graph as the CUDA provider takes it: a BatchNormalization that takes mean and variance from the batch, which that provider does
 * not have (ONNX Runtime 1.30), becomes one that is given them, and the nodes that compute them.
 */
export function cudaForm(graph: Uint8Array): Uint8Array {
  const model = decodeModel(graph);
  const builder = new GraphBuilder('modelyard.cuda.');
  for (const node of model.graph.node) {
    if (node.opType === 'BatchNormalization' && intAttribute(node, 'training_mode') === 1) normalize(builder, node);
    else builder.nodes.push(node);
  }
  model.graph.node = builder.nodes;
  model.graph.initializer.push(...builder.initializers);
  return encodeModel(model);
}

/** Of the outputs mean and variance, the graphs of this project have both, and a momentum of 0. */
function normalize(graph: GraphBuilder, node: NodeProto): void {
  const [x = '', scale = '', bias = ''] = node.input;
  const [y = '', mean = '', variance = ''] = node.output;
  const [columns, axes] = [graph.add('Reshape', [x, graph.ints([0, 0, -1])]), graph.ints([0, 2])];
  const centre = graph.add('ReduceMean', [columns, axes]);
  const centred = graph.add('Sub', [columns, centre]);
  const spread = graph.add('ReduceMean', [graph.add('Mul', [centred, centred]), axes]);
  graph.add('Reshape', [centre, graph.ints([-1])], {}, { outputs: [mean] });
  graph.add('Reshape', [spread, graph.ints([-1])], {}, { outputs: [variance] });
  const epsilon = { float: floatAttribute(node, 'epsilon') ?? 1e-5 };
  graph.add('BatchNormalization', [x, scale, bias, mean, variance], { epsilon }, { outputs: [y] });
}
