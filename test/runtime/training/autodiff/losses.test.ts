import { describe, expect, test } from '@jest/globals';
import { GraphBuilder } from '../../../../runtime/onnx/graph-builder.ts';
import { type Dimension, encodeModel, newModel, tensorInfo } from '../../../../runtime/onnx/model.ts';
import { floatTensor } from '../../../../runtime/onnx/tensors.ts';
import { graphNames } from '../../../../runtime/training/training-graph.ts';
import { type Batch, GraphSession } from './graph-session.ts';

const weights = Float32Array.of(0.5, -1, 0.25, 0.75, 1.5, -0.5);
const data = Float32Array.of(1, 2, -1, 0.5, 0.25, -3, 2, 2);
const [rows, features, classes] = [4, 2, 3];

/** y = x w, [rows, 3], and then what the function adds. */
function linear(end: (builder: GraphBuilder, y: string) => void, output: Dimension[] = ['rows', classes]): Uint8Array {
  const builder = new GraphBuilder('m.');
  builder.initializers.push(floatTensor('w', [features, classes], weights));
  end(builder, builder.add('MatMul', ['x', 'w']));
  const { nodes, initializers } = builder;
  const inputs = [tensorInfo('x', 'FLOAT', ['rows', features])];
  return encodeModel(newModel({ opset: 17, nodes, initializers, inputs, outputs: [tensorInfo('y', 'FLOAT', output)] }));
}

const plain = linear((builder, y) => builder.add('Identity', [y], {}, { outputs: ['y'] }));
const ending = (operator: string): Uint8Array =>
  linear((builder, y) => builder.add(operator, [y], { axis: { int: 1 } }, { outputs: ['y'] }));

const labels = BigInt64Array.of(2n, 0n, 1n, 1n);
const batchOf = (given: Batch['labels']): Batch => ({
  inputs: [{ name: 'x', shape: [rows, features], data }],
  labels: given,
});
const crossEntropy = { loss: 'CrossEntropy', freeze: [], label: { kind: 'Classes', classes } } as const;
const squares = (width: number) =>
  ({ loss: 'MeanSquaredError', freeze: [], label: { kind: 'Values', width } }) as const;

const at = (values: Float32Array, row: number, column: number, width: number): number =>
  values[row * width + column] ?? NaN;

function logits(): Float32Array {
  const result = new Float32Array(rows * classes);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < classes; column++)
      for (let feature = 0; feature < features; feature++)
        result[row * classes + column] =
          at(result, row, column, classes) + at(data, row, feature, features) * at(weights, feature, column, classes);
  return result;
}

/** Of each row of logits. */
function softmax(values: Float32Array): Float32Array {
  const exponentials = values.map(Math.exp);
  return exponentials.map((value, index) => {
    const start = index - (index % classes);
    return value / exponentials.slice(start, start + classes).reduce((sum, one) => sum + one, 0);
  });
}

/** xᵀ g */
function weightGradient(gradient: Float32Array, width: number): Float32Array {
  const result = new Float32Array(features * width);
  for (let feature = 0; feature < features; feature++)
    for (let column = 0; column < width; column++)
      for (let row = 0; row < rows; row++)
        result[feature * width + column] =
          at(result, feature, column, width) + at(data, row, feature, features) * at(gradient, row, column, width);
  return result;
}

function expectClose(actual: Float32Array | undefined, expected: Iterable<number>): void {
  const values = [...expected];
  expect(actual?.length).toBe(values.length);
  for (const [index, value] of values.entries()) expect(actual?.[index]).toBeCloseTo(value, 5);
}

describe('CrossEntropy', () => {
  const probabilities = softmax(logits());
  const lossesOfRows = [...labels].map((label, row) => -Math.log(at(probabilities, row, Number(label), classes)));
  const slope = probabilities.map((value, index) => {
    const isLabel = Number(labels[Math.floor(index / classes)]) === index % classes;
    return (value - (isLabel ? 1 : 0)) / rows;
  });

  test.each([
    ['logits', plain, logits()],
    ['probabilities', ending('Softmax'), probabilities],
    ['logarithms of probabilities', ending('LogSoftmax'), probabilities.map(Math.log)],
  ])(
    'is taken of the logits of a model that gives %s, and its predictions are what the model gives',
    async (_, model, predictions) => {
      const session = await GraphSession.open(model, crossEntropy);
      const outputs = await session.step(batchOf(labels));
      expectClose(outputs.get(graphNames.loss), [lossesOfRows.reduce((sum, loss) => sum + loss, 0) / rows]);
      expectClose(outputs.get('w'), weightGradient(slope, classes));
      const evaluated = await session.evaluate(batchOf(labels));
      expectClose(evaluated.losses, lossesOfRows);
      expectClose(evaluated.predictions, predictions);
      await session.close();
    },
  );

  test('stays finite where the softmax of a model has no digits left', async () => {
    const session = await GraphSession.open(ending('Softmax'), crossEntropy);
    session.parameters.set(
      'w',
      weights.map((value) => value * 1_000),
    );
    const outputs = await session.step(batchOf(labels));
    expect(Number.isFinite(outputs.get(graphNames.loss)?.[0])).toBe(true);
    expect(outputs.get('w')?.every(Number.isFinite)).toBe(true);
    await session.close();
  });

  test('refuses a class that the model does not have', async () => {
    const session = await GraphSession.open(plain, crossEntropy);
    await expect(session.step(batchOf(BigInt64Array.of(0n, 1n, 3n, 0n)))).rejects.toThrow('GatherElements');
    await session.close();
  });
});

describe('MeanSquaredError', () => {
  const targets = Float32Array.from({ length: rows * classes }, (_, index) => (index % 5) / 2 - 1);
  const differences = logits().map((value, index) => value - (targets[index] ?? NaN));
  const lossesOfRows = Array.from({ length: rows }, (_, row) => {
    const own = differences.slice(row * classes, row * classes + classes);
    return own.reduce((sum, value) => sum + value * value, 0) / classes;
  });

  test.each([
    ['[rows, width]', plain],
    [
      '[rows, 1, width]',
      linear(
        (builder, y) => builder.add('Unsqueeze', [y, builder.ints([1])], {}, { outputs: ['y'] }),
        ['rows', 1, classes],
      ),
    ],
  ])('is the mean over the width of a row of %s, and then over the rows', async (_, model) => {
    const session = await GraphSession.open(model, squares(classes));
    const outputs = await session.step(batchOf(targets));
    expectClose(outputs.get(graphNames.loss), [lossesOfRows.reduce((sum, loss) => sum + loss, 0) / rows]);
    const slope = differences.map((value) => (2 * value) / (classes * rows));
    expectClose(outputs.get('w'), weightGradient(slope, classes));
    const evaluated = await session.evaluate(batchOf(targets));
    expectClose(evaluated.losses, lossesOfRows);
    expectClose(evaluated.predictions, logits());
    expect(evaluated.width).toBe(classes);
    await session.close();
  });

  test('compares one number with an output that has no dimension for it', async () => {
    const sum = linear(
      (builder, y) => builder.add('ReduceSum', [y, builder.ints([1])], { keepdims: { int: 0 } }, { outputs: ['y'] }),
      ['rows'],
    );
    const session = await GraphSession.open(sum, squares(1));
    const ones = new Float32Array(rows).fill(1);
    const sums = Array.from({ length: rows }, (_, row) =>
      logits()
        .slice(row * classes, row * classes + classes)
        .reduce((a, b) => a + b, 0),
    );
    expectClose(
      (await session.evaluate(batchOf(ones))).losses,
      sums.map((value) => (value - 1) ** 2),
    );
    const slope = Float32Array.from({ length: rows * classes }, (_, index) => {
      const value = sums[Math.floor(index / classes)] ?? NaN;
      return (2 * (value - 1)) / rows;
    });
    expectClose((await session.step(batchOf(ones))).get('w'), weightGradient(slope, classes));
    await session.close();
  });
});

describe('contributions', () => {
  test('of shards of any sizes add up to what the whole batch gives', async () => {
    const session = await GraphSession.open(plain, crossEntropy);
    const whole = await session.step(batchOf(labels));
    const shard = (from: number, to: number): Batch => ({
      inputs: [{ name: 'x', shape: [to - from, features], data: data.slice(from * features, to * features) }],
      labels: labels.slice(from, to),
      rowWeight: 1 / rows,
    });
    const [first, second] = [await session.step(shard(0, 1)), await session.step(shard(1, rows))];
    for (const name of [graphNames.loss, 'w']) {
      const sum = first.get(name)?.map((value, index) => value + (second.get(name)?.[index] ?? NaN));
      expectClose(sum, whole.get(name) ?? []);
    }
    await session.close();
  });
});
