import type { GradientBuilder } from '../gradient-builder.ts';
import type { Gradients, Operation, Rule } from '../operation.ts';

const epsilonOf = (operation: Operation): number => operation.float('epsilon', 1e-5);

/** Whether it takes mean and variance from the batch, and renews the running ones. With frozen running ones it works as it serves. */
export const normalizesBatch = (operation: Operation): boolean => operation.isStatistic(3) && operation.isStatistic(4);

/**
 * Mean and variance of the batch are the second and third output: with a momentum of 0 nothing of the running ones is left in
 * them. ONNX Runtime writes them over the inputs 3 and 4, be these a caller's memory or not, so it gets others.
 */
function trainingForm(operation: Operation): readonly string[] {
  const { graph, inputs } = operation;
  const y = operation.output(0);
  const epsilon = { epsilon: { float: epsilonOf(operation) } };
  if (!normalizesBatch(operation)) return graph.addMany('BatchNormalization', inputs, [y], epsilon);
  const overwritten = inputs.slice(3).map((name) => graph.apply('Neg', [name]));
  const outputs = [y, graph.newName('batchMean'), graph.newName('batchVariance')];
  const training = { ...epsilon, training_mode: { int: 1 }, momentum: { float: 0 } };
  return graph.addMany('BatchNormalization', [...inputs.slice(0, 3), ...overwritten], outputs, training);
}

/** The running mean and variance after this batch, in the order of the inputs 3 and 4. */
export function renewedStatistics(operation: Operation): [string, string] {
  const { graph } = operation;
  const momentum = operation.float('momentum', 0.9);
  const renewed = (running: string, ofBatch: string): string =>
    graph.plus(graph.times(running, momentum), graph.times(ofBatch, 1 - momentum));
  return [renewed(operation.input(3), operation.output(1)), renewed(operation.input(4), operation.output(2))];
}

function gradients(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const [x, scale] = [operation.input(0), operation.input(1)];
  const [rank, channels] = [operation.rank(0), operation.size(0, 1)];
  const isTraining = normalizesBatch(operation);
  const [mean, variance] = isTraining
    ? [operation.output(1), operation.output(2)]
    : [operation.input(3), operation.input(4)];
  /** A line over the normalised input, another one for each channel, in one pass. */
  const line = (factor: string, offset: string): string =>
    graph.add('BatchNormalization', [x, factor, offset, mean, variance], { epsilon: { float: epsilonOf(operation) } });
  const sum = (value: string): string => graph.reduce('ReduceSum', value, [0, ...spatialAxes(rank)], false);

  const isWhole = isTraining && operation.needs(0);
  const ofBias = isWhole || operation.needs(2) ? sum(gradient) : undefined;
  const ofScale =
    isWhole || operation.needs(1)
      ? sum(graph.times(gradient, line(filled(graph, channels, 1), filled(graph, channels, 0))))
      : undefined;
  const ofInput = (): string => {
    const root = graph.apply('Sqrt', [graph.plus(variance, epsilonOf(operation))]);
    const slope = graph.over(scale, root);
    const direct = graph.times(gradient, overChannels(graph, slope, rank));
    if (ofScale === undefined || ofBias === undefined || !isTraining) return direct;
    // What flows through mean and variance of the batch.
    const count = graph.toFloat(graph.over(graph.add('Size', [x]), graph.ints(channels)));
    const share = graph.apply('Neg', [graph.over(slope, count)]);
    return graph.plus(direct, line(graph.times(share, ofScale), graph.times(share, ofBias)));
  };
  return [
    operation.needs(0) ? ofInput() : undefined,
    operation.needs(1) ? ofScale : undefined,
    operation.needs(2) ? ofBias : undefined,
  ];
}

const spatialAxes = (rank: number): number[] => Array.from({ length: rank - 2 }, (_, axis) => axis + 2);

const filled = (graph: GradientBuilder, length: number, value: number): string =>
  graph.floats([length], new Float32Array(length).fill(value));

const overChannels = (graph: GradientBuilder, vector: string, rank: number): string =>
  graph.reshape(vector, [1, -1, ...spatialAxes(rank).map(() => 1)]);

export const batchNormalizationRule: Rule = { trainingForm, gradients };
