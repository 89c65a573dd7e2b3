import { describe, expect, test } from '@jest/globals';
import { firstFinding } from '../../../../operator/core/checks.ts';
import { specChecks } from '../../../../operator/core/training/spec-checks.ts';
import { maxOutputUriLength } from '../../../../runtime/training-contract.ts';
import { modelFolder, versionName } from '../../../../runtime/training/model/version-files.ts';
import { jobFile } from '../../../support/trained-version.ts';
import { admittedJob, smallSpec } from '../../../support/training-world.ts';

const { train } = smallSpec;
const finding = (spec: Record<string, unknown>, allowFileUris = false) =>
  firstFinding(specChecks, { owner: admittedJob({ spec }), inputs: { allowFileUris } });
const reads = (uri: string) => ({ train: { ...train, data: { ...train.data, uri } } });

describe('what no pod could ever do is said by its field, before any pod is made', () => {
  test.each<[string, Record<string, unknown>, string, string]>([
    [
      'own containers',
      { train: undefined, containers: { worker: { image: 'a' } }, parameterServers: { replicas: 0 } },
      'UnsupportedContainers',
      'spec.containers',
    ],
    ['a mode', { consistency: { mode: 'Asynchronous' } }, 'UnsupportedConsistency', 'spec.consistency.mode'],
    [
      'texts',
      { train: { ...train, data: { ...train.data, text: { column: 'a', tokenizer: 's3://a/b' } } } },
      'UnsupportedData',
      'spec.train.data.text',
    ],
    ['a queue', { runPolicy: { queueName: 'team-a' } }, 'UnsupportedQueue', 'spec.runPolicy.queueName team-a'],
    ['data in a file', reads('file:///digits.csv'), 'UnsupportedScheme', 'spec.train.data.uri file:///digits.csv'],
    [
      'results over HTTP',
      { output: { uri: 'https://a/b', modelName: 'x' } },
      'UnsupportedScheme',
      'spec.output.uri has the scheme https, which this version does not write to; use one of s3, pvc',
    ],
    [
      'results too deep in folders',
      { output: { uri: `s3://a/${'é'.repeat(150)}`, modelName: 'x' } },
      'UriTooLong',
      'spec.output.uri is 907 characters long',
    ],
    ['checkpoints over HTTP', { checkpoint: { uri: 'http://a/b' } }, 'UnsupportedScheme', 'spec.checkpoint.uri'],
    [
      'a device',
      { workers: { accelerator: { resource: 'amd.com/gpu' } } },
      'UnsupportedAccelerator',
      'spec.workers.accelerator.resource amd.com/gpu',
    ],
  ])('%s', (_, spec, reason, says) => {
    expect(finding(spec)).toMatchObject({ terminal: true, type: 'Warning', reason });
    expect(finding(spec)?.message).toContain(says);
  });

  test.each(['s3://a/b', 'http://a/b', 'https://a/b', 'pvc://a/b', 'oci://a/b', 'hf://datasets/a/b', 'gs://a/b'])(
    'data at %s is fine',
    (uri) => {
      expect(finding(reads(uri))).toBeUndefined();
    },
  );

  test('a scheme that only newer CRDs admit is named', () => {
    const owner = admittedJob({ spec: reads('s3://a/b') });
    const newer = structuredClone(owner);
    if (newer.spec.train) newer.spec.train.data.uri = 'ipfs://a/b';
    expect(firstFinding(specChecks, { owner: newer, inputs: { allowFileUris: false } })).toMatchObject({
      reason: 'UnsupportedScheme',
      message: expect.stringMatching(/spec\.train\.data\.uri has the scheme ipfs.*use one of s3, http, https, pvc/),
    });
  });

  test('a laptop reads and writes files', () => {
    const files = { ...reads('file:///a'), output: { uri: 'file:///b', modelName: 'x' } };
    expect(finding(files, true)).toBeUndefined();
    expect(finding({ ...files, checkpoint: { uri: 'file:///c' } }, true)).toBeUndefined();
  });

  test('the longest place for results is long enough for whatever lies in it', () => {
    const uri = `s3://a/${'b'.repeat(maxOutputUriLength - 's3://a/'.length)}`;
    expect(finding({ output: { uri, modelName: 'x' } })).toBeUndefined();
    const digest = `sha256:${'1'.repeat(64)}`;
    const version = versionName({ ...jobFile, specHash: digest }, { baseDigest: digest, dataset: { digest } });
    expect([uri, 'x'.repeat(63), version, modelFolder].join('/').length).toBeLessThanOrEqual(1_024);
  });
});
