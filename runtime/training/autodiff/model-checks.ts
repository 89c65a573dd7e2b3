import { opsetOf, type OnnxModel } from '../../onnx/model.ts';
import type { GraphProto, NodeProto } from '../../onnx/onnx.gen.ts';
import { isExternal } from '../../onnx/tensors.ts';
import { invalidModel, nodeLabel, notTrainable } from './refusal.ts';

/** Begins the names of all that is added to a model. */
export const namePrefix = 'modelyard.';

const opsets = { oldest: 13, newest: 26 } as const;

/** Operators that run other graphs, or hold what is no tensor. */
const unsupported = /^(If|Loop|Scan|Sequence.*|SplitToSequence|ConcatFromSequence|Optional.*)$/;

/** Throws where a model cannot be trained, whatever its operators do: TrainingFailure, or OnnxError. */
export function checkModel(model: OnnxModel): void {
  const { graph, functions } = model;
  checkOpset(opsetOf(model));
  const [own] = functions.map(({ name }) => JSON.stringify(name));
  if (own !== undefined) {
    throw notTrainable(`The model defines the operator ${own} itself; export it with functions inlined.`);
  }
  if (graph.sparseInitializer.length > 0) {
    throw notTrainable('The model has sparse weights; export it with dense ones.');
  }
  const external = graph.initializer.find(isExternal);
  if (external) {
    const name = JSON.stringify(external.name);
    throw notTrainable(`The weight ${name} lies in a file beside the model; save the model as one file.`);
  }
  if (graph.output.length !== 1) {
    throw notTrainable(
      `The model has ${graph.output.length} outputs; export it with one, that which is compared with the labels.`,
    );
  }
  checkNames([...graph.input, ...graph.initializer].map(({ name }) => name));
  checkNames(graph.node.flatMap(({ output }) => output));
  for (const node of graph.node) checkNode(node);
  checkOrder(graph);
}

function checkOpset(opset: number): void {
  const { oldest, newest } = opsets;
  if (opset >= oldest && opset <= newest) return;
  throw notTrainable(
    `The model is written for version ${opset} of ONNX's operators; export it for one between ${oldest} and ${newest}.`,
  );
}

function checkNames(names: readonly string[]): void {
  const reserved = names.find((name) => name.startsWith(namePrefix));
  if (reserved === undefined) return;
  throw notTrainable(
    `The name ${JSON.stringify(reserved)} begins with ${namePrefix}, which is kept for what training adds; rename it.`,
  );
}

function checkNode(node: NodeProto): void {
  if (!unsupported.test(node.opType)) return;
  throw notTrainable(
    `${nodeLabel(node)} cannot be trained through; export the model with the branch or loop unrolled to plain tensors.`,
  );
}

function checkOrder({ input, initializer, node: nodes }: GraphProto): void {
  const made = new Set(['', ...[...input, ...initializer].map(({ name }) => name)]);
  for (const node of nodes) {
    const early = node.input.find((name) => !made.has(name));
    if (early !== undefined) {
      throw invalidModel(
        `${nodeLabel(node)} takes ${JSON.stringify(early)}, which no input, weight or earlier node is; sort the nodes by what they take.`,
      );
    }
    for (const name of node.output) made.add(name);
  }
}
