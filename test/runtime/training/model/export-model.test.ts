import { describe, expect, test } from '@jest/globals';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { intAttribute } from '../../../../runtime/onnx/attributes.ts';
import { decodeModel } from '../../../../runtime/onnx/model.ts';
import { readFloats } from '../../../../runtime/onnx/tensors.ts';
import { buildTrainingGraph } from '../../../../runtime/training/autodiff/build-training-graph.ts';
import { buildModel, type BuiltSource } from '../../../../runtime/training/model/build-model.ts';
import { exportModel } from '../../../../runtime/training/model/export-model.ts';
import { uniform } from '../../../../runtime/numeric/random.ts';
import { graphNames, type TrainingGraph } from '../../../../runtime/training/training-graph.ts';
import { initializer, onnxModel, type Initializer, type Value } from '../../../support/onnx-builder.ts';
import { runModel, type Values } from './run-model.ts';

const rows = 3;
const classes = 4;
const sample = [1, 8, 8];
const input: Values = { data: uniform(2, ['rows'], rows * 64), shape: [rows, ...sample] };

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** As if trained: every element another one, and each variance positive. */
const trainedVector = ({ layout }: TrainingGraph): Float32Array =>
  uniform(3, ['trained'], layout.total).map((value) => 0.2 + 0.3 * value);

/** What the evaluation graph predicts with these parameters. */
async function predictions(graph: TrainingGraph, trained: Float32Array, data: Values): Promise<Float32Array> {
  const session = await InferenceSession.create(graph.evaluation, { logSeverityLevel: 3 });
  try {
    const [features] = graph.inputs;
    const parameters = graph.layout.entries.map(
      ({ name, shape, offset, length }) =>
        [name, new Tensor('float32', trained.slice(offset, offset + length), shape)] as const,
    );
    const outputs = await session.run(
      {
        [features?.name ?? '']: new Tensor('float32', data.data, data.shape),
        [graphNames.labels]: new Tensor('int64', new BigInt64Array(rows), [rows]),
        ...Object.fromEntries(parameters),
      },
      [graphNames.predictions],
    );
    return outputs[graphNames.predictions]?.data as Float32Array;
  } finally {
    await session.release();
  }
}

const derive = (bytes: Uint8Array): Promise<TrainingGraph> =>
  buildTrainingGraph(bytes, { loss: 'CrossEntropy', freeze: [], label: { kind: 'Classes', classes } });

async function expectServesWhatWasTrained(bytes: Uint8Array, name: string, data: Values): Promise<Uint8Array> {
  const graph = await derive(bytes);
  const trained = trainedVector(graph);
  const exported = exportModel(bytes, graph.layout, trained, {});
  const [served, evaluated] = [await runModel(exported, { [name]: data }), await predictions(graph, trained, data)];
  expect(served.data).toHaveLength(evaluated.length);
  for (const [index, value] of evaluated.entries())
    expect(Math.abs((served.data[index] ?? 0) - value)).toBeLessThan(1e-5 * Math.max(1, Math.abs(value)));
  expect(served.data).not.toEqual((await runModel(bytes, { [name]: data })).data);
  return exported;
}

const built = (source: BuiltSource): Uint8Array =>
  buildModel(source, {
    features: { name: 'features', dataType: 'FP32', shape: [-1, ...sample] },
    label: { kind: 'Classes', classes },
    seed: 1,
  });

const mlp: BuiltSource = { kind: 'Mlp', hidden: [16, 8], activation: 'Relu', dropout: 0.5 };
const cnn: BuiltSource = {
  kind: 'Cnn',
  channels: [4, 4],
  kernelSize: 3,
  activation: 'Relu',
  batchNormalization: true,
  dropout: 0.5,
};

const float = (name: string, shape: Value['shape']): Value => ({ name, type: 'FLOAT', shape });
const numbers = (name: string, ...shape: number[]): Initializer =>
  initializer.float(name, [...uniform(1, [name], size(shape))], shape);

/** A classifier as an exporter writes it in the middle of a training; equal weights are stored once. */
const inTrainingMode = onnxModel({
  nodes: [
    { op: 'Gemm', inputs: ['x', 'w1', 'b1'], outputs: ['hidden'] },
    { op: 'Identity', inputs: ['ones'], outputs: ['scale'] },
    {
      op: 'BatchNormalization',
      inputs: ['hidden', 'scale', 'offset', 'mean', 'ones'],
      outputs: ['normal', 'newMean', 'newVariance'],
      attributes: [{ name: 'training_mode', int: 1 }],
    },
    { op: 'Dropout', inputs: ['normal', 'ratio', 'isTraining'], outputs: ['dropped'] },
    { op: 'Gemm', inputs: ['dropped', 'w2', 'b2'], outputs: ['y'] },
  ],
  initializers: [
    numbers('w1', 6, 5),
    numbers('b1', 5),
    initializer.float('ones', [1, 1, 1, 1, 1], [5]),
    numbers('offset', 5),
    numbers('mean', 5),
    initializer.float('ratio', [0.5]),
    initializer.bool('isTraining', true),
    numbers('w2', 5, classes),
    numbers('b2', classes),
  ],
  inputs: [float('x', ['n', 6])],
  outputs: [float('y', ['n', classes])],
});

describe('an exported model', () => {
  test.each([
    ['a multilayer perceptron', mlp],
    ['a convolutional network', cnn],
  ])('predicts what was evaluated while it was trained: %s', async (_, source) => {
    await expectServesWhatWasTrained(built(source), 'features', input);
  });

  test('has nothing left of training, and gives weights that were stored as one their own values', async () => {
    const data = { data: uniform(4, ['x'], rows * 6), shape: [rows, 6] };
    const exported = await expectServesWhatWasTrained(inTrainingMode, 'x', data);
    const { node: nodes, initializer: weights } = decodeModel(exported).graph;
    for (const node of nodes) expect([node.opType, node.output.length]).toEqual([node.opType, 1]);
    expect(nodes.map((node) => intAttribute(node, 'training_mode') ?? 0)).toEqual([0, 0, 0, 0]);
    expect(nodes.find(({ opType }) => opType === 'Dropout')?.input).toEqual(['normal', 'ratio']);
    const values = new Map(weights.filter(({ dataType }) => dataType === 1).map((tensor) => [tensor.name, tensor]));
    expect(weights.map(({ name }) => name)).not.toContain('isTraining');
    const [scale, variance] = ['scale', 'ones'].map((name) => {
      const tensor = values.get(name);
      return tensor && readFloats(tensor);
    });
    expect(scale).toHaveLength(5);
    expect(scale).not.toEqual(variance);
  });

  test('carries what it came of, beside what the model it began as said of itself', async () => {
    const bytes = built(mlp);
    const graph = await derive(bytes);
    const metadata = { 'modelyard.specHash': 'sha256:1', 'modelyard.seed': '7' };
    const once = exportModel(bytes, graph.layout, trainedVector(graph), { ...metadata, author: 'somebody' });
    const twice = exportModel(once, graph.layout, trainedVector(graph), metadata);
    const props = decodeModel(twice).metadataProps.map(({ key, value }) => [key, value]);
    expect(Object.fromEntries(props)).toEqual({ ...metadata, author: 'somebody' });
    expect(props).toHaveLength(3);
  });

  test('is the same to the byte for the same parameters, and trains on as it would have', async () => {
    const bytes = built(cnn);
    const graph = await derive(bytes);
    const trained = trainedVector(graph);
    const exported = exportModel(bytes, graph.layout, trained, {});
    expect(Buffer.compare(exported, exportModel(bytes, graph.layout, trained, {}))).toBe(0);
    const again = await derive(exported);
    expect(again.layout).toEqual(graph.layout);
    expect(Buffer.compare(again.training, graph.training)).toBe(0);
  });

  test('is not made of a layout that belongs to another model', async () => {
    const { layout, ...graph } = await derive(built(cnn));
    const trained = trainedVector({ ...graph, layout });
    expect(() => exportModel(built(mlp), layout, trained, {})).toThrow(
      'the model has no weight "convolution.1.weight"',
    );
  });
});
