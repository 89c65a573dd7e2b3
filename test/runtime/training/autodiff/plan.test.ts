import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { tensorInfo } from '../../../../runtime/onnx/model.ts';
import { buildTrainingGraph } from '../../../../runtime/training/autodiff/build-training-graph.ts';
import { differentiableOperators } from '../../../../runtime/training/autodiff/rules/table.ts';
import { graphNames } from '../../../../runtime/training/training-graph.ts';
import { gradientCases } from './cases/all.ts';
import { type Batch, GraphSession } from './graph-session.ts';
import { type ModelWriter, smallModel } from './small-model.ts';

const [rows, width] = [2, 3];
const options = (freeze: string[] = []) =>
  ({ loss: 'MeanSquaredError', freeze, label: { kind: 'Values', width } }) as const;

const model = (body: (writer: ModelWriter) => string): Uint8Array =>
  smallModel({ input: ['n', width], output: ['n', width] }, body);

const batch: Batch = {
  inputs: [{ name: 'x', shape: [rows, width], data: Float32Array.of(1, -0.5, 0.25, 2, 0.5, -1) }],
  labels: new Float32Array(rows * width),
};

const twoLayers = model((writer) => {
  const hidden = writer.node('hidden', 'MatMul', ['x', writer.weight('encoder.w', [width, width])]);
  const biased = writer.node('biased', 'Add', [hidden, writer.weight('encoder.b', [width])]);
  return writer.node('last', 'MatMul', [biased, writer.weight('head.w', [width, width])]);
});

const trainedNames = async (bytes: Uint8Array, freeze: string[] = []): Promise<string[]> => {
  const { layout } = await buildTrainingGraph(bytes, options(freeze));
  return layout.entries.map(({ name }) => name);
};

describe('what is trained', () => {
  test('is every float32 weight, in the order of the initializers', async () => {
    const { layout, inputs } = await buildTrainingGraph(twoLayers, options());
    expect(layout.entries).toEqual([
      { name: 'encoder.w', shape: [width, width], offset: 0, length: 9, kind: 'Trainable' },
      { name: 'encoder.b', shape: [width], offset: 9, length: 3, kind: 'Trainable' },
      { name: 'head.w', shape: [width, width], offset: 12, length: 9, kind: 'Trainable' },
    ]);
    expect(inputs).toEqual([{ name: 'x', dataType: 'FP32', shape: [-1, width] }]);
  });

  test.each([
    [['encoder.*'], ['head.w']],
    [['encoder.w'], ['encoder.b', 'head.w']],
    [['*.w'], ['encoder.b']],
    [['*b', 'head.*'], ['encoder.w']],
    [['e*.w'], ['encoder.b', 'head.w']],
  ])('is not what %j freezes', async (freeze, expected) => {
    expect(await trainedNames(twoLayers, freeze)).toEqual(expected);
  });

  test('is no weight that the output does not depend on', async () => {
    const bytes = model((writer) => {
      writer.node('unused', 'MatMul', ['x', writer.weight('stray', [width, width])]);
      return writer.node('sum', 'Add', ['x', writer.weight('w', [width])]);
    });
    expect(await trainedNames(bytes)).toEqual(['w']);
  });

  test('is no scalar, no setting of an operator, and nothing behind a step', async () => {
    const bytes = model((writer) => {
      const scaled = writer.node('scaled', 'Mul', ['x', writer.weight('scalar', [], [2])]);
      const sum = writer.node('sum', 'Add', [scaled, writer.weight('w', [width])]);
      const clipped = writer.node('clipped', 'Clip', [
        sum,
        writer.weight('low', [], [-5]),
        writer.weight('high', [], [5]),
      ]);
      const steps = ['Floor', 'Ceil', 'Round', 'Sign', 'Hardmax'].map((operator) => {
        const shifted = writer.node(`shifted${operator}`, 'Add', ['x', writer.weight(`of${operator}`, [width])]);
        return writer.node(operator, operator, [shifted]);
      });
      return writer.node('all', 'Sum', [clipped, ...steps]);
    });
    expect(await trainedNames(bytes)).toEqual(['w']);
  });

  test('is each of the equal weights that an exporter handed on by Identity nodes', async () => {
    const bytes = model((writer) => {
      const first = writer.weight('first', [width]);
      const alias = writer.node('second', 'Identity', [first]);
      return writer.node('scaled', 'Mul', [writer.node('sum', 'Add', ['x', first]), alias]);
    });
    const session = await GraphSession.open(bytes, options());
    expect([...session.parameters.keys()].sort()).toEqual(['first', 'second']);
    const outputs = await session.step(batch);
    expect(outputs.get('first')).not.toEqual(outputs.get('second'));
    await session.close();
  });

  test('is each of the fresh scales and biases that an exporter gave one name, but no weight that is shared on purpose', async () => {
    const bytes = model((writer) => {
      const [zeros, ones] = [writer.weight('zeros', [width], [0, 0, 0]), writer.weight('ones', [width], [1, 1, 1])];
      const [table, slope] = [writer.weight('table', [width, width]), writer.weight('slope', [1], [0.25])];
      const first = writer.node('first', 'BatchNormalization', ['x', ones, zeros, zeros, ones]);
      const turned = writer.node('turned', 'PRelu', [writer.node('there', 'MatMul', [first, table]), slope]);
      const back = writer.node('back', 'PRelu', [writer.node('again', 'MatMul', [turned, table]), slope]);
      return writer.node('second', 'LayerNormalization', [back, ones, zeros]);
    });
    const { layout } = await buildTrainingGraph(bytes, options());
    const names = (kind: string): string[] =>
      layout.entries.filter((entry) => entry.kind === kind).map(({ name }) => name);
    expect(names('Trainable')).toEqual(['zeros', 'ones', 'table', 'slope', 'ones.3', 'zeros.3']);
    expect(names('Statistic')).toEqual(['ones.2', 'zeros.2']);
  });
});

describe('a model of several inputs', () => {
  test('is fed by their names, whatever their types', async () => {
    const inputs = [tensorInfo('ids', 'INT64', ['n', 2]), tensorInfo('x', 'FLOAT', ['n', width])];
    const bytes = smallModel({ input: [], output: ['n', width], inputs }, (writer) => {
      const rowsOfTable = writer.node('rows', 'Gather', [writer.weight('table', [5, width]), 'ids']);
      const mean = writer.node('mean', 'ReduceMean', [rowsOfTable], { axes: { ints: [1] }, keepdims: { int: 0 } });
      return writer.node('sum', 'Add', [mean, 'x']);
    });
    const session = await GraphSession.open(bytes, options());
    expect(session.graph.inputs.map(({ name, dataType, shape }) => [name, dataType, shape])).toEqual([
      ['ids', 'INT64', [-1, 2]],
      ['x', 'FP32', [-1, width]],
    ]);
    const ids = { name: 'ids', shape: [rows, 2], data: BigInt64Array.of(1n, 1n, 3n, 0n) };
    const outputs = await session.step({ ...batch, inputs: [...batch.inputs, ids] });
    const used = Array.from({ length: 5 }, (_, row) =>
      outputs
        .get('table')
        ?.slice(row * width, row * width + width)
        .some((value) => value !== 0),
    );
    expect(used).toEqual([true, true, false, true, false]);
    await session.close();
  });

  test('takes the shape of a row from the data where it leaves it open', async () => {
    const bytes = smallModel({ input: ['n', 'features'], output: ['n', width] }, (writer) =>
      writer.node('product', 'MatMul', ['x', writer.weight('w', [width, width])]),
    );
    const { inputs } = await buildTrainingGraph(bytes, { ...options(), rowShape: [width] });
    expect(inputs).toEqual([{ name: 'x', dataType: 'FP32', shape: [-1, width] }]);
  });

  test('may have been exported for one row at a time', async () => {
    const bytes = smallModel({ input: [1, width], output: [1, width] }, (writer) =>
      writer.node('product', 'MatMul', ['x', writer.weight('w', [width, width])]),
    );
    const session = await GraphSession.open(bytes, options());
    expect((await session.evaluate(batch)).losses.length).toBe(rows);
    await session.close();
  });
});

describe('the graphs', () => {
  test('are the same bytes every time, and give the same bytes every time', async () => {
    const [one, other] = [await GraphSession.open(twoLayers, options()), await GraphSession.open(twoLayers, options())];
    expect(Buffer.compare(one.graph.training, other.graph.training)).toBe(0);
    expect(Buffer.compare(one.graph.evaluation, other.graph.evaluation)).toBe(0);
    expect(await one.step(batch)).toEqual(await other.step(batch));
    await one.close();
    await other.close();
  });

  test('hold frozen weights, and take all others', async () => {
    const session = await GraphSession.open(twoLayers, options(['encoder.*']));
    const loss = async (): Promise<number | undefined> => (await session.step(batch)).get(graphNames.loss)?.[0];
    const before = await loss();
    session.parameters.set(
      'head.w',
      session.values('head.w').map((value) => value * 2),
    );
    expect(await loss()).toBeCloseTo((before ?? NaN) * 4, 4);
    await session.close();
  });
});

test('every operator that has a gradient is checked against finite differences', () => {
  const checked = new Set(gradientCases.map(({ operator }) => operator));
  const flat = ['Ceil', 'Floor', 'Hardmax', 'Round', 'Sign'];
  expect(differentiableOperators.filter((operator) => !checked.has(operator))).toEqual(flat);
});

test('every operator that has a gradient is in the documentation', () => {
  const text = readFileSync(join(import.meta.dirname, '../../../../docs/training.md'), 'utf8');
  const [, list = ''] = /Gradients flow through these operators:\n([^]*?)\n\n/.exec(text) ?? [];
  expect(list.match(/\w+/g)).toEqual(differentiableOperators);
});
