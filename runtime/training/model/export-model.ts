import { create } from '@bufbuild/protobuf';
import { decodeModel, encodeModel } from '../../onnx/model.ts';
import { type GraphProto, type NodeProto, StringStringEntryProtoSchema } from '../../onnx/onnx.gen.ts';
import { floatTensor } from '../../onnx/tensors.ts';
import { withoutAliases } from '../autodiff/source-model.ts';
import type { Layout } from '../layout.ts';
import { dropUnused } from './drop-unused.ts';

/**
 * The model as it serves, with what was trained in the place of what it began with: weights and running statistics.
 *
 * @param bytes the model that the training graph was derived from
 * @param trained the whole flat vector of the layout
 * @param metadata is written into the model, for whoever finds the file alone
 */
export function exportModel(
  bytes: Uint8Array,
  layout: Layout,
  trained: Float32Array,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const model = decodeModel(bytes);
  const { graph } = model;
  const { nodes, initializers } = withoutAliases(graph.node, graph.initializer);
  for (const { name, shape, offset, length } of layout.entries) {
    if (!initializers.has(name)) throw new Error(`the model has no weight ${JSON.stringify(name)}`);
    initializers.set(name, floatTensor(name, shape, trained.subarray(offset, offset + length)));
  }
  graph.initializer = [...initializers.values()];
  graph.node = nodes;
  for (const node of nodes) forServing(graph, node);
  const kept = model.metadataProps.filter(({ key }) => !Object.hasOwn(metadata, key));
  const own = Object.entries(metadata).map(([key, value]) => create(StringStringEntryProtoSchema, { key, value }));
  model.metadataProps = [...kept, ...own];
  return encodeModel(model);
}

/** A model that was exported for training says so in some of its nodes. */
function forServing(graph: GraphProto, node: NodeProto): void {
  if (node.opType === 'Dropout') dropUnused(graph, node.input.splice(2));
  if (node.opType === 'BatchNormalization') {
    node.attribute = node.attribute.filter(({ name }) => name !== 'training_mode');
    node.output.splice(1);
  }
}
