import { describe, expect, test } from '@jest/globals';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { decodeModel } from '../../../../runtime/onnx/model.ts';
import { readFloats } from '../../../../runtime/onnx/tensors.ts';
import { buildTrainingGraph } from '../../../../runtime/training/autodiff/build-training-graph.ts';
import { buildModel, type BuiltSource } from '../../../../runtime/training/model/build-model.ts';
import { normal, uniform } from '../../../../runtime/numeric/random.ts';
import { graphNames, type DataInput } from '../../../../runtime/training/training-graph.ts';

const rows = 32;
const classes = 4;

const mlp: BuiltSource = { kind: 'Mlp', hidden: [16, 8], activation: 'Tanh', dropout: 0.25 };
const cnn: BuiltSource = {
  kind: 'Cnn',
  channels: [4, 6],
  kernelSize: 3,
  activation: 'Relu',
  batchNormalization: true,
  dropout: 0.25,
};

const size = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

/** The outputs of the training graph on random rows, with the weights that the model begins with. */
async function firstStep(source: BuiltSource, sample: readonly number[]): Promise<Map<string, Float32Array>> {
  const label = { kind: 'Classes', classes } as const;
  const features: DataInput = { name: 'features', dataType: 'FP32', shape: [-1, ...sample] };
  const model = buildModel(source, { features, label, seed: 1 });
  const graph = await buildTrainingGraph(model, { loss: 'CrossEntropy', freeze: [], label });
  const weights = new Map(decodeModel(model).graph.initializer.map((tensor) => [tensor.name, readFloats(tensor)]));
  const labels = BigInt64Array.from({ length: rows }, (_, row) => BigInt(row % classes));
  const feeds: Record<string, Tensor> = {
    features: new Tensor('float32', normal(1, ['rows'], rows * size(sample)), [rows, ...sample]),
    [graphNames.labels]: new Tensor('int64', labels, [rows]),
    [graphNames.rowWeight]: new Tensor('float32', Float32Array.of(1 / rows), []),
  };
  for (const { name, shape } of graph.layout.entries)
    feeds[name] = new Tensor('float32', weights.get(name) ?? new Float32Array(0), shape);
  for (const { name, shape } of graph.randoms) {
    const whole = [rows, ...shape.slice(1)];
    feeds[name] = new Tensor('float32', uniform(1, [name], size(whole)), whole);
  }
  const session = await InferenceSession.create(graph.training, { logSeverityLevel: 3 });
  try {
    const outputs = await session.run(feeds);
    expect(graph.layout.entries.map(({ name }) => name)).toEqual(
      [...weights.keys()].filter((name) => !name.endsWith('.ratio')).sort(byKind),
    );
    return new Map(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data as Float32Array]));
  } finally {
    await session.release();
  }
}

/** Running statistics come last. */
const byKind = (a: string, b: string): number => Number(a.includes('.running_')) - Number(b.includes('.running_'));

describe('a fresh model takes a first step', () => {
  test.each<[BuiltSource, number[]]>([
    [mlp, [10]],
    [mlp, [2, 3, 4]],
    [cnn, [1, 8, 8]],
    [{ ...cnn, batchNormalization: false }, [3, 7, 5]],
    [{ ...cnn, kernelSize: 2, activation: 'Sigmoid' }, [1, 6, 6]],
    [{ ...cnn, kernelSize: 4 }, [2, 5, 9]],
    [{ ...cnn, channels: [2, 2, 2, 2] }, [1, 1, 12]],
    [{ ...cnn, channels: [3, 3], dropout: 0 }, [1, 2, 2]],
  ])('of %j on samples %j: all of it is trained, from the loss of a guess', async (source, sample) => {
    const { loss, ...contributions } = Object.fromEntries(
      [...(await firstStep(source, sample))].map(([name, values]) => [name.replace('modelyard.', ''), values]),
    );
    expect(Math.abs((loss?.[0] ?? 0) - Math.log(classes))).toBeLessThan(0.5);
    for (const [name, values] of Object.entries(contributions)) {
      expect([name, values.every(Number.isFinite)]).toEqual([name, true]);
      expect([name, values.some((value) => value !== 0)]).toEqual([name, true]);
    }
  });
});
