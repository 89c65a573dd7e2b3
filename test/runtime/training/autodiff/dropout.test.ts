import { describe, expect, test } from '@jest/globals';
import * as ort from 'onnxruntime-node';
import { buildTrainingGraph } from '../../../../runtime/training/autodiff/build-training-graph.ts';
import { graphNames } from '../../../../runtime/training/training-graph.ts';
import { GraphSession } from './graph-session.ts';
import { smallModel } from './small-model.ts';

const width = 3;
const options = { loss: 'MeanSquaredError', freeze: [], label: { kind: 'Values', width } } as const;

/** y = dropout(x + w) */
const dropping = (ratio?: number): Uint8Array =>
  smallModel({ input: ['n', width], output: ['n', width] }, (model) => {
    const sum = model.node('sum', 'Add', ['x', model.weight('w', [width], [1, 2, 3])]);
    return model.node('drop', 'Dropout', ratio === undefined ? [sum] : [sum, model.builder.scalar(ratio)]);
  });

describe('a dropout', () => {
  test.each([
    [0.25, 0.25],
    [undefined, 0.5],
  ])(
    'of ratio %s keeps an element where its random number is not below %s, scaled up to keep the mean',
    async (given, ratio) => {
      const graph = await buildTrainingGraph(dropping(given), options);
      expect(graph.randoms).toEqual([{ name: graphNames.random(0), shape: [-1, width] }]);
      const session = await ort.InferenceSession.create(graph.training);
      const tensor = (values: number[], shape: number[]): ort.Tensor =>
        new ort.Tensor('float32', Float32Array.from(values), shape);
      const below = ratio - 0.01;
      const random = [below, ratio, 0.9, 0.9, 0, below];
      const outputs = await session.run({
        x: tensor([0, 0, 0, 1, 1, 1], [2, width]),
        w: tensor([1, 2, 3], [width]),
        [graphNames.labels]: tensor([0, 0, 0, 0, 0, 0], [2, width]),
        [graphNames.rowWeight]: tensor([0.5], []),
        [graphNames.random(0)]: tensor(random, [2, width]),
      });
      const dropped = [0, 2, 3, 2, 0, 0].map((value) => value / (1 - ratio));
      const loss = dropped.reduce((sum, value) => sum + value * value, 0) / (2 * width);
      expect(outputs[graphNames.loss]?.data[0]).toBeCloseTo(loss, 5);
      const slopes = [0, 1, 2].map((column) => {
        const own = [dropped[column] ?? NaN, dropped[column + width] ?? NaN];
        return own.reduce((sum, value) => sum + (2 * value) / (1 - ratio) / (2 * width), 0);
      });
      const gradient = outputs[graphNames.contribution('w')]?.data as Float32Array;
      for (const [column, slope] of slopes.entries()) expect(gradient[column]).toBeCloseTo(slope, 5);
      await session.release();
    },
  );

  test('is not there in evaluation', async () => {
    const session = await GraphSession.open(dropping(0.25), options);
    const inputs = [{ name: 'x', shape: [1, width], data: Float32Array.of(1, 1, 1) }];
    const { predictions } = await session.evaluate({ inputs, labels: new Float32Array(width) });
    expect([...predictions]).toEqual([2, 3, 4]);
    await session.close();
  });

  test('is not there in evaluation of a model that was exported for training', async () => {
    const model = smallModel({ input: ['n', width], output: ['n', width] }, (writer) => {
      const sum = writer.node('sum', 'Add', ['x', writer.weight('w', [width], [1, 2, 3])]);
      const isTraining = writer.node('isTraining', 'Cast', [writer.builder.ints(1)], { to: { int: 9 } });
      // Nobody reads the mask.
      const [drop = ''] = writer.builder.addMany(
        'Dropout',
        [sum, writer.builder.scalar(0.9), isTraining],
        ['drop', 'mask'],
      );
      return drop;
    });
    const session = await GraphSession.open(model, options);
    const inputs = [{ name: 'x', shape: [1, width], data: Float32Array.of(1, 1, 1) }];
    const { predictions } = await session.evaluate({ inputs, labels: new Float32Array(width) });
    expect([...predictions]).toEqual([2, 3, 4]);
    await session.close();
  });

  test('each has random numbers of its own', async () => {
    const model = smallModel({ input: ['n', 4, 2], output: ['n', 4, 2] }, (writer) => {
      const sum = writer.node('sum', 'Add', ['x', writer.weight('w', [4, 2])]);
      return writer.node('second', 'Dropout', [writer.node('first', 'Dropout', [sum])]);
    });
    const { randoms } = await buildTrainingGraph(model, { ...options, label: { kind: 'Values', width: 8 } });
    expect(randoms).toEqual([0, 1].map((index) => ({ name: graphNames.random(index), shape: [-1, 4, 2] })));
  });
});
