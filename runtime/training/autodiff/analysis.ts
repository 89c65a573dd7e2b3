import { elementTypeName, elementTypes } from '../../onnx/element-types.ts';
import type { NodeProto, TensorProto } from '../../onnx/onnx.gen.ts';
import { tensorShape } from '../../onnx/tensors.ts';
import { namePatterns, uselessPattern } from './name-pattern.ts';
import type { Rule } from './operation.ts';
import { nodeLabel, notTrainable } from './refusal.ts';
import { ruleOf } from './rules/table.ts';
import type { SourceModel } from './source-model.ts';
import type { Values } from './values.ts';

/** What is trained, and which nodes its gradients pass. */
export interface TrainingPlan {
  /** Names of weights, in the order of the model's initializers. */
  trainable: string[];
  /** Names of running statistics, in the same order. */
  statistics: string[];
  /** Values that depend on what is trained and on which the loss depends: those that have gradients. */
  active: ReadonlySet<string>;
}

/** Weights of these types could be trained, but not by us. */
const otherFloats: ReadonlySet<number> = new Set([elementTypes.FLOAT16, elementTypes.BFLOAT16, elementTypes.DOUBLE]);

const isFloating = (type: number): boolean => type === elementTypes.FLOAT || otherFloats.has(type);

/**
 * Trained is every float32 initializer on which the loss depends smoothly, but for those that are frozen, scalars,
 * settings of an operator such as the bounds of a Clip, and running statistics. Throws TrainingFailure.
 *
 * @param nodes those that `result` depends on
 * @param result what the loss is taken of
 */
export function planTraining(
  source: SourceModel,
  nodes: readonly NodeProto[],
  result: string,
  values: Values,
  freeze: readonly string[],
): TrainingPlan {
  const { initializers } = source;
  const useless = uselessPattern(freeze, [...initializers.keys()]);
  if (useless !== undefined) {
    const some = [...initializers.keys()].slice(0, 5).map((name) => JSON.stringify(name));
    throw notTrainable(
      `freeze: ${JSON.stringify(useless)} names no weight of the model, which has ${some.join(', ')} …; correct it.`,
    );
  }
  const isFrozen = namePatterns(freeze);
  const statistics = runningStatistics(nodes, initializers, isFrozen);
  const candidates = [...initializers.values()].filter(
    (tensor) =>
      isFloating(tensor.dataType) && tensor.dims.length > 0 && !isFrozen(tensor.name) && !statistics.has(tensor.name),
  );
  const typeOf = (name: string): number => values.get(name)?.elementType ?? 0;
  const possible = activeValues(
    nodes,
    candidates.map(({ name }) => name),
    result,
    typeOf,
  );
  const trainable = candidates.filter(({ name }) => possible.has(name));
  for (const tensor of trainable) checkWeight(tensor);
  if (trainable.length === 0) throw nothingToTrain(freeze);

  const names = trainable.map(({ name }) => name);
  const active = activeValues(nodes, names, result, typeOf);
  const dependent = dependentValues(nodes, names, typeOf);
  for (const node of nodes) if (node.output.some((name) => active.has(name))) checkNode(node, dependent, typeOf);
  return { trainable: names, statistics: [...initializers.keys()].filter((name) => statistics.has(name)), active };
}

function nothingToTrain(freeze: readonly string[]): Error {
  const cure = freeze.length > 0 ? 'freeze fewer of them' : 'export the model with its weights as float32 initializers';
  return notTrainable(`The output of the model depends on no weight that may be trained; ${cure}.`);
}

/** What batch normalisations keep count of. A frozen statistic stays, and its node works on as it serves. */
function runningStatistics(
  nodes: readonly NodeProto[],
  initializers: ReadonlyMap<string, TensorProto>,
  isFrozen: (name: string) => boolean,
): Set<string> {
  const statistics = new Set<string>();
  for (const node of nodes.filter(({ opType }) => opType === 'BatchNormalization')) {
    const names = node.input.slice(3, 5);
    if (names.some((name) => isFrozen(name) || initializers.get(name)?.dataType !== elementTypes.FLOAT)) continue;
    const shared = names.find((name, index) => statistics.has(name) || names.indexOf(name) !== index);
    if (shared !== undefined) {
      throw notTrainable(
        `${nodeLabel(node)} shares the running statistic ${JSON.stringify(shared)}; give it one of its own, or freeze it.`,
      );
    }
    for (const name of names) statistics.add(name);
  }
  return statistics;
}

const isSetting = (rule: Rule | undefined, index: number): boolean => rule?.settings?.includes(index) ?? false;

/** Values that move when the given ones do. */
function dependentValues(
  nodes: readonly NodeProto[],
  from: readonly string[],
  typeOf: (name: string) => number,
): Set<string> {
  const dependent = new Set(from);
  for (const node of nodes) {
    const rule = ruleOf(node);
    if (rule && 'stops' in rule) continue;
    if (!node.input.some((name, index) => dependent.has(name) && !isSetting(rule, index))) continue;
    for (const name of node.output) if (isFloating(typeOf(name))) dependent.add(name);
  }
  return dependent;
}

/** Those of them on which the result depends. */
function activeValues(
  nodes: readonly NodeProto[],
  from: readonly string[],
  result: string,
  typeOf: (name: string) => number,
): Set<string> {
  const dependent = dependentValues(nodes, from, typeOf);
  const active = new Set(dependent.has(result) ? [result] : []);
  for (const node of [...nodes].reverse()) {
    if (!node.output.some((name) => active.has(name))) continue;
    const rule = ruleOf(node);
    for (const [index, name] of node.input.entries()) {
      if (dependent.has(name) && !isSetting(rule, index)) active.add(name);
    }
  }
  return active;
}

function checkWeight(tensor: TensorProto): void {
  if (tensor.dataType === elementTypes.FLOAT) return;
  const type = elementTypeName(tensor.dataType);
  throw notTrainable(
    `The weight ${JSON.stringify(tensor.name)} [${tensorShape(tensor).join()}] has the element type ${type}; convert the model to float32.`,
  );
}

function checkNode(node: NodeProto, dependent: ReadonlySet<string>, typeOf: (name: string) => number): void {
  const rule = ruleOf(node);
  if (!rule) {
    const cure =
      node.domain === 'com.microsoft'
        ? "train the model from before ONNX Runtime's optimizer wrote it"
        : 'export the model without it, or freeze the weights before it';
    throw notTrainable(`${nodeLabel(node)} has no gradient; ${cure}.`);
  }
  const setting = node.input.find((name, index) => dependent.has(name) && isSetting(rule, index));
  if (setting !== undefined) {
    throw notTrainable(
      `${nodeLabel(node)} takes ${JSON.stringify(setting)} as a setting, through which no gradient flows, but it depends on weights; export the model with a constant there, or freeze those weights.`,
    );
  }
  const other = node.output.find((name) => otherFloats.has(typeOf(name)));
  if (other !== undefined) {
    const type = elementTypeName(typeOf(other));
    throw notTrainable(
      `${nodeLabel(node)} gives ${JSON.stringify(other)} the element type ${type}; convert the model to float32.`,
    );
  }
}
