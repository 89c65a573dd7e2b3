import type { TensorSignature } from '../../contract.ts';
import { invalid, type ModelFault } from '../../errors.ts';
import { limits } from '../limits.ts';
import type { RunRequest } from '../messages.ts';
import { joinBytes, splitBytes } from '../../../lib/tensor-codec.ts';
import type { Signature, Tensor } from '../tensor.ts';
import { createDecoder, placePixels, readPreprocessing, type Decode, type Preprocessing } from './image-pixels.ts';
import { readLabels, readModelJson, unsupportedBy } from './model-files.ts';
import { probabilities } from './scores.ts';
import type { PreparedTask, Task } from './task.ts';

/**
 * Encoded images in, the most likely labels out. Pre-processing comes from preprocessor_config.json and labels from
 * config.json's `id2label`, both as Hugging Face writes them, beside the model.
 */
export const imageClassification: Task = {
  name: 'ImageClassification',
  bodyTypes: ['image/jpeg', 'image/png'],
  toInputs: (body) => {
    if (body.byteLength === 0) throw invalid('body: must be a JPEG or PNG image');
    return [{ name: 'image', dataType: 'BYTES', shape: [1], data: joinBytes([body]) }];
  },
  toPredictions,
  prepare,
};

/** How many labels an answer has, where the model has as many. */
const topCount = 5;

/** How the model's input is laid out. */
interface Layout {
  name: string;
  channels: 1 | 3;
  channelsFirst: boolean;
  /** -1 where dynamic. */
  height: number;
  width: number;
}

async function prepare(model: Signature, directory: string): Promise<PreparedTask> {
  const [input, ...others] = model.inputs;
  if (!input || others.length > 0) throw unsupported(`has ${model.inputs.length} inputs where one is needed`);
  const layout = layoutOf(input);
  const scores = model.outputs.find(({ shape, dataType }) => shape.length === 2 && dataType === 'FP32');
  if (!scores) throw unsupported('has no FP32 output [images, classes]');
  const preprocessing = readPreprocessing(await readModelJson(directory, 'preprocessor_config.json'), layout);
  const labels = readLabels(await readModelJson(directory, 'config.json'));
  const decode = await createDecoder(preprocessing);
  const batch = input.shape[0] ?? -1;
  const classes = scores.shape[1] ?? -1;
  const count = classes === -1 ? -1 : Math.min(topCount, classes);
  return {
    signature: {
      inputs: [{ name: 'image', dataType: 'BYTES', shape: [batch] }],
      outputs: [
        { name: 'label', dataType: 'BYTES', shape: [batch, count] },
        { name: 'score', dataType: 'FP32', shape: [batch, count] },
      ],
    },
    before: ({ inputs }) => toPixels(inputs, layout, preprocessing, decode, scores.name),
    after: (outputs, { outputs: wanted }) => {
      const ranked = rank(outputs[0], labels);
      return (wanted ?? ['label', 'score']).flatMap((name) => ranked.find((output) => output.name === name) ?? []);
    },
  };
}

function layoutOf({ name, dataType, shape }: TensorSignature): Layout {
  if (dataType !== 'FP32') throw unsupported(`takes ${dataType} where FP32 is needed`);
  const [, first = -1, second = -1, last = -1] = shape;
  const isCount = (channels: number): channels is 1 | 3 => channels === 1 || channels === 3;
  if (shape.length === 4 && isCount(first))
    return { name, channels: first, channelsFirst: true, height: second, width: last };
  if (shape.length === 4 && isCount(last))
    return { name, channels: last, channelsFirst: false, height: first, width: second };
  throw unsupported(
    `takes ${JSON.stringify(shape)} where [images, channels, height, width] or [images, height, width, channels] with 1 or 3 channels is needed`,
  );
}

const unsupported = (what: string): ModelFault => unsupportedBy('ImageClassification', what);

async function toPixels(
  inputs: readonly Tensor[],
  layout: Layout,
  preprocessing: Preprocessing,
  decode: Decode,
  output: string,
): Promise<RunRequest> {
  const images = splitBytes(inputs[0]?.data ?? new Uint8Array(0)) ?? [];
  if (images.length === 0) throw invalid('image: at least one is needed');
  if (images.length > limits.images) throw invalid(`image: at most ${limits.images} images are allowed in one request`);
  const { crop, resize } = preprocessing;
  const { channels, channelsFirst, name } = layout;
  const fixed = crop ?? (resize && 'height' in resize ? resize : undefined);
  if (fixed) checkTensorBytes(images.length, channels, fixed);
  let [height, width, plane] = [0, 0, 0];
  let data = new Float32Array(0);
  for (const [index, image] of images.entries()) {
    const pixels = await decode(image);
    if (index === 0) {
      ({ height, width } = crop ?? pixels);
      plane = height * width;
      checkTensorBytes(images.length, channels, { height, width });
      data = new Float32Array(images.length * channels * plane);
    }
    if (!crop && (pixels.height !== height || pixels.width !== width)) {
      throw invalid(`image: the images of one request come out in different sizes; send them one by one`);
    }
    const base = index * channels * plane;
    placePixels(pixels, { height, width }, channels, preprocessing, (c, y, x, value) => {
      data[base + (channelsFirst ? c * plane + y * width + x : (y * width + x) * channels + c)] = value;
    });
  }
  const shape = channelsFirst ? [images.length, channels, height, width] : [images.length, height, width, channels];
  return { inputs: [{ name, dataType: 'FP32', shape, data: new Uint8Array(data.buffer) }], outputs: [output] };
}

function checkTensorBytes(images: number, channels: number, size: { height: number; width: number }): void {
  const bytes = images * channels * size.height * size.width * Float32Array.BYTES_PER_ELEMENT;
  if (bytes > limits.imageTensorBytes)
    throw invalid(
      `image: ${images} images of ${size.height} by ${size.width} pixels take ${bytes} bytes; at most ${limits.imageTensorBytes} are allowed, so send fewer in one request`,
    );
}

function rank(scores: Tensor | undefined, labels: (index: number) => string): Tensor[] {
  const [images = 0, classes = 0] = scores?.shape ?? [];
  const values = new Float32Array(Uint8Array.from(scores?.data ?? []).buffer);
  const count = Math.min(topCount, classes);
  const top = Array.from({ length: images }, (_, image) => {
    const row = probabilities(values.subarray(image * classes, (image + 1) * classes));
    return [...row.entries()].sort(([, a], [, b]) => b - a).slice(0, count);
  }).flat();
  return [
    {
      name: 'label',
      dataType: 'BYTES',
      shape: [images, count],
      data: joinBytes(top.map(([index]) => Buffer.from(labels(index)))),
    },
    {
      name: 'score',
      dataType: 'FP32',
      shape: [images, count],
      data: new Uint8Array(Float32Array.from(top, ([, score]) => score).buffer),
    },
  ];
}

function toPredictions(outputs: readonly Tensor[]): string {
  const labels = splitBytes(outputs.find(({ name }) => name === 'label')?.data ?? new Uint8Array(0)) ?? [];
  const data = outputs.find(({ name }) => name === 'score')?.data ?? new Uint8Array(0);
  const scores = new Float32Array(Uint8Array.from(data).buffer);
  return JSON.stringify(labels.map((label, index) => ({ label: Buffer.from(label).toString(), score: scores[index] })));
}
