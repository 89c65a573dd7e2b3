import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import { grpcClient } from '../support/inference-client.ts';
import { onnxModel } from '../support/onnx-builder.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';

/** Logits are 100 times the mean of red, green and blue over the pixels: [n, 3, h, w] or, channels last, [n, h, w, 3]. */
function meanColour(height: number | string, width: number | string, channelsLast = false): Uint8Array {
  return onnxModel({
    nodes: [
      {
        op: 'ReduceMean',
        inputs: ['pixels'],
        outputs: ['mean'],
        attributes: [
          { name: 'axes', ints: channelsLast ? [1, 2] : [2, 3] },
          { name: 'keepdims', int: 0 },
        ],
      },
      { op: 'Mul', inputs: ['mean', 'hundred'], outputs: ['logits'] },
    ],
    initializers: [{ name: 'hundred', type: 'FLOAT', shape: [], raw: new Uint8Array(Float32Array.of(100).buffer) }],
    inputs: [
      { name: 'pixels', type: 'FLOAT', shape: channelsLast ? ['n', height, width, 3] : ['n', 3, height, width] },
    ],
    outputs: [{ name: 'logits', type: 'FLOAT', shape: ['n', 3] }],
  });
}

const labels = JSON.stringify({ id2label: { 0: 'red', 1: 'green', 2: 'blue' } });

/** An image whose left part has one colour and the rest another. */
async function twoColours(
  left: string,
  right: string,
  share = 0.5,
  width = 90,
  height = 60,
): Promise<ReturnType<typeof sharp>> {
  const part = await sharp({ create: { width: Math.round(width * share), height, channels: 3, background: left } })
    .png()
    .toBuffer();
  return sharp({ create: { width, height, channels: 3, background: right } }).composite([
    { input: part, left: 0, top: 0 },
  ]);
}

interface Answer {
  status: number;
  predictions: { label: string; score: number }[];
  error?: string;
}

async function predict(serving: ServingProcess, body: Buffer, type = 'image/png'): Promise<Answer> {
  const response = await fetch(`${serving.url}/v2/models/model/predict`, {
    method: 'POST',
    body,
    headers: { 'content-type': type },
  });
  return { status: response.status, ...((await response.json()) as Omit<Answer, 'status'>) };
}

const best = ({ predictions }: Answer): string | undefined => predictions[0]?.label;

describe('a model of 32 by 32 pixels without a pre-processing file', () => {
  let serving: ServingProcess;
  beforeAll(async () => {
    serving = startServingProcess({
      files: { 'model.onnx': meanColour(32, 32), 'config.json': labels },
      settings: { task: 'ImageClassification' },
    });
    await serving.ready();
  }, 60_000);
  afterAll(async () => {
    expect(await serving.stop()).toBe(0);
  });

  test('names what it sees in PNG and JPEG, scores sorted and summing to one', async () => {
    const image = await twoColours('red', 'blue', 0.6);
    for (const [body, type] of [
      [await image.clone().png().toBuffer(), 'image/png'],
      [await image.clone().jpeg().toBuffer(), 'image/jpeg'],
    ] as const) {
      const answer = await predict(serving, body, type);
      expect(answer.status).toBe(200);
      expect(answer.predictions.map(({ label }) => label)).toEqual(['red', 'blue', 'green']);
      expect(answer.predictions.reduce((sum, { score }) => sum + score, 0)).toBeCloseTo(1, 5);
    }
  });

  test('takes several images in one request over gRPC, and as base64 in JSON', async () => {
    const images = await Promise.all(
      ['red', 'lime', 'blue'].map(async (colour) => (await twoColours(colour, colour)).png().toBuffer()),
    );
    const client = grpcClient(serving.grpc);
    const answer = await client.infer({
      model_name: 'model',
      inputs: [{ name: 'image', datatype: 'BYTES', shape: [3], contents: { bytes_contents: images } }],
      outputs: [{ name: 'label' }],
    });
    client.close();
    expect(answer.outputs).toMatchObject([{ name: 'label', datatype: 'BYTES', shape: ['3', '3'] }]);
    const text =
      answer.raw_output_contents[0]
        ?.toString('latin1')
        .replace(/[^a-z]+/g, ' ')
        .trim()
        .split(' ') ?? [];
    expect([text[0], text[3], text[6]]).toEqual(['red', 'green', 'blue']);
    const response = await fetch(`${serving.url}/v2/models/model/infer`, {
      method: 'POST',
      body: JSON.stringify({
        inputs: [
          {
            name: 'image',
            datatype: 'BYTES',
            shape: [1],
            parameters: { content_type: 'base64' },
            data: [images[2]?.toString('base64')],
          },
        ],
      }),
    });
    expect(await response.json()).toMatchObject({
      outputs: [{ name: 'label', data: ['blue', 'red', 'green'] }, { name: 'score' }],
    });
  });

  test('refuses what is no image, cut images, other formats and bombs, and stays', async () => {
    const png = await (await twoColours('red', 'red')).png().toBuffer();
    const jpeg = await (await twoColours('red', 'red')).jpeg().toBuffer();
    const bomb = Buffer.from(png);
    bomb.writeUInt32BE(60_000, 16);
    bomb.writeUInt32BE(60_000, 20);
    const cases: [Buffer, RegExp][] = [
      [Buffer.from('hello'), /^image: neither JPEG nor PNG/],
      [Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), /^image: neither JPEG nor PNG/],
      [Buffer.from('GIF89a'), /^image: neither JPEG nor PNG/],
      [png.subarray(0, png.length / 2), /^image: cannot be decoded/],
      [jpeg.subarray(0, jpeg.length / 2), /^image: cannot be decoded/],
      [bomb, /^image: cannot be decoded/],
      [Buffer.alloc(0), /^body: must be a JPEG or PNG image/],
    ];
    for (const [body, message] of cases) {
      const answer = await predict(serving, body);
      expect(answer).toMatchObject({ status: 400, error: expect.stringMatching(message) });
    }
    expect(best(await predict(serving, png))).toBe('red');
  });
});

describe('the pre-processing file', () => {
  async function withConfig<T>(
    config: object,
    model: Uint8Array,
    work: (serving: ServingProcess) => Promise<T>,
  ): Promise<T> {
    const serving = startServingProcess({
      files: { 'model.onnx': model, 'config.json': labels, 'preprocessor_config.json': JSON.stringify(config) },
      settings: { task: 'ImageClassification' },
    });
    try {
      await serving.ready();
      return await work(serving);
    } finally {
      expect(await serving.stop()).toBe(0);
    }
  }

  test('crops the centre after resizing the shortest edge', async () => {
    // The middle third is blue; only that is left of 90 by 60 pixels once its centre is cropped narrowly.
    const stripes = (await twoColours('red', 'red')).composite([
      { input: { create: { width: 30, height: 60, channels: 3, background: 'blue' } }, left: 30, top: 0 },
    ]);
    const body = await stripes.png().toBuffer();
    const config = {
      size: { shortest_edge: 60 },
      do_center_crop: true,
      crop_size: { height: 24, width: 24 },
      resample: 3,
    };
    await withConfig(config, meanColour(24, 24), async (serving) =>
      expect(best(await predict(serving, body))).toBe('blue'),
    );
    await withConfig({ size: { height: 24, width: 24 } }, meanColour(24, 24), async (serving) =>
      expect(best(await predict(serving, body))).toBe('red'),
    );
  }, 60_000);

  test('normalises by mean and deviation, and may lay channels last', async () => {
    const grey = await (await twoColours('#808080', '#808080')).png().toBuffer();
    const config = { size: 16, do_center_crop: true, crop_size: 16, image_mean: [0.9, 0.1, 0.5], image_std: [1, 2, 1] };
    await withConfig(config, meanColour('h', 'w', true), async (serving) => {
      const { predictions } = await predict(serving, grey);
      expect(predictions.map(({ label }) => label)).toEqual(['green', 'blue', 'red']);
    });
  }, 60_000);

  test('turns an image upright as its EXIF says before anything else', async () => {
    // Taken sideways, a crop of this height would be partly black and the shares of the colours would differ.
    const wide = await (await twoColours('red', 'lime', 0.8)).png().toBuffer();
    const upright = await sharp(wide).rotate(90).png().toBuffer();
    const sideways = await sharp(upright).rotate(-90).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    await withConfig(
      { do_resize: false, do_center_crop: true, crop_size: { height: 90, width: 60 } },
      meanColour('h', 'w'),
      async (serving) => {
        const [one, other] = [await predict(serving, upright), await predict(serving, sideways, 'image/jpeg')];
        expect(best(one)).toBe('red');
        expect(best(other)).toBe('red');
        expect(other.predictions[0]?.score).toBeCloseTo(one.predictions[0]?.score ?? 0, 1);
      },
    );
  }, 60_000);
});
