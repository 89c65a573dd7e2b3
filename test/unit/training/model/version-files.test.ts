import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { defaultLimits } from '../../../../runtime/store/source.ts';
import { fileDigest, folderDigest, listFolder } from '../../../../runtime/store/folder.ts';
import type { TrainingJobFile } from '../../../../runtime/training-contract.ts';
import { jobFile, trainedVersion } from '../../../support/trained-version.ts';
import { versionFiles, type TrainedVersion } from '../../../../runtime/training/model/version-files.ts';

const job: TrainingJobFile = { ...jobFile, acceptance: { metric: 'accuracy', atLeast: 0.9 } };

const trained: TrainedVersion = {
  ...trainedVersion({
    models: { best: Buffer.from('the best model'), last: Buffer.from('the last model') },
    features: { name: 'features', dataType: 'FP32', shape: [-1, 1, 28, 28] },
    classes: ['zero', 'one'],
  }),
  job,
};

const read = (of: TrainedVersion, path: string): string => {
  const content = versionFiles(of).files.get(path);
  if (!content) throw new Error(`no ${path}`);
  return Buffer.from(content).toString();
};
const parse = (of: TrainedVersion, path: string): unknown => JSON.parse(read(of, path));
const withData = (
  data: Partial<TrainingJobFile['data']>,
  dataset: Partial<TrainedVersion['dataset']> = {},
): TrainedVersion => ({
  ...trained,
  job: { ...job, data: { ...job.data, ...data } },
  dataset: { ...trained.dataset, ...dataset },
});

describe('the files of a version', () => {
  test('are the model to serve in a folder of its own, the last model, the loss curve, and at the end the manifest', () => {
    expect([...versionFiles(trained).files.keys()]).toEqual([
      'model/model.onnx',
      'model/config.json',
      'model/preprocessor_config.json',
      'last/model.onnx',
      'history.csv',
      'manifest.json',
    ]);
    expect(read(trained, 'model/model.onnx')).toBe('the best model');
    expect(read(trained, 'last/model.onnx')).toBe('the last model');
    expect(read(trained, 'history.csv')).toBe('step,loss,validationLoss\n64,0.5,0.2\n128,0.4,\n');
  });

  test('are the same bytes for the same job on the same software', () => {
    const all = (): string => Buffer.concat([...versionFiles(trained).files.values()]).toString('hex');
    expect(all()).toBe(all());
  });

  test('name the classes as Hugging Face does, where there are classes', () => {
    expect(parse(trained, 'model/config.json')).toEqual({ id2label: { '0': 'zero', '1': 'one' } });
    expect([...versionFiles(withData({}, { classes: undefined })).files.keys()]).not.toContain('model/config.json');
  });

  test('name the columns and their scale, where a row is a list of numbers, and say of what kind the answers are', () => {
    const featureNames = ['age', 'income'];
    expect(parse(withData({}, { featureNames }), 'model/config.json')).toEqual({
      id2label: { '0': 'zero', '1': 'one' },
      feature_names: featureNames,
      feature_scale: 1 / 255,
    });
    expect(parse(withData({ scale: 1 }, { featureNames, classes: undefined }), 'model/config.json')).toEqual({
      problem_type: 'regression',
      feature_names: featureNames,
    });
  });

  test('have a manifest with all that the model came of, and what it is worth', () => {
    expect(parse(trained, 'manifest.json')).toEqual({
      formatVersion: 1,
      modelName: 'digits',
      job: { namespace: 'team-a', name: 'digits-2026-11' },
      specHash: job.specHash,
      seed: 5,
      data: {
        uri: 'pvc://data/digits.csv',
        digest: trained.dataset.digest,
        rows: 1_000,
        badRows: 3,
        split: { train: 800, validation: 100, test: 100 },
      },
      steps: { best: 64, last: 128 },
      metrics: trained.metrics,
      acceptance: { metric: 'accuracy', atLeast: 0.9, accepted: true },
      software: trained.software,
      model: { folder: 'model', digest: versionFiles(trained).manifest.model.digest },
      files: versionFiles(trained).manifest.files,
    });
  });

  test('have a manifest that names the model file to begin with, where there was one', () => {
    const model = { kind: 'Onnx', location: { uri: 's3://zoo/net.onnx' } } as const;
    const digest = `sha256:${'3'.repeat(64)}`;
    const further = { ...trained, job: { ...job, model }, baseDigest: digest };
    expect(parse(further, 'manifest.json')).toMatchObject({ base: { uri: 's3://zoo/net.onnx', digest } });
  });

  test('are listed in the manifest with their sizes and hashes', () => {
    const { files, manifest } = versionFiles(trained);
    for (const { path, bytes, sha256 } of manifest.files) {
      const content = files.get(path) ?? Buffer.alloc(0);
      expect(content.byteLength).toBe(bytes);
      expect(createHash('sha256').update(content).digest('hex')).toBe(sha256);
    }
    expect([...manifest.files.map(({ path }) => path), 'manifest.json'].sort()).toEqual([...files.keys()].sort());
  });

  test('have the digest that the model store finds for the folder it serves', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'modelyard-version-'));
    try {
      const { files, manifest } = versionFiles(trained);
      for (const [path, content] of files) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), content);
      }
      const served = join(folder, manifest.model.folder);
      const paths = await listFolder(served, folder, 'the folder', defaultLimits);
      const signal = AbortSignal.timeout(5_000);
      const digests = await Promise.all(
        paths.map(async (path) => ({ path, digest: await fileDigest(join(served, path), signal) })),
      );
      expect(manifest.model.digest).toBe(folderDigest(digests));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test.each([
    [0.93, 0.95, false],
    [0.95, 0.95, true],
  ])('say whether an accuracy of %d is accepted that must be %d', (accuracy, atLeast, accepted) => {
    const { manifest } = versionFiles({
      ...trained,
      job: { ...job, acceptance: { metric: 'accuracy', atLeast } },
      metrics: { ...trained.metrics, test: { loss: 0, accuracy } },
    });
    expect(manifest.acceptance).toEqual({ metric: 'accuracy', atLeast, accepted });
  });

  test('say that a job accepts whatever comes out where it sets no bar', () => {
    expect(versionFiles({ ...trained, job: jobFile }).manifest.acceptance).toEqual({ accepted: true });
  });
});

describe('pictures are served as they were trained', () => {
  const preprocessor = 'model/preprocessor_config.json';
  const expected = {
    do_resize: true,
    size: { height: 28, width: 28 },
    resample: 2,
    do_rescale: true,
    do_normalize: false,
  };
  const names = (of: TrainedVersion): string[] => [...versionFiles(of).files.keys()];

  test('levels in columns are multiplied by the scale of the job', () => {
    expect(parse(trained, preprocessor)).toEqual({ ...expected, rescale_factor: 1 / 255 });
  });

  test('files of images become fractions first, and are multiplied by the scale then', () => {
    const image = { column: 'file', height: 28, width: 28, channels: 1 } as const;
    expect(parse(withData({ image, scale: 2 }), preprocessor)).toEqual({ ...expected, rescale_factor: 2 / 255 });
  });

  test('numbers that nobody scaled are fractions, which is what a server gives by itself', () => {
    expect(names(withData({ scale: 1 }))).not.toContain(preprocessor);
  });

  test.each([[[-1, 784]], [[-1, 4, 28, 28]], [[-1, 28, 28]]])('data of the shape %j are no pictures', (shape) => {
    const features = { name: 'features', dataType: 'FP32', shape } as const;
    expect(names(withData({}, { features }))).not.toContain(preprocessor);
  });
});
