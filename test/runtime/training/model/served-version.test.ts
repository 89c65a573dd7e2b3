import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import sharp from 'sharp';
import { buildModel } from '../../../../runtime/training/model/build-model.ts';
import { versionFiles, type VersionManifest } from '../../../../runtime/training/model/version-files.ts';
import { uniform } from '../../../../runtime/numeric/random.ts';
import { startServingProcess, type ServingProcess } from '../../../support/serving.ts';
import { trainedVersion } from '../../../support/trained-version.ts';
import { runModel } from './run-model.ts';

/** Ten sorts of pictures, 8 by 8, whose levels from 0 to 255 the job scaled to fractions. */
const features = { name: 'features', dataType: 'FP32' as const, shape: [-1, 1, 8, 8] };
const classes = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const model = buildModel(
  { kind: 'Cnn', channels: [8], kernelSize: 3, activation: 'Relu', batchNormalization: false, dropout: 0 },
  { features, label: { kind: 'Classes', classes: 10 }, seed: 3 },
);

/** The most likely class of a row of logits. */
function likeliest(logits: Float32Array): { label: string | undefined; score: number } {
  const largest = Math.max(...logits);
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
  return { label: classes[logits.indexOf(largest)], score: 1 / total };
}

describe('the folder of a trained model', () => {
  let folder: string;
  let manifest: VersionManifest;
  let serving: ServingProcess;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'modelyard-version-'));
    const version = versionFiles(trainedVersion({ models: { best: model, last: model }, features, classes }));
    ({ manifest } = version);
    for (const [path, content] of version.files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    const modelUri = `${pathToFileURL(join(folder, manifest.model.folder)).href}/`;
    serving = startServingProcess({ files: {}, settings: { modelUri, task: 'ImageClassification' } });
    await serving.ready();
  });

  afterAll(async () => {
    await serving.stop();
    rmSync(folder, { recursive: true });
  });

  test('is served by its URI, under the digest that the manifest says', async () => {
    expect((await serving.report()).model.digest).toBe(manifest.model.digest);
  });

  test('tells the classes of pictures as the model does that was trained on their levels', async () => {
    const levels = Uint8Array.from(uniform(5, ['levels'], 64), (value) => Math.floor(256 * value));
    const png = await sharp(levels, { raw: { width: 8, height: 8, channels: 1 } })
      .png()
      .toBuffer();
    const response = await fetch(`${serving.url}/v2/models/model/predict`, {
      method: 'POST',
      body: png,
      headers: { 'content-type': 'image/png' },
    });
    const { predictions } = (await response.json()) as { predictions: { label: string; score: number }[] };
    const data = Float32Array.from(levels, (level) => level / 255);
    const expected = likeliest((await runModel(model, { features: { data, shape: [1, 1, 8, 8] } })).data);
    expect(predictions[0]?.label).toBe(expected.label);
    expect(predictions[0]?.score).toBeCloseTo(expected.score, 5);
  });
});
