import { describe, expect, test } from '@jest/globals';
import { decodeModel, opsetOf, shapeOf } from '../../../../runtime/onnx/model.ts';
import { readFloats, tensorShape } from '../../../../runtime/onnx/tensors.ts';
import { buildModel, type BuiltSource } from '../../../../runtime/training/model/build-model.ts';
import { uniform } from '../../../../runtime/numeric/random.ts';
import type { DataInput, LabelSpec } from '../../../../runtime/training/training-graph.ts';
import { runModel } from './run-model.ts';

const mlp: BuiltSource = { kind: 'Mlp', hidden: [7, 5], activation: 'Tanh', dropout: 0.5 };
const cnn: BuiltSource = {
  kind: 'Cnn',
  channels: [4, 6],
  kernelSize: 3,
  activation: 'Relu',
  batchNormalization: true,
  dropout: 0.25,
};
const classes: LabelSpec = { kind: 'Classes', classes: 3 };
const values: LabelSpec = { kind: 'Values', width: 2 };

const rowsOf = (...shape: number[]): DataInput => ({ name: 'features', dataType: 'FP32', shape: [-1, ...shape] });
const build = (source: BuiltSource, shape: number[], label: LabelSpec = classes, seed = 1): Uint8Array =>
  buildModel(source, { features: rowsOf(...shape), label, seed });

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

function batch(...shape: number[]): { data: Float32Array; shape: number[] } {
  return { data: uniform(2, ['batch'], size(shape)).map((value) => 2 * value - 1), shape };
}

interface Weight {
  shape: number[];
  data: Float32Array;
}

const weightsOf = (bytes: Uint8Array): Map<string, Weight> =>
  new Map(
    decodeModel(bytes).graph.initializer.map((tensor) => [
      tensor.name,
      { shape: tensorShape(tensor), data: readFloats(tensor) },
    ]),
  );

function weight(weights: ReadonlyMap<string, Weight>, name: string): Weight {
  const found = weights.get(name);
  if (!found) throw new Error(`${name} is not among ${[...weights.keys()].join()}`);
  return found;
}

const operatorsOf = (bytes: Uint8Array): string[] => decodeModel(bytes).graph.node.map(({ opType }) => opType);

/** One row through a fully connected layer, in float64. */
function linear(weights: ReadonlyMap<string, Weight>, layer: string, row: readonly number[]): number[] {
  const { data, shape } = weight(weights, `${layer}.weight`);
  const [outputs = 0, inputs = 0] = shape;
  const bias = weight(weights, `${layer}.bias`).data;
  return Array.from({ length: outputs }, (_, output) =>
    row.reduce((sum, value, input) => sum + value * (data[output * inputs + input] ?? 0), bias[output] ?? 0),
  );
}

/** One image through a convolution of stride 1 with `before` zeros around it on the left and above, in float64. */
function convolve(
  { data, shape }: Weight,
  bias: Float32Array | undefined,
  image: readonly number[],
  [height = 0, width = 0]: readonly number[],
): number[] {
  const [outputs = 0, inputs = 0, kernel = 0] = shape;
  const before = Math.floor((kernel - 1) / 2);
  const pixel = (channel: number, y: number, x: number): number =>
    y < 0 || x < 0 || y >= height || x >= width ? 0 : (image[(channel * height + y) * width + x] ?? 0);
  const at = (output: number, y: number, x: number): number => {
    let sum = bias?.[output] ?? 0;
    for (let input = 0; input < inputs; input++)
      for (let row = 0; row < kernel; row++)
        for (let column = 0; column < kernel; column++) {
          const factor = data[((output * inputs + input) * kernel + row) * kernel + column] ?? 0;
          sum += factor * pixel(input, y + row - before, x + column - before);
        }
    return sum;
  };
  return Array.from({ length: outputs * height * width }, (_, index) =>
    at(Math.floor(index / (height * width)), Math.floor((index % (height * width)) / width), index % width),
  );
}

/** The largest of each window of two by two, or of what there is of one. */
function pool(image: readonly number[], channels: number, height: number, width: number): number[] {
  const [rows, columns] = [height, width].map((length) => Math.max(1, Math.floor(length / 2))) as [number, number];
  const [tall, wide] = [Math.min(2, height), Math.min(2, width)];
  return Array.from({ length: channels * rows * columns }, (_, index) => {
    const channel = Math.floor(index / (rows * columns));
    const [row, column] = [Math.floor((index % (rows * columns)) / columns), index % columns];
    const window = Array.from({ length: tall * wide }, (__, cell) => {
      const [y, x] = [row * tall + Math.floor(cell / wide), column * wide + (cell % wide)];
      return image[(channel * height + y) * width + x] ?? 0;
    });
    return Math.max(...window);
  });
}

function expectClose(actual: Float32Array, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, value] of expected.entries()) expect(actual[index]).toBeCloseTo(value, 5);
}

describe('a multilayer perceptron', () => {
  test('computes what its layers say, for any number of rows, and drops nothing when it serves', async () => {
    const bytes = build(mlp, [6]);
    const weights = weightsOf(bytes);
    for (const rows of [1, 3]) {
      const input = batch(rows, 6);
      const { data, shape } = await runModel(bytes, { features: input });
      const expected = Array.from({ length: rows }, (_, row) => {
        const features = [...input.data.subarray(row * 6, (row + 1) * 6)];
        const first = linear(weights, 'hidden.1', features).map(Math.tanh);
        return linear(weights, 'output', linear(weights, 'hidden.2', first).map(Math.tanh));
      });
      expect(shape).toEqual([rows, 3]);
      expectClose(data, expected.flat());
    }
  });

  test('flattens what has more than one dimension', async () => {
    const { shape } = await runModel(build(mlp, [2, 3, 4]), { features: batch(2, 2, 3, 4) });
    expect(shape).toEqual([2, 3]);
    expect(operatorsOf(build(mlp, [2, 3, 4]))[0]).toBe('Flatten');
  });

  test('drops after every hidden layer where the job says so, and only there', () => {
    const drops = (dropout: number): number =>
      operatorsOf(build({ ...mlp, dropout }, [6])).filter((operator) => operator === 'Dropout').length;
    expect([drops(0), drops(0.5)]).toEqual([0, 2]);
  });

  test.each([
    [classes, 'logits', 3],
    [values, 'predictions', 2],
  ] as const)('has one output that says what it is: %j', (label, name, width) => {
    const { graph, ...model } = decodeModel(build(mlp, [6], label));
    expect(graph.output.map((output) => [output.name, shapeOf(output)])).toEqual([[name, ['batch', width]]]);
    expect(graph.input.map((input) => [input.name, shapeOf(input)])).toEqual([['features', ['batch', 6]]]);
    expect(opsetOf({ graph, ...model })).toBeGreaterThanOrEqual(17);
  });
});

describe('a convolutional network', () => {
  test.each([
    [[1, 6, 5], 3, false],
    [[2, 4, 4], 2, false],
    [[1, 5, 7], 4, true],
    [[3, 1, 3], 1, true],
    [[1, 1, 1], 5, false],
  ] as const)(
    'computes what its layers say: samples %j, kernels of %d, normalization %j',
    async (sample, kernelSize, batchNormalization) => {
      const [channels, height, width] = sample;
      const bytes = build({ ...cnn, kernelSize, batchNormalization }, [...sample]);
      const weights = weightsOf(bytes);
      const input = batch(2, ...sample);
      const { data, shape } = await runModel(bytes, { features: input });
      const forward = (image: number[]): number[] => {
        let [value, tall, wide] = [image, height as number, width as number];
        for (const layer of [1, 2]) {
          const kernel = weight(weights, `convolution.${layer}.weight`);
          const bias = weights.get(`convolution.${layer}.bias`)?.data;
          const normal = batchNormalization ? 1 / Math.sqrt(1 + 1e-5) : 1;
          value = convolve(kernel, bias, value, [tall, wide]).map((number) => Math.max(0, number * normal));
          value = pool(value, kernel.shape[0] ?? 0, tall, wide);
          [tall, wide] = [Math.max(1, Math.floor(tall / 2)), Math.max(1, Math.floor(wide / 2))];
        }
        return linear(weights, 'output', value);
      };
      const length = size(sample);
      const expected = [0, 1].flatMap((row) => forward([...input.data.subarray(row * length, (row + 1) * length)]));
      expect(shape).toEqual([2, 3]);
      expectClose(data, expected);
      expect(weight(weights, 'convolution.1.weight').shape).toEqual([4, channels, kernelSize, kernelSize]);
    },
  );

  test('pools while there is something to pool', () => {
    const pools = (shape: number[]): number =>
      operatorsOf(build({ ...cnn, channels: [2, 2, 2, 2, 2] }, shape)).filter((operator) => operator === 'MaxPool')
        .length;
    expect([pools([1, 1, 1]), pools([1, 3, 3]), pools([1, 8, 8]), pools([1, 1, 16])]).toEqual([0, 1, 3, 4]);
  });

  test('has a bias or a normalization in each convolution, not both', () => {
    const names = [...weightsOf(build(cnn, [1, 8, 8])).keys()];
    expect(names).toEqual(expect.arrayContaining(['normalization.1.running_mean', 'normalization.2.running_var']));
    expect(names).not.toContain('convolution.1.bias');
    expect([...weightsOf(build({ ...cnn, batchNormalization: false }, [1, 8, 8])).keys()]).toContain(
      'convolution.1.bias',
    );
  });

  test('is refused for samples that are no images, with the field and an example that fits', () => {
    const refused =
      (shape: number[]): (() => unknown) =>
      () =>
        build(cnn, shape);
    expect(refused([784])).toThrow(
      'spec.train.model.cnn takes samples of the shape [channels, height, width], and those of the data have [784]; set spec.train.data.shape, such as [1, 28, 28], or spec.train.data.image.',
    );
    expect(refused([10])).toThrow('such as [3, 32, 32]');
    expect(refused([8, 8])).toThrow('such as [1, 8, 8]');
    expect(refused([784])).toThrow(expect.objectContaining({ code: 'ModelNotTrainable' }));
  });
});

describe('a fresh model', () => {
  test('is the same to the byte for the same seed, and another for another', () => {
    const hex = (seed: number): string => Buffer.from(build(cnn, [1, 8, 8], classes, seed)).toString('hex');
    expect(hex(1)).toBe(hex(1));
    expect(hex(2)).not.toBe(hex(1));
  });

  test("begins with PyTorch's weights: uniform between minus and plus one over the root of the inputs", () => {
    const weights = weightsOf(build({ ...mlp, hidden: [64, 64] }, [100]));
    for (const [name, inputs] of [
      ['hidden.1.weight', 100],
      ['hidden.2.weight', 64],
    ] as const) {
      const { data } = weight(weights, name);
      const bound = 1 / Math.sqrt(inputs);
      expect(Math.max(...data)).toBeLessThanOrEqual(bound);
      expect(Math.max(...data)).toBeGreaterThan(0.99 * bound);
      expect(Math.min(...data)).toBeLessThan(-0.99 * bound);
      const variance = data.reduce((sum, value) => sum + value * value, 0) / data.length;
      expect(variance / (bound ** 2 / 3)).toBeCloseTo(1, 1);
    }
    const kernel = weight(weightsOf(build({ ...cnn, kernelSize: 5 }, [2, 8, 8])), 'convolution.1.weight');
    expect(Math.max(...kernel.data.map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(2 * 25));
  });

  test('gives layers of one shape weights of their own', () => {
    const weights = weightsOf(build({ ...mlp, hidden: [6, 6] }, [6]));
    expect(weight(weights, 'hidden.1.weight').data).not.toEqual(weight(weights, 'hidden.2.weight').data);
  });

  test('is refused where an ONNX file could not hold it, before any memory is taken for it', () => {
    const wide: BuiltSource = { ...mlp, hidden: [65_536, 65_536] };
    expect(() => build(wide, [1_000])).toThrow(
      /^spec\.train\.model\.mlp comes to 4360830979 weights .* make its layers narrower/,
    );
  });

  test('is refused for data that are no numbers', () => {
    const features: DataInput = { name: 'tokens', dataType: 'INT64', shape: [-1, 8] };
    expect(() => buildModel(mlp, { features, label: classes, seed: 1 })).toThrow('set spec.train.model.uri');
  });
});
