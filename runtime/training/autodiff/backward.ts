import type { GradientBuilder } from './gradient-builder.ts';
import type { Gradients, Operation, Rule } from './operation.ts';
import { ruleOf } from './rules/table.ts';

/**
 * Writes the gradients of everything that is active, from the end of the model to its beginning. Where a value is used
 * more than once its gradients are added in the order in which they were written, which is always the same.
 *
 * @param operations those of the training graph, in its order
 * @param result the value that `seed` is the gradient of
 * @returns the gradient of any active value that no operation makes
 */
export function writeGradients(
  graph: GradientBuilder,
  operations: readonly Operation[],
  result: string,
  seed: string,
): (name: string) => string | undefined {
  const parts = new Map<string, string[]>([[result, [seed]]]);
  const total = (name: string): string | undefined => {
    const terms = parts.get(name);
    return terms && graph.sum(terms);
  };
  for (const operation of [...operations].reverse()) {
    const { node } = operation;
    if (!operation.inputs.some((_, index) => operation.needs(index))) continue;
    const gradients = node.output.map(total);
    if (gradients.every((gradient) => gradient === undefined)) continue;
    for (const [index, part] of gradientsOf(operation, ruleOf(node), gradients).entries()) {
      if (part === undefined || !operation.needs(index)) continue;
      const name = operation.input(index);
      parts.set(name, [...(parts.get(name) ?? []), part]);
    }
  }
  return total;
}

function gradientsOf(operation: Operation, rule: Rule | undefined, gradients: Gradients): Gradients {
  if (!rule || 'stops' in rule) return [];
  if ('gradientsOfAll' in rule) return rule.gradientsOfAll(operation, gradients);
  const [first, ...others] = gradients;
  if (first === undefined || others.some((gradient) => gradient !== undefined)) {
    throw operation.refusal(
      'has an output beside its first on which the loss depends',
      'export the model without the use of that output',
    );
  }
  return rule.gradients(operation, first);
}
