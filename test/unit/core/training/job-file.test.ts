/** What pods are told, and what of it names the result. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { jobConfigMap } from '../../../../operator/core/training/job-file.ts';
import { readJobFile } from '../../../../runtime/training/job-file.ts';
import type { TrainingJobFile } from '../../../../runtime/training-contract.ts';
import { stored } from '../../../support/stored.ts';
import { admittedJob, smallSpec } from '../../../support/training-world.ts';

const { train, output } = smallSpec;

function fileOf(spec: Record<string, unknown>, metadata: object = {}): string {
  const owner = admittedJob({ spec, metadata });
  if (owner.spec.train === undefined) throw new Error('the job has no spec.train');
  return (jobConfigMap(owner, owner.spec.train, []).data as Record<string, string>)['job.json'] ?? '';
}

const parsed = (spec: Record<string, unknown>, metadata: object = {}) =>
  JSON.parse(fileOf(spec, metadata)) as TrainingJobFile;
const hashOf = (spec: Record<string, unknown>, metadata: object = {}) => parsed(spec, metadata).specHash;
const trained = (more: object) => ({ train: { ...train, ...more } });
const read = (more: object) => trained({ data: { ...train.data, ...more } });

describe('the hash of the spec', () => {
  test.each<[string, Record<string, unknown>]>([
    ['who computes it', { workers: { replicas: 7 }, parameterServers: { replicas: 3 } }],
    ['how it runs', { runPolicy: { backoffLimit: 1 }, transport: { tlsSecretRef: { name: 'a' } } }],
    ['what is kept on the way', { checkpoint: { uri: 's3://a/b', every: 7, keep: 1 } }],
    ['where the result goes', { output: { uri: 'pvc://models/', modelName: 'other' } }],
    ['what the result must reach', { acceptance: { metric: 'accuracy', atLeast: 0.5 } }],
    ['how the data is reached', read({ storage: { region: 'eu', credentialsSecretRef: { name: 'a' } } })],
  ])('does not change with %s', (_, spec) => {
    expect(hashOf(spec)).toBe(hashOf({}));
  });

  test('does not change with the name of the job', () => {
    expect(hashOf({}, { name: 'other', namespace: 'team-b' })).toBe(hashOf({}));
  });

  test.each<[string, Record<string, unknown>]>([
    ['the model', trained({ model: { mlp: { hidden: [65] } } })],
    ['its activation', trained({ model: { mlp: { hidden: [64], activation: 'Tanh' } } })],
    ['the data', read({ uri: 'pvc://data/other.csv' })],
    ['the label', read({ label: 'other' })],
    ['the scale', read({ scale: 0.5 })],
    ['the features', read({ features: ['a', 'b'] })],
    ['their order', read({ features: ['b', 'a'] })],
    ['the splits', read({ validationSplit: 0.2 })],
    ['the loss', trained({ loss: 'MeanSquaredError', metrics: [] })],
    ['what is measured', trained({ metrics: ['f1'] })],
    ['the optimizer', trained({ optimizer: { learningRate: 0.1 } })],
    ['the schedule', trained({ optimizer: { schedule: { warmupSteps: 1 } } })],
    ['the epochs', trained({ epochs: 11 })],
    ['the batch', trained({ batchSize: 64 })],
    ['the shards', trained({ gradientShards: 4 })],
    ['the seed', trained({ seed: 2 })],
    ['the patience', trained({ earlyStopping: { patience: 2 } })],
  ])('changes with %s', (_, spec) => {
    expect(hashOf(spec)).not.toBe(hashOf({}));
  });

  test('is not the same for a model that is only started from', () => {
    const started = trained({ model: { uri: 's3://models/start.onnx' } });
    const frozen = trained({ model: { uri: 's3://models/start.onnx' }, trainable: { freeze: ['a'] } });
    expect(new Set([hashOf({}), hashOf(started), hashOf(frozen)]).size).toBe(3);
  });
});

describe('the job file', () => {
  test('is one that the runtime of this version reads, whatever the spec says', () => {
    const folder = mkdtempSync(join(tmpdir(), 'modelyard-job-file-'));
    const path = join(folder, 'job.json');
    const full = {
      train: {
        model: { uri: 's3://models/start.onnx', storage: { endpoint: 'http://minio:9000', region: 'eu' } },
        trainable: { freeze: ['encoder.*'], head: { classes: 3 } },
        data: { uri: 'pvc://data/x', label: 'y', image: { column: 'f', height: 2, width: 3 } },
        loss: 'CrossEntropy',
        optimizer: { clipNorm: 1 },
        earlyStopping: {},
      },
      acceptance: { metric: 'loss', atMost: 1 },
    };
    const cnn = trained({
      model: { cnn: { channels: [4, 8], batchNormalization: true, dropout: 0.5 } },
      data: { uri: 'pvc://data/x', label: 'y', features: ['a'], shape: [1] },
    });
    try {
      for (const spec of [{}, full, cnn]) {
        writeFileSync(path, fileOf(spec));
        expect(readJobFile(path)).toEqual(JSON.parse(fileOf(spec)));
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('names the places without anything secret, and puts checkpoints beside the output unless told otherwise', () => {
    const storage = { credentialsSecretRef: { name: 'top-secret' }, caConfigMapRef: { name: 'ca' }, region: 'eu' };
    const text = fileOf({ output: { ...output, uri: 's3://models//', storage } });
    expect(text).not.toContain('top-secret');
    const { checkpoint, output: result } = JSON.parse(text) as TrainingJobFile;
    expect(result.location).toEqual({ uri: 's3://models//', region: 'eu' });
    expect(checkpoint.location).toEqual({ uri: 's3://models/.checkpoints/team-a/digits', region: 'eu' });
    expect(parsed({ checkpoint: { uri: 'pvc://c/p' }, output: { ...output, storage } }).checkpoint.location).toEqual({
      uri: 'pvc://c/p',
    });
  });

  test('stays as it was written, whatever changes while the job runs', () => {
    const owner = admittedJob();
    const changed = admittedJob({ spec: { acceptance: { metric: 'loss', atMost: 1 } } });
    if (owner.spec.train === undefined) throw new Error('the job has no spec.train');
    const written = jobConfigMap(owner, owner.spec.train, []);
    expect(written.immutable).toBe(true);
    expect(jobConfigMap(changed, owner.spec.train, [stored(written)])).toEqual(written);
    expect(jobConfigMap(changed, owner.spec.train, [])).not.toEqual(written);
  });
});
