import type { Rule } from '../operation.ts';

/** 0 where an element is dropped, and elsewhere what keeps the mean as it was. */
export const dropoutRule: Rule = {
  settings: [1, 2],
  trainingForm: (operation) => {
    const { graph } = operation;
    const [x, y] = [operation.input(0), operation.output(0)];
    const ratio = operation.constant(1)?.[0] ?? 0.5;
    if ((operation.node.output[1] ?? '') !== '') {
      throw operation.refusal('hands its mask to other nodes', 'export the model without that output');
    }
    if (ratio === 0) return [graph.add('Identity', [x], {}, { outputs: [y] })];
    const [rows, ...shape] = operation.shape(0);
    if (rows !== 'rows' || !shape.every((size) => typeof size === 'number')) {
      throw operation.refusal(
        'drops elements of a tensor whose first dimension is not the rows, or with another open dimension',
        'move it, or export the model with fixed dimensions after the rows',
      );
    }
    const random = graph.newRandom([-1, ...shape]);
    const isKept = graph.apply('GreaterOrEqual', [random, ratio]);
    const mask = graph.where(isKept, 1 / (1 - ratio), 0);
    return [graph.add('Mul', [x, mask], {}, { outputs: [y] }), mask];
  },
  gradients: (operation, gradient) => {
    const { graph, outputs } = operation;
    return [outputs.length === 1 ? gradient : graph.times(gradient, operation.output(1))];
  },
};
