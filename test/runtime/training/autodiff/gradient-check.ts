import * as ort from 'onnxruntime-node';
import { decodeModel } from '../../../../runtime/onnx/model.ts';
import { readFloats } from '../../../../runtime/onnx/tensors.ts';
import { buildTrainingGraph } from '../../../../runtime/training/autodiff/build-training-graph.ts';
import { graphNames, type TrainingGraph } from '../../../../runtime/training/training-graph.ts';
import { seededRandom } from '../../../support/random.ts';
import type { GradientCase } from './gradient-case.ts';

/** As workers run graphs. */
export const sessionOptions: ort.InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  logSeverityLevel: 3,
};

/** The weights and statistics of a model, by name. */
export function parametersOf(model: Uint8Array, { layout }: TrainingGraph): Map<string, Float32Array> {
  const { graph } = decodeModel(model);
  const tensors = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  return new Map(
    layout.entries.map(({ name }) => {
      const tensor = tensors.get(name);
      if (!tensor) throw new Error(`${name} is no initializer`);
      return [name, readFloats(tensor)];
    }),
  );
}

export interface GradientError {
  /** Of the weight. */
  name: string;
  /** The difference of the directional derivatives, over the length of the gradient. */
  error: number;
  /** Of the gradient. */
  length: number;
}

/** Shorter gradients drown in the rounding of the loss: their error is taken over this. */
const smallestLength = 0.01;

/** Directions for each weight: each element moves up or down. */
const directions = 2;

/**
 * Compares each weight's gradient along random directions with finite differences of the loss, which the
 * training graph itself gives. The stencil has an error of fourth order in the step.
 */
export async function checkGradients(gradientCase: GradientCase): Promise<GradientError[]> {
  const { model, inputs, rows, step } = gradientCase;
  const width = await widthOf(gradientCase);
  const graph = await buildTrainingGraph(model, {
    loss: 'MeanSquaredError',
    freeze: [],
    label: { kind: 'Values', width },
  });
  const session = await ort.InferenceSession.create(graph.training, sessionOptions);
  const parameters = parametersOf(model, graph);
  const random = seededRandom(7);
  const labels = Float32Array.from({ length: rows * width }, () => random.integer(2_001) / 1_000 - 1);
  const feeds: Record<string, ort.Tensor> = {
    [graphNames.labels]: new ort.Tensor('float32', labels, [rows, width]),
    [graphNames.rowWeight]: new ort.Tensor('float32', Float32Array.of(1 / rows), []),
  };
  for (const { name, shape, data } of inputs) feeds[name] = new ort.Tensor('float32', data, shape);
  for (const { name, shape } of graph.randoms) {
    const count = rows * shape.slice(1).reduce((product, size) => product * size, 1);
    const uniform = Float32Array.from({ length: count }, () => random.integer(1_000) / 1_000);
    feeds[name] = new ort.Tensor('float32', uniform, [rows, ...shape.slice(1)]);
  }
  const run = async (
    moved: string,
    offsets: Float32Array | undefined,
    times: number,
  ): Promise<ort.InferenceSession.ReturnType> => {
    const weights = graph.layout.entries.map(({ name, shape }) => {
      const values = Float32Array.from(parameters.get(name) ?? []);
      if (name === moved)
        for (const [index, offset] of offsets?.entries() ?? []) values[index] = (values[index] ?? 0) + times * offset;
      return [name, new ort.Tensor('float32', values, shape)];
    });
    return session.run({ ...feeds, ...(Object.fromEntries(weights) as Record<string, ort.Tensor>) });
  };
  const lossAt = async (name: string, offsets: Float32Array, times: number): Promise<number> =>
    Number((await run(name, offsets, times))[graphNames.loss]?.data[0]);
  const analytic = await run('', undefined, 0);
  const errors: GradientError[] = [];
  for (const { name, length: count } of graph.layout.entries.filter(({ kind }) => kind === 'Trainable')) {
    const gradient = analytic[graphNames.contribution(name)]?.data as Float32Array;
    const length = Math.hypot(...gradient);
    let error = 0;
    for (let trial = 0; trial < directions; trial++) {
      const offsets = Float32Array.from({ length: count }, () => (random.integer(2) === 0 ? -step : step));
      const [ahead, behind] = [await lossAt(name, offsets, 1), await lossAt(name, offsets, -1)];
      const [farAhead, farBehind] = [await lossAt(name, offsets, 2), await lossAt(name, offsets, -2)];
      const numeric = (8 * (ahead - behind) - (farAhead - farBehind)) / 12;
      const expected = gradient.reduce((sum, element, index) => sum + element * (offsets[index] ?? 0), 0);
      error = Math.max(error, Math.abs(numeric - expected) / (step * Math.max(length, smallestLength)));
    }
    errors.push({ name, error, length });
  }
  await session.release();
  return errors;
}

async function widthOf({ model, inputs }: GradientCase): Promise<number> {
  const session = await ort.InferenceSession.create(model, sessionOptions);
  const feeds = inputs.map(({ name, shape, data }) => [name, new ort.Tensor('float32', data, shape)]);
  const { predictions } = await session.run(Object.fromEntries(feeds) as Record<string, ort.Tensor>);
  await session.release();
  return predictions?.dims[1] ?? 0;
}
