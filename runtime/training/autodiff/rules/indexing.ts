import type { GradientBuilder } from '../gradient-builder.ts';
import type { Gradients, Operation, Rule } from '../operation.ts';

/** Adds up what is scattered to the same place, one after the other in the order of the updates. */
const adding = { reduction: { text: 'add' } } as const;

/**
 * One element along an axis is a padding; any other choice is scattered back over zeros. Determinism rests on
 * runs with one thread: with more, ONNX Runtime's ScatterND races where indices repeat.
 */
function gathered(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const axis = operation.axis('axis', 0);
  const size = operation.shape(0)[axis];
  const index = graph.constant(operation.input(1));
  if (operation.rank(1) === 0 && index?.[0] !== undefined && typeof size === 'number') {
    const place = index[0] < 0 ? index[0] + size : index[0];
    const row = graph.add('Unsqueeze', [gradient, graph.ints([axis])]);
    return [graph.add('Pad', [row, graph.ints([place, size - 1 - place]), '', graph.ints([axis])])];
  }
  const [rank, indexRank] = [operation.rank(0), operation.rank(1)];
  // The axis comes first, in the table as in the updates.
  const tablePerm = [axis, ...range(0, axis), ...range(axis + 1, rank)];
  const updatePerm = [
    ...range(axis, axis + indexRank),
    ...range(0, axis),
    ...range(axis + indexRank, rank - 1 + indexRank),
  ];
  const table = graph.transpose(graph.zerosLike(operation.input(0)), tablePerm);
  const indices = graph.add('Unsqueeze', [operation.input(1), graph.ints([-1])]);
  const updates = graph.transpose(gradient, updatePerm);
  const scattered = graph.add('ScatterND', [table, asInt64(graph, indices), updates], adding);
  return [
    graph.transpose(
      scattered,
      tablePerm.map((_, place) => tablePerm.indexOf(place)),
    ),
  ];
}

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

/** ScatterND takes no other type. */
const asInt64 = (graph: GradientBuilder, indices: string): string => graph.add('Cast', [indices], { to: { int: 7 } });

function gatheredElements(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const axis = { int: operation.axis('axis', 0) };
  const zeros = graph.zerosLike(operation.input(0));
  return [graph.add('ScatterElements', [zeros, operation.input(1), gradient], { axis, ...adding })];
}

function gatheredSlices(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  if (operation.int('batch_dims', 0) !== 0) {
    throw operation.refusal('has batch_dims', 'export the model with indices that name every dimension');
  }
  return [graph.add('ScatterND', [graph.zerosLike(operation.input(0)), operation.input(1), gradient], adding)];
}

/** @param gather takes from the gradient what an update went to */
function scattered(
  operation: Operation,
  gradient: string,
  gather: () => string,
  erase: (zeros: string) => string,
): Gradients {
  const { graph } = operation;
  const reduction = operation.text('reduction', 'none');
  if (reduction !== 'none' && reduction !== 'add') {
    throw operation.refusal(`has the reduction ${reduction}`, 'use one that adds, or none');
  }
  const ofData = (): string => (reduction === 'add' ? gradient : erase(graph.zerosLike(operation.input(2))));
  return [operation.needs(0) ? ofData() : undefined, undefined, operation.needs(2) ? gather() : undefined];
}

export const indexingRules: Readonly<Record<string, Rule>> = {
  Gather: { gradients: gathered },
  GatherElements: { gradients: gatheredElements },
  GatherND: { gradients: gatheredSlices },
  ScatterElements: {
    gradients: (operation, gradient) => {
      const { graph } = operation;
      const axis = { int: operation.axis('axis', 0) };
      const indices = operation.input(1);
      return scattered(
        operation,
        gradient,
        () => graph.add('GatherElements', [gradient, indices], { axis }),
        (zeros) => graph.add('ScatterElements', [gradient, indices, zeros], { axis }),
      );
    },
  },
  ScatterND: {
    gradients: (operation, gradient) => {
      const { graph } = operation;
      const indices = operation.input(1);
      return scattered(
        operation,
        gradient,
        () => graph.add('GatherND', [gradient, indices]),
        (zeros) => graph.add('ScatterND', [gradient, indices, zeros]),
      );
    },
  },
  Trilu: {
    gradients: (operation, gradient) => {
      const inputs = operation.has(1) ? [gradient, operation.input(1)] : [gradient];
      return [operation.graph.add('Trilu', inputs, { upper: { int: operation.int('upper', 1) } })];
    },
  },
  // The indices are asked for in the training graph where the model does without them.
  TopK: {
    settings: [1],
    trainingForm: (operation) => operation.keep(2),
    gradients: (operation, gradient) => {
      const { graph } = operation;
      const axis = { int: operation.axis('axis', -1) };
      const zeros = graph.zerosLike(operation.input(0));
      return [graph.add('ScatterElements', [zeros, operation.output(1), gradient], { axis })];
    },
  },
};
