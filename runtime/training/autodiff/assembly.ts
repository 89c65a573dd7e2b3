import { type ElementType } from '../../onnx/element-types.ts';
import { type Dimension, encodeModel, newModel, tensorInfo } from '../../onnx/model.ts';
import type { ValueInfoProto } from '../../onnx/onnx.gen.ts';
import type { Layout } from '../layout.ts';
import { graphNames, type LabelSpec } from '../training-graph.ts';
import type { GradientBuilder } from './gradient-builder.ts';
import type { LossName } from './losses.ts';
import { namePrefix } from './model-checks.ts';
import type { SourceModel } from './source-model.ts';
import { inputTypes, type Values } from './values.ts';

/** What both graphs are made from. */
export interface GraphParts {
  source: SourceModel;
  values: Values;
  layout: Layout;
  /** The value that the loss is taken of. */
  result: string;
  loss: LossName;
  label: LabelSpec;
}

/** A float32 output of a graph. */
export interface GraphOutput {
  name: string;
  /** What it is in the graph so far. */
  value: string;
  shape: readonly Dimension[];
}

/** The bytes of a graph that takes data, labels and all that is trained, and the given inputs besides. */
export function assemble(
  { source, layout, label }: GraphParts,
  graph: GradientBuilder,
  others: readonly ValueInfoProto[],
  outputs: readonly GraphOutput[],
): Uint8Array {
  nameOutputs(graph, outputs);
  const trained = new Set(layout.entries.map(({ name }) => name));
  const used = new Set(graph.nodes.flatMap(({ input }) => input));
  const constants = [...source.initializers.values(), ...graph.initializers];
  const inputs = [
    ...source.inputs.map(({ name, dataType, shape }) => rowsInfo(name, inputTypes[dataType], shape)),
    label.kind === 'Classes'
      ? rowsInfo(graphNames.labels, 'INT64', [-1])
      : rowsInfo(graphNames.labels, 'FLOAT', [-1, label.width]),
    ...others,
    ...layout.entries.map(({ name, shape }) => tensorInfo(name, 'FLOAT', shape)),
  ];
  return encodeModel(
    newModel({
      opset: source.opset,
      domains: { 'com.microsoft': 1, ...source.domains },
      nodes: graph.nodes,
      initializers: constants.filter(({ name }) => used.has(name) && !trained.has(name)),
      inputs,
      outputs: outputs.map(({ name, shape }) => tensorInfo(name, 'FLOAT', shape)),
    }),
  );
}

/** @param shape with the rows, -1, first */
export const rowsInfo = (name: string, type: ElementType, shape: readonly number[]): ValueInfoProto =>
  tensorInfo(name, type, ['rows', ...shape.slice(1)]);

/** Gives values the names of outputs: in the nodes that make them, and by a copy where a value is more than one output, or an input. */
function nameOutputs(graph: GradientBuilder, outputs: readonly GraphOutput[]): void {
  const made = new Set(graph.nodes.flatMap(({ output }) => output));
  const renamed = new Map<string, string>();
  for (const { name, value } of outputs) {
    if (made.has(value) && value.startsWith(namePrefix) && !renamed.has(value)) renamed.set(value, name);
    else graph.add('Identity', [value], {}, { outputs: [name] });
  }
  const rename = (name: string): string => renamed.get(name) ?? name;
  for (const node of graph.nodes) {
    node.input = node.input.map(rename);
    node.output = node.output.map(rename);
  }
}
