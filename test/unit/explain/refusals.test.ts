import { describe, expect, test } from '@jest/globals';
import { explain, type ExplainOptions } from '../../../runtime/explain/explain.ts';
import type { Predict } from '../../../runtime/explain/model.ts';
import type { ImageRequest, TabularRequest, TextRequest } from '../../../runtime/explain/request.ts';

const tabular: TabularRequest = {
  kind: 'tabular',
  method: 'kernel_shap',
  seed: 0,
  features: 3,
  rows: new Float32Array(6).fill(1),
  background: new Float32Array(12),
};
const lime: TabularRequest = { ...tabular, method: 'lime' };
const text: TextRequest = { kind: 'text', method: 'kernel_shap', seed: 0, texts: ['good wine'] };
const image: ImageRequest = {
  kind: 'image',
  method: 'kernel_shap',
  seed: 0,
  pixels: new Float32Array(48),
  height: 4,
  width: 4,
  channels: 3,
};
const unknown = (value: unknown) => value as never;

let runs = 0;
const zeros: Predict<unknown> = (_, count) => {
  runs += 1;
  return Promise.resolve(new Float32Array(3 * count));
};

const ask = (request: TabularRequest | TextRequest | ImageRequest, options?: ExplainOptions) =>
  request.kind === 'text' ? explain(request, zeros, options) : explain(request, zeros, options);

type Refused = [string, TabularRequest | TextRequest | ImageRequest, RegExp, ExplainOptions?];

const refused: Refused[] = [
  ['an unknown kind', { ...tabular, kind: unknown('sound') }, /^kind: must be one of tabular, text, image/],
  [
    'an unknown method',
    { ...tabular, method: unknown('guess') },
    /^method: must be one of kernel_shap, lime, not "guess"/,
  ],
  ['no method', { ...tabular, method: unknown(undefined) }, /^method: must be one of kernel_shap, lime, not nothing/],
  ['a seed that is no whole number', { ...tabular, seed: 0.5 }, /^seed: must be a whole number from 0 to \d+, not 0.5/],
  [
    'no background',
    { ...tabular, background: new Float32Array() },
    /^background: is empty; give at least one row of 3 numbers/,
  ],
  [
    'a background of another width',
    { ...tabular, background: new Float32Array(10) },
    /^background: 10 numbers are no whole rows of 3/,
  ],
  ['no rows', { ...tabular, rows: new Float32Array() }, /^rows: is empty/],
  ['rows of another width', { ...tabular, rows: new Float32Array(5) }, /^rows: 5 numbers are no whole rows of 3/],
  ['no features', { ...tabular, features: 0 }, /^features: must be a whole number from 1 to 512, not 0/],
  ['too many features', { ...tabular, features: 513 }, /^features: .* to 512, not 513/],
  [
    'too few samples to tell features apart',
    { ...tabular, samples: 5 },
    /^samples of 3 features: must be a whole number from 6 to 20000, not 5/,
  ],
  ['too many samples', { ...tabular, samples: 20_001 }, /^samples .* not 20001/],
  ['too few samples for LIME', { ...lime, samples: 1 }, /^samples: must be a whole number from 2 to 20000, not 1/],
  [
    'more runs than are allowed',
    tabular,
    /^samples: the request takes 54 rows of the model, of which it may take 53; .*smaller background/,
    { maxEvaluations: 53 },
  ],
  [
    'more runs of LIME than are allowed',
    lime,
    /^samples: the request takes 10002 rows of the model, of which it may take 10001; ask for fewer samples or instances$/,
    { maxEvaluations: 10_001 },
  ],
  ['no outputs', { ...tabular, outputs: [] }, /^outputs: is empty; leave it out/],
  ['outputs in two ways', { ...tabular, outputs: [1], topOutputs: 1 }, /^topOutputs: excludes outputs/],
  ['none of the highest outputs', { ...tabular, topOutputs: 0 }, /^topOutputs: must be a whole number from 1 to 100/],
  [
    'numbers that are none',
    { ...lime, background: Float32Array.from([1, 2, NaN]) },
    /^background: holds NaN or infinity; leave such rows out/,
  ],
  [
    'a row that is no number for LIME',
    { ...lime, rows: Float32Array.from([1, 2, Infinity]) },
    /^rows: holds NaN or infinity/,
  ],
  [
    'a category beyond the features',
    { ...lime, categorical: [3] },
    /^categorical: must be a whole number from 0 to 2, not 3/,
  ],
  ['a category twice', { ...lime, categorical: [1, 1] }, /^categorical: names something twice/],
  [
    'an unknown selection',
    { ...lime, lime: { selection: unknown('lasso_path') } },
    /^lime.selection: must be one of auto, forward_selection, highest_weights, none/,
  ],
  ['no features of a local model', { ...lime, lime: { features: 0 } }, /^lime.features: must be a whole number/],
  [
    'a kernel without width',
    { ...lime, lime: { kernelWidth: 0 } },
    /^lime.kernelWidth: must be a number from 0.000001 to 1000000, not 0/,
  ],
  ['no texts', { ...text, texts: [] }, /^texts: is empty/],
  ['a text without words', { ...text, texts: ['fine', ' ?! '] }, /^texts\[1\]: has no words/],
  [
    'a text of too many words',
    { ...text, texts: [Array.from({ length: 513 }, (_, i) => `w${i}`).join(' ')] },
    /^the number of different words of texts\[0\]: .* to 512, not 513/,
  ],
  ['an image of another size', { ...image, width: 5 }, /^pixels: 48 numbers are no whole rows of 60/],
  ['two channels', { ...image, channels: 2 }, /^channels: must be 3, of red, green and blue, or 1, of grey, not 2/],
  ['no height', { ...image, height: 0 }, /^height: must be a whole number from 1/],
  ['pixels that are no numbers', { ...image, pixels: new Float32Array(48).fill(NaN) }, /^pixels: holds NaN/],
  ['a colour of other channels', { ...image, hideColor: [0] }, /^hideColor: must be 3 numbers/],
  [
    'a region for too few pixels',
    { ...image, segments: new Int32Array(15) },
    /^segments: 15 numbers; give one for each of the 16 pixels/,
  ],
  [
    'a region below 0',
    { ...image, segments: new Int32Array(16).fill(-1) },
    /^segments: must be a whole number from 0 to 511, not -1/,
  ],
  [
    'a kernel of quickshift that is too small',
    { ...image, quickshift: { kernelSize: 0.5 } },
    /^quickshift.kernelSize: must be a number from 1 to 100, not 0.5/,
  ],
  [
    'a ratio of quickshift that is none',
    { ...image, quickshift: { ratio: 2 } },
    /^quickshift.ratio: must be a number from 0 to 1, not 2/,
  ],
  ['no full brightness', { ...image, white: 0 }, /^white: must be a number from/],
];

describe('a request is refused before the model runs, with the field and the cure', () => {
  test.each(refused)('%s', async (...[, request, message, options]: Refused) => {
    runs = 0;
    const answer = ask(request, options);
    await expect(answer).rejects.toMatchObject({ name: 'RequestError', code: 'InvalidArgument' });
    await expect(answer).rejects.toThrow(message);
    expect(runs).toBe(0);
  });
});

describe('a request is refused once the model has shown how many outputs it has', () => {
  const wide: Predict<unknown> = (_, count) => Promise.resolve(new Float32Array(101 * count));

  test('where they are too many', async () => {
    await expect(explain(tabular, wide)).rejects.toThrow(
      /^outputs: 101 are too many; name at most 100, or set topOutputs/,
    );
    expect(await explain({ ...tabular, topOutputs: 2 }, wide)).toMatchObject({ outputs: 2 });
    expect(await explain({ ...tabular, outputs: [100] }, wide)).toMatchObject({ outputs: 1 });
  });

  test('where it has none of that number', async () => {
    const answer = explain({ ...tabular, outputs: [3] }, zeros);
    await expect(answer).rejects.toThrow(/^outputs: must be a whole number from 0 to 2, not 3/);
  });
});

test('an image is refused that is too large to look for regions, unless they are given', async () => {
  const pixels = new Float32Array(513 * 512);
  const large: ImageRequest = { ...image, pixels, height: 513, width: 512, channels: 1 };
  await expect(ask(large)).rejects.toThrow(/^pixels: looking for regions would take too long; send smaller or fewer/);
  const segments = Int32Array.from(pixels.keys(), (pixel) => pixel % 2);
  expect(await ask({ ...large, segments })).toMatchObject({ features: 2 });
});

test('an image is refused that falls into too many regions', async () => {
  const request: ImageRequest = {
    ...image,
    pixels: new Float32Array(30 * 30),
    height: 30,
    width: 30,
    channels: 1,
    quickshift: { maxDistance: 0 },
  };
  await expect(ask(request)).rejects.toThrow(/^quickshift: an image has 900 regions, more than 512; set a larger/);
});

test('what is just allowed is answered', async () => {
  expect(await ask(tabular, { maxEvaluations: 54 })).toMatchObject({ evaluations: 54 });
  expect(await ask({ ...tabular, samples: 6 })).toMatchObject({ rows: 2, features: 3, outputs: 3 });
});
