import { describe, expect, test } from '@jest/globals';
import { graphNames } from '../../../../runtime/training/training-graph.ts';
import { type Batch, GraphSession } from './graph-session.ts';
import { smallModel } from './small-model.ts';

const channels = 2;
const data = Float32Array.of(1, 4, -2, 0, 3, 5, 0, -1, 2, 2, 6, 1);
const rows = data.length / channels;
const [momentum, epsilon] = [0.7, 0.01];
const start = { mean: [0.5, -1], variance: [2, 0.5] };
const scale = [1.5, 0.5];

/** y = normalised x, [rows, 2] */
const normalizing = (isExportedForTraining = false): Uint8Array =>
  smallModel({ input: ['n', channels], output: ['n', channels] }, (model) => {
    const weights = [model.weight('scale', [channels], scale), model.weight('bias', [channels], [0, 0.25])];
    const running = [
      model.weight('mean', [channels], start.mean),
      model.weight('variance', [channels], start.variance),
    ];
    const attributes = { momentum: { float: momentum }, epsilon: { float: epsilon } };
    if (!isExportedForTraining)
      return model.node('norm', 'BatchNormalization', ['x', ...weights, ...running], attributes);
    const outputs = ['norm', 'newMean', 'newVariance'];
    const training = { ...attributes, training_mode: { int: 1 } };
    model.builder.addMany('BatchNormalization', ['x', ...weights, ...running], outputs, training);
    return 'norm';
  });

const options = (...freeze: string[]) =>
  ({ loss: 'MeanSquaredError', freeze, label: { kind: 'Values', width: channels } }) as const;

const batchOf = (from: number, to: number, rowWeight = 1 / (to - from)): Batch => ({
  inputs: [{ name: 'x', shape: [to - from, channels], data: data.slice(from * channels, to * channels) }],
  labels: new Float32Array((to - from) * channels),
  rowWeight,
});

/** Mean and population variance of each channel over some rows. */
function moments(from: number, to: number): { mean: number[]; variance: number[] } {
  const columns = [0, 1].map((channel) => [...data].filter((_, index) => index % channels === channel).slice(from, to));
  const mean = columns.map((column) => column.reduce((sum, value) => sum + value, 0) / column.length);
  const variance = columns.map(
    (column, channel) => column.reduce((sum, value) => sum + (value - (mean[channel] ?? 0)) ** 2, 0) / column.length,
  );
  return { mean, variance };
}

const renewed = (old: readonly number[], ofBatch: readonly number[]): number[] =>
  old.map((value, channel) => value * momentum + (ofBatch[channel] ?? NaN) * (1 - momentum));

function expectClose(actual: Float32Array | undefined, expected: readonly number[]): void {
  expect(actual?.length).toBe(expected.length);
  for (const [index, value] of expected.entries()) expect(actual?.[index]).toBeCloseTo(value, 5);
}

describe('running statistics of a batch normalisation', () => {
  test.each([
    ['serving', false],
    ['training', true],
  ])('are renewed as the standard says, in a model exported for %s', async (_, isForTraining) => {
    const session = await GraphSession.open(normalizing(isForTraining), options());
    const kinds = session.graph.layout.entries.map(({ name, kind }) => [name, kind]);
    expect(kinds).toEqual([
      ['scale', 'Trainable'],
      ['bias', 'Trainable'],
      ['mean', 'Statistic'],
      ['variance', 'Statistic'],
    ]);
    const outputs = await session.step(batchOf(0, rows));
    const { mean, variance } = moments(0, rows);
    expectClose(outputs.get('mean'), renewed(start.mean, mean));
    expectClose(outputs.get('variance'), renewed(start.variance, variance));
    await session.close();
  });

  test('of shards are weighted by their rows', async () => {
    const session = await GraphSession.open(normalizing(), options());
    const shards = [
      { from: 0, to: 4 },
      { from: 4, to: rows },
    ];
    const sums = { mean: [0, 0], variance: [0, 0] };
    const expected = { mean: [0, 0], variance: [0, 0] };
    for (const { from, to } of shards) {
      const outputs = await session.step(batchOf(from, to, 1 / rows));
      const own = moments(from, to);
      for (const name of ['mean', 'variance'] as const) {
        const share = renewed(start[name], own[name]).map((value) => (value * (to - from)) / rows);
        expected[name] = expected[name].map((value, channel) => value + (share[channel] ?? NaN));
        sums[name] = sums[name].map((value, channel) => value + (outputs.get(name)?.[channel] ?? NaN));
      }
    }
    expectClose(Float32Array.from(sums.mean), expected.mean);
    expectClose(Float32Array.from(sums.variance), expected.variance);
    await session.close();
  });

  test.each([false, true])('are what evaluation normalises with (exported for training: %s)', async (isForTraining) => {
    const session = await GraphSession.open(normalizing(isForTraining), options());
    const { predictions } = await session.evaluate(batchOf(0, 1));
    const expected = start.mean.map((mean, channel) => {
      const spread = Math.sqrt((start.variance[channel] ?? NaN) + epsilon);
      return (((data[channel] ?? NaN) - mean) / spread) * (scale[channel] ?? NaN) + (channel === 0 ? 0 : 0.25);
    });
    expectClose(predictions, expected);
    await session.close();
  });

  test('that are frozen stay, and the normalisation works in training as it serves', async () => {
    const session = await GraphSession.open(normalizing(), options('mean', 'vari*'));
    expect(session.graph.layout.entries.map(({ name }) => name)).toEqual(['scale', 'bias']);
    const batch = batchOf(0, rows);
    const outputs = await session.step(batch);
    const { predictions, losses } = await session.evaluate(batch);
    expect(outputs.get(graphNames.loss)?.[0]).toBeCloseTo(losses.reduce((sum, loss) => sum + loss, 0) / rows, 5);
    const slopes = [0, 1].map((channel) =>
      [...predictions].reduce((sum, value, index) => sum + (index % channels === channel ? value / rows : 0), 0),
    );
    expectClose(outputs.get('bias'), slopes);
    await session.close();
  });

  test('follow also where the weights of the normalisation are frozen', async () => {
    const model = smallModel({ input: ['n', channels], output: ['n', channels] }, (writer) => {
      const linear = writer.node('linear', 'MatMul', ['x', writer.weight('w', [channels, channels])]);
      const [scales, biases] = [writer.weight('scale', [channels], scale), writer.weight('bias', [channels], [0, 0])];
      const running = [writer.weight('mean', [channels], [0, 0]), writer.weight('variance', [channels], [1, 1])];
      return writer.node('norm', 'BatchNormalization', [linear, scales, biases, ...running]);
    });
    const session = await GraphSession.open(model, options('scale', 'bias'));
    expect(session.graph.layout.entries.map(({ name }) => name)).toEqual(['w', 'mean', 'variance']);
    const outputs = await session.step(batchOf(0, rows));
    expect(outputs.get('mean')?.every((value) => value !== 0)).toBe(true);
    await session.close();
  });
});
