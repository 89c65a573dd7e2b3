import { describe, expect, test } from '@jest/globals';
import { decodeModel, encodeModel, shapeOf, tensorInfo } from '../../../../runtime/onnx/model.ts';
import { readFloats, tensorShape } from '../../../../runtime/onnx/tensors.ts';
import { buildModel, type BuiltSource } from '../../../../runtime/training/model/build-model.ts';
import { replaceHead } from '../../../../runtime/training/model/replace-head.ts';
import { uniform } from '../../../../runtime/numeric/random.ts';
import { initializer, onnxModel, type Graph, type Initializer, type Value } from '../../../support/onnx-builder.ts';
import { runModel } from './run-model.ts';

const float = (name: string, shape: Value['shape']): Value => ({ name, type: 'FLOAT', shape });
const numbers = (name: string, ...shape: number[]): Initializer =>
  initializer.float(
    name,
    [
      ...uniform(
        1,
        [name],
        shape.reduce((product, size) => product * size, 1),
      ),
    ],
    shape,
  );

/** x [n, 4] to y [n, 2] by way of a first layer of 3, and of a last one as the test has it. */
const model = (last: Graph['nodes'], initializers: Initializer[]): Uint8Array =>
  onnxModel({
    nodes: [
      { op: 'MatMul', inputs: ['x', 'first'], outputs: ['product'] },
      { op: 'Relu', inputs: ['product'], outputs: ['features'] },
      ...last,
    ],
    initializers: [numbers('first', 4, 3), ...initializers],
    inputs: [float('x', ['n', 4])],
    outputs: [float('y', ['n', 2])],
  });

const gemm = (outputsFirst: boolean): Uint8Array =>
  model(
    [
      {
        op: 'Gemm',
        inputs: ['features', 'fc.weight', 'fc.bias'],
        outputs: ['y'],
        attributes: [{ name: 'transB', int: Number(outputsFirst) }],
      },
    ],
    [numbers('fc.weight', ...(outputsFirst ? [2, 3] : [3, 2])), numbers('fc.bias', 2)],
  );

const weightsOf = (bytes: Uint8Array): Record<string, number[]> =>
  Object.fromEntries(decodeModel(bytes).graph.initializer.map((tensor) => [tensor.name, tensorShape(tensor)]));

const input = { data: uniform(2, ['x'], 20), shape: [5, 4] };

describe('a fresh head', () => {
  test('takes the place of a fully connected layer, whichever way its weight lies', async () => {
    expect(weightsOf(replaceHead(gemm(true), 7, 1))).toEqual({
      first: [4, 3],
      'head.weight': [7, 3],
      'head.bias': [7],
    });
    expect(weightsOf(replaceHead(gemm(false), 7, 1))).toEqual({
      first: [4, 3],
      'head.weight': [3, 7],
      'head.bias': [7],
    });
    for (const before of [gemm(true), gemm(false)]) {
      const after = replaceHead(before, 7, 1);
      expect((await runModel(after, { x: input })).shape).toEqual([5, 7]);
      expect(decodeModel(after).graph.output.map(shapeOf)).toEqual([['n', 7]]);
    }
  });

  test('goes without the shapes that an exporter inferred for the old one', async () => {
    const before = decodeModel(gemm(true));
    before.graph.valueInfo.push(tensorInfo('y', 'FLOAT', ['n', 2]));
    const after = replaceHead(encodeModel(before), 7, 1);
    expect((await runModel(after, { x: input })).shape).toEqual([5, 7]);
    expect(decodeModel(after).graph.valueInfo).toEqual([]);
  });

  test('is found behind a softmax, and as a product with a sum behind it on either side', async () => {
    for (const inputs of [
      ['scores', 'bias'],
      ['bias', 'scores'],
    ]) {
      const before = model(
        [
          { op: 'MatMul', inputs: ['features', 'weight'], outputs: ['scores'] },
          { op: 'Add', inputs, outputs: ['sums'] },
          { op: 'Softmax', inputs: ['sums'], outputs: ['y'] },
        ],
        [numbers('weight', 3, 2), numbers('bias', 2)],
      );
      const after = replaceHead(before, 4, 1);
      expect(weightsOf(after)).toEqual({ first: [4, 3], 'head.weight': [3, 4], 'head.bias': [4] });
      const { data, shape } = await runModel(after, { x: input });
      expect(shape).toEqual([5, 4]);
      expect(data.subarray(0, 4).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1, 5);
    }
  });

  test('has no bias where the old one had none', () => {
    const before = model([{ op: 'MatMul', inputs: ['features', 'weight'], outputs: ['y'] }], [numbers('weight', 3, 2)]);
    expect(weightsOf(replaceHead(before, 4, 1))).toEqual({ first: [4, 3], 'head.weight': [3, 4] });
  });

  test('leaves a weight alone that another layer uses too, and names that are taken', () => {
    const before = model(
      [
        { op: 'MatMul', inputs: ['features', 'shared'], outputs: ['other'] },
        { op: 'Relu', inputs: ['other'], outputs: ['head.bias'] },
        { op: 'Identity', inputs: ['shared'], outputs: ['alias'] },
        { op: 'Gemm', inputs: ['head.bias', 'alias', 'bias'], outputs: ['y'] },
      ],
      [numbers('shared', 3, 3), numbers('bias', 3)],
    );
    const after = replaceHead(before, 2, 1);
    expect(weightsOf(after)).toEqual({ first: [4, 3], shared: [3, 3], 'head.weight': [3, 2], 'head.bias.2': [2] });
    expect(decodeModel(after).graph.node.map(({ opType }) => opType)).not.toContain('Identity');
  });

  test('can be replaced again', () => {
    const twice = replaceHead(replaceHead(gemm(true), 7, 1), 3, 1);
    expect(weightsOf(twice)).toEqual({ first: [4, 3], 'head.weight': [3, 3], 'head.bias': [3] });
  });

  test('begins with random weights that the seed decides, and all else stays as it was', () => {
    const cnn: BuiltSource = {
      kind: 'Cnn',
      channels: [2],
      kernelSize: 3,
      activation: 'Relu',
      batchNormalization: true,
      dropout: 0,
    };
    const before = buildModel(cnn, {
      features: { name: 'features', dataType: 'FP32', shape: [-1, 1, 8, 8] },
      label: { kind: 'Classes', classes: 2 },
      seed: 1,
    });
    const tensors = (bytes: Uint8Array): Map<string, Float32Array> =>
      new Map(decodeModel(bytes).graph.initializer.map((tensor) => [tensor.name, readFloats(tensor)]));
    const [old, one, two] = [before, replaceHead(before, 5, 1), replaceHead(before, 5, 2)].map(tensors) as [
      Map<string, Float32Array>,
      Map<string, Float32Array>,
      Map<string, Float32Array>,
    ];
    expect(one.get('convolution.1.weight')).toEqual(old.get('convolution.1.weight'));
    expect(one.get('head.weight')).toHaveLength(5 * 2 * 16);
    expect(one.get('head.weight')).not.toEqual(two.get('head.weight'));
    expect(Math.max(...(one.get('head.bias') ?? []).map(Math.abs))).toBeLessThanOrEqual(1 / Math.sqrt(32));
  });

  test.each([
    [
      'a convolution',
      [{ op: 'Conv', inputs: ['features', 'first'], outputs: ['y'] }],
      /"y" \(Conv\) is the last layer/,
    ],
    ['no weight', [{ op: 'MatMul', inputs: ['features', 'features'], outputs: ['y'] }], /has no float32 weight/],
    ['an input', [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }], /"x" of the model comes from no layer/],
  ])('is refused behind %s, with what helps', (_, last, message) => {
    const before = model(last, []);
    expect(() => replaceHead(before, 4, 1)).toThrow(message);
    expect(() => replaceHead(before, 4, 1)).toThrow(
      'leave the head out, or export the model with a fully connected layer last',
    );
  });
});
