import { decodeModel, opsetOf } from '../../onnx/model.ts';
import type { NodeProto, TensorProto } from '../../onnx/onnx.gen.ts';
import type { DataInput } from '../training-graph.ts';
import { dataInputs } from './data-inputs.ts';
import { checkModel, namePrefix } from './model-checks.ts';
import { separateUniformWeights } from './uniform-weights.ts';
import { baseOpset, upgradeNodes } from './upgrade.ts';

/** A model that was checked, as version 18 of ONNX's operators or a newer one writes it. */
export interface SourceModel {
  opset: number;
  /** Versions of operators outside the standard, by their domain. */
  domains: Record<string, number>;
  nodes: NodeProto[];
  initializers: Map<string, TensorProto>;
  /** What is no initializer. */
  inputs: DataInput[];
  /** The one output. */
  output: string;
}

/**
 * Reads a model for training. Throws OnnxError, or TrainingFailure that says what to do.
 *
 * @param rowShape what a row of the data holds, for an input of the model that leaves more open than the rows
 */
export function readSourceModel(bytes: Uint8Array, rowShape: readonly number[] | undefined): SourceModel {
  const model = decodeModel(bytes);
  checkModel(model);
  const { graph, opsetImport } = model;
  const { nodes, initializers } = withoutAliases(graph.node, graph.initializer);
  dropUnusedMasks(
    nodes,
    graph.output.map(({ name }) => name),
  );
  const inputs = dataInputs(
    graph.input.filter(({ name }) => !initializers.has(name)),
    rowShape,
  );
  const opset = opsetOf(model);
  if (opset < baseOpset) {
    for (const axes of upgradeNodes(nodes, `${namePrefix}axes.`)) initializers.set(axes.name, axes);
  }
  const others = opsetImport.filter(({ domain }) => domain !== '' && domain !== 'ai.onnx');
  return {
    opset: Math.max(opset, baseOpset),
    domains: Object.fromEntries(others.map(({ domain, version }) => [domain, Number(version)])),
    nodes,
    initializers,
    inputs,
    output: graph.output[0]?.name ?? '',
  };
}

/** Exporters name the mask of a dropout also where nobody reads it. */
function dropUnusedMasks(nodes: readonly NodeProto[], results: readonly string[]): void {
  const used = new Set([...results, ...nodes.flatMap(({ input }) => input)]);
  for (const node of nodes) {
    if (node.opType === 'Dropout' && !used.has(node.output[1] ?? '')) node.output.splice(1);
  }
}

/**
 * Undoes what PyTorch's exporters do to equal weights: one of them stores these once, under the name of the first, and hands them to the
 * others by Identity nodes; for the other see `separateUniformWeights`. The nodes are changed in place.
 */
export function withoutAliases(
  allNodes: readonly NodeProto[],
  tensors: readonly TensorProto[],
): { nodes: NodeProto[]; initializers: Map<string, TensorProto> } {
  const initializers = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const nodes: NodeProto[] = [];
  for (const node of allNodes) {
    const [alias] = node.output;
    const source = node.opType === 'Identity' ? initializers.get(node.input[0] ?? '') : undefined;
    if (source && alias !== undefined) initializers.set(alias, { ...source, name: alias });
    else nodes.push(node);
  }
  separateUniformWeights(nodes, initializers);
  return { nodes, initializers };
}
