import { tensorInfo } from '../../onnx/model.ts';
import type { NodeProto } from '../../onnx/onnx.gen.ts';
import type { LayoutEntry } from '../layout.ts';
import { graphNames, type TrainingGraph } from '../training-graph.ts';
import type { TrainingPlan } from './analysis.ts';
import { assemble, type GraphOutput, type GraphParts, rowsInfo } from './assembly.ts';
import { writeGradients } from './backward.ts';
import { GradientBuilder } from './gradient-builder.ts';
import { writeLoss } from './losses.ts';
import { Operation } from './operation.ts';
import { normalizesBatch, renewedStatistics } from './rules/batch-normalization.ts';
import { ruleOf } from './rules/table.ts';

/**
 * Writes the graph of one shard's contributions.
 *
 * @param nodes those that the loss depends on
 */
export function writeTrainingGraph(
  parts: GraphParts,
  nodes: readonly NodeProto[],
  plan: TrainingPlan,
): Pick<TrainingGraph, 'training' | 'randoms'> {
  const { values, layout, result, loss, label } = parts;
  const graph = new GradientBuilder(values);
  const statistics = new Set(plan.statistics);
  const analysis = {
    isActive: (name: string): boolean => plan.active.has(name),
    isStatistic: (name: string): boolean => statistics.has(name),
  };
  const operations = nodes.map((node) => {
    const operation = new Operation(node, graph, analysis);
    operation.outputs = ruleOf(node)?.trainingForm?.(operation) ?? operation.keep();
    return operation;
  });
  const { losses, seed } = writeLoss(graph, loss, label, result);
  const total = graph.add('ReduceSum', [losses], { keepdims: { int: 0 } });
  const contributions = writeStatistics(graph, operations);
  const gradient = writeGradients(graph, operations, result, seed());
  const contributionOf = ({ name }: LayoutEntry): string => {
    const value = contributions.get(name) ?? gradient(name);
    if (value === undefined) throw new Error(`nothing contributes to ${name}`);
    return value;
  };
  const outputs: GraphOutput[] = [
    { name: graphNames.loss, value: graph.times(total, graphNames.rowWeight), shape: [] },
    ...layout.entries.map((entry) => ({
      name: graphNames.contribution(entry.name),
      value: contributionOf(entry),
      shape: entry.shape,
    })),
  ];
  const randoms = graph.randoms.map(({ name, shape }) => rowsInfo(name, 'FLOAT', shape));
  const others = [tensorInfo(graphNames.rowWeight, 'FLOAT', []), ...randoms];
  return { training: assemble(parts, graph, others, outputs), randoms: graph.randoms };
}

/** Running statistics after this shard, times its share of the rows: over all shards these sum up to a mean. */
function writeStatistics(graph: GradientBuilder, operations: readonly Operation[]): Map<string, string> {
  const contributions = new Map<string, string>();
  const normalizations = operations.filter(
    (operation) => operation.node.opType === 'BatchNormalization' && normalizesBatch(operation),
  );
  if (normalizations.length === 0) return contributions;
  const rows = graph.add('Gather', [graph.add('Shape', [graphNames.labels]), graph.ints(0)]);
  const share = graph.times(graph.toFloat(rows), graphNames.rowWeight);
  for (const operation of normalizations) {
    for (const [index, renewed] of renewedStatistics(operation).entries()) {
      contributions.set(operation.input(3 + index), graph.times(renewed, share));
    }
  }
  return contributions;
}
