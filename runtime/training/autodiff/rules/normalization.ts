import type { GradientBuilder } from '../gradient-builder.ts';
import type { Gradients, Operation, Rule } from '../operation.ts';

/** What normalising made of an input: its elements over their spread, and 1 / spread, which is broadcast to them. */
interface Normalized {
  values: string;
  inverse: string;
  /** Along which mean and spread were taken. */
  axes: readonly number[];
}

/** Of (x - mean) / sqrt(variance + epsilon); `gradient` is that of the normalised elements. */
function centredGradient(graph: GradientBuilder, gradient: string, { values, inverse, axes }: Normalized): string {
  const mean = (value: string): string => graph.reduce('ReduceMean', value, axes, true);
  const pull = graph.plus(mean(gradient), graph.times(values, mean(graph.times(gradient, values))));
  return graph.times(inverse, graph.minus(gradient, pull));
}

/** Of x / spread, without a mean that is taken away first. */
function scaledGradient(graph: GradientBuilder, gradient: string, { values, inverse, axes }: Normalized): string {
  const mean = graph.reduce('ReduceMean', graph.times(gradient, values), axes, true);
  return graph.times(inverse, graph.minus(gradient, graph.times(values, mean)));
}

const inverseRoot = (graph: GradientBuilder, value: string): string =>
  graph.apply('Reciprocal', [graph.apply('Sqrt', [value])]);

function normalize(graph: GradientBuilder, x: string, axes: readonly number[], epsilon: number): Normalized {
  const centred = graph.minus(x, graph.reduce('ReduceMean', x, axes, true));
  const variance = graph.reduce('ReduceMean', graph.square(centred), axes, true);
  const inverse = inverseRoot(graph, epsilon === 0 ? variance : graph.plus(variance, epsilon));
  return { values: graph.times(centred, inverse), inverse, axes };
}

const axesFrom = (first: number, rank: number): number[] =>
  Array.from({ length: rank - first }, (_, index) => first + index);

/** The axes but that of the channels. */
const channelAxes = (rank: number): number[] => [0, ...axesFrom(2, rank)];

/** [channels] as [1, channels, 1, ...]. */
const overChannels = (graph: GradientBuilder, vector: string, rank: number): string =>
  rank === 2 ? vector : graph.reshape(vector, [1, -1, ...axesFrom(2, rank).map(() => 1)]);

const epsilonOf = (operation: Operation): number => operation.float('epsilon', 1e-5);

function layerGradients(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const [x, scale] = [operation.input(0), operation.input(1)];
  const [mean, inverse] = [operation.output(1), operation.output(2)];
  const axes = axesFrom(operation.axis('axis', -1), operation.rank(0));
  const values = graph.times(graph.minus(x, mean), inverse);
  const undo = (value: string, index: number): string => graph.unbroadcast(value, x, operation.input(index));
  return [
    operation.needs(0) ? centredGradient(graph, graph.times(gradient, scale), { values, inverse, axes }) : undefined,
    operation.needs(1) ? undo(graph.times(gradient, values), 1) : undefined,
    operation.needs(2) ? undo(gradient, 2) : undefined,
  ];
}

function rootMeanSquareGradients(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const [x, scale] = [operation.input(0), operation.input(1)];
  const axes = axesFrom(operation.axis('axis', -1), operation.rank(0));
  const meanSquare = graph.reduce('ReduceMean', graph.square(x), axes, true);
  const inverse = inverseRoot(graph, graph.plus(meanSquare, epsilonOf(operation)));
  const values = graph.times(x, inverse);
  return [
    operation.needs(0) ? scaledGradient(graph, graph.times(gradient, scale), { values, inverse, axes }) : undefined,
    operation.needs(1) ? graph.unbroadcast(graph.times(gradient, values), x, scale) : undefined,
  ];
}

/**
 * Each group of channels of a row is normalised by itself: an instance normalisation has groups of one channel.
 *
 * @param perGroup whether scale and bias have one element for each group, not for each channel
 */
function groupGradients(operation: Operation, gradient: string, groups: number, perGroup: boolean): Gradients {
  const { graph } = operation;
  const [x, scale] = [operation.input(0), operation.input(1)];
  const rank = operation.rank(0);
  const grouped = (value: string): string => graph.reshape(value, [0, groups, -1]);
  const normalized = normalize(graph, grouped(x), [2], epsilonOf(operation));
  /** Of a value that is grouped: its sum for each element of scale and bias. */
  const sum = (value: string): string =>
    perGroup
      ? graph.reduce('ReduceSum', value, [0, 2], false)
      : graph.reduce('ReduceSum', graph.reshapeLike(value, x), channelAxes(rank), false);
  const scaled = (): string =>
    perGroup
      ? graph.times(grouped(gradient), graph.reshape(scale, [1, groups, 1]))
      : grouped(graph.times(gradient, overChannels(graph, scale, rank)));
  return [
    operation.needs(0) ? graph.reshapeLike(centredGradient(graph, scaled(), normalized), x) : undefined,
    operation.needs(1) ? sum(graph.times(grouped(gradient), normalized.values)) : undefined,
    operation.needs(2) ? sum(grouped(gradient)) : undefined,
  ];
}

function lpGradients(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const [x, y] = [operation.input(0), operation.output(0)];
  const axes = [operation.axis('axis', -1)];
  const isFirst = operation.int('p', 2) === 1;
  const norm = graph.reduce(isFirst ? 'ReduceL1' : 'ReduceL2', x, axes, true);
  const along = graph.reduce('ReduceSum', graph.times(gradient, y), axes, true);
  const direction = isFirst ? graph.apply('Sign', [x]) : y;
  return [graph.over(graph.minus(gradient, graph.times(direction, along)), norm)];
}

function meanVarianceGradients(operation: Operation, gradient: string): Gradients {
  const { graph } = operation;
  const axes = operation.ints('axes') ?? [0, 2, 3];
  return [centredGradient(graph, gradient, normalize(graph, operation.input(0), axes, 0))];
}

export const normalizationRules: Readonly<Record<string, Rule>> = {
  // Mean and spread are asked for in the training graph.
  LayerNormalization: { trainingForm: (operation) => operation.keep(3), gradients: layerGradients },
  RMSNormalization: { gradients: rootMeanSquareGradients },
  InstanceNormalization: {
    gradients: (operation, gradient) => groupGradients(operation, gradient, operation.size(0, 1), false),
  },
  GroupNormalization: {
    gradients: (operation, gradient) => {
      const groups = operation.int('num_groups', 1);
      const perGroup = operation.size(1, 0) === groups && groups !== operation.size(0, 1);
      return groupGradients(operation, gradient, groups, perGroup);
    },
  },
  LpNormalization: { gradients: lpGradients },
  MeanVarianceNormalization: { gradients: meanVarianceGradients },
};
