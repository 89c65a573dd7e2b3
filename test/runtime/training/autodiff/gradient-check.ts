import * as ort from 'onnxruntime-node';
import type { TrainingOptions } from '../../../../runtime/training/autodiff/build-training-graph.ts';
import { graphNames } from '../../../../runtime/training/training-graph.ts';
import { seededRandom } from '../../../support/random.ts';
import type { GradientCase } from './gradient-case.ts';
import { type Batch, GraphSession } from './graph-session.ts';

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

/** Compares the gradients of an operator's weights with finite differences. */
export async function checkGradients(gradientCase: GradientCase): Promise<GradientError[]> {
  const { model, step } = gradientCase;
  const { options, batch } = await problemOf(gradientCase);
  const session = await GraphSession.open(model, options);
  const errors = await checkWeights(session, batch, step);
  await session.close();
  return errors;
}

/** How a case is trained, and the batch of its one step. */
export async function problemOf(gradientCase: GradientCase): Promise<{ options: TrainingOptions; batch: Batch }> {
  const { inputs, rows, freeze } = gradientCase;
  const width = await widthOf(gradientCase);
  const random = seededRandom(7);
  const labels = Float32Array.from({ length: rows * width }, () => random.integer(2_001) / 1_000 - 1);
  const label = { kind: 'Values', width } as const;
  return { options: { loss: 'MeanSquaredError', freeze, label }, batch: { inputs, labels } };
}

/** Compares each weight's gradient along random directions with finite differences of the loss, which the training graph itself gives. */
export async function checkWeights(session: GraphSession, batch: Batch, step: number): Promise<GradientError[]> {
  const random = seededRandom(9);
  const analytic = await session.step(batch);
  const errors: GradientError[] = [];
  for (const { name, length: count } of session.graph.layout.entries.filter(({ kind }) => kind === 'Trainable')) {
    const gradient = analytic.get(name) ?? new Float32Array();
    const length = Math.hypot(...gradient);
    let error = 0;
    for (let trial = 0; trial < directions; trial++) {
      const offsets = Float32Array.from({ length: count }, () => (random.integer(2) === 0 ? -step : step));
      const expected = gradient.reduce((sum, element, index) => sum + element * (offsets[index] ?? 0), 0);
      const difference = Math.abs((await finiteDifference(session, batch, name, offsets)) - expected);
      error = Math.max(error, difference / (step * Math.max(length, smallestLength)));
    }
    errors.push({ name, error, length });
  }
  return errors;
}

/** How much the loss changes when a weight moves by the offsets, as its slope says: with an error of fourth order. */
async function finiteDifference(
  session: GraphSession,
  batch: Batch,
  name: string,
  offsets: Float32Array,
): Promise<number> {
  const start = session.values(name);
  const lossAt = async (times: number): Promise<number> => {
    session.parameters.set(
      name,
      start.map((value, index) => value + times * (offsets[index] ?? 0)),
    );
    return (await session.step(batch)).get(graphNames.loss)?.[0] ?? NaN;
  };
  const [ahead, behind] = [await lossAt(1), await lossAt(-1)];
  const [farAhead, farBehind] = [await lossAt(2), await lossAt(-2)];
  session.parameters.set(name, start);
  return (8 * (ahead - behind) - (farAhead - farBehind)) / 12;
}

/** Of the predictions. */
export async function widthOf({ model, inputs }: GradientCase): Promise<number> {
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
  const feeds = inputs.map(({ name, shape, data }) => [name, new ort.Tensor('float32', data, shape)]);
  const { predictions } = await session.run(Object.fromEntries(feeds) as Record<string, ort.Tensor>);
  await session.release();
  return predictions?.dims[1] ?? 0;
}
