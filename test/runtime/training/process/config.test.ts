import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { readTrainingConfig } from '../../../../runtime/training/config.ts';
import { readJobFile } from '../../../../runtime/training/job-file.ts';
import { jobIn } from '../../../support/training-job.ts';

const environment = {
  MODELYARD_ROLE: 'ParameterServer',
  MODELYARD_INDEX: '1',
  MODELYARD_JOB_FILE: '/job/job.json',
  MODELYARD_PARAMETER_SERVERS: 'job-ps-0.job.ns.svc:7000,job-ps-1.job.ns.svc:7001',
  POD_NAME: 'job-ps-1',
  POD_IP: '10.1.2.3',
};

describe('the configuration of a training process', () => {
  test('is read from the environment', () => {
    expect(readTrainingConfig(environment)).toMatchObject({
      role: 'ParameterServer',
      index: 1,
      jobFile: '/job/job.json',
      parameterServers: [
        { host: 'job-ps-0.job.ns.svc', port: 7000 },
        { host: 'job-ps-1.job.ns.svc', port: 7001 },
      ],
      tlsDir: undefined,
      executionProvider: 'cpu',
      terminationLog: '/dev/termination-log',
      podName: 'job-ps-1',
      host: '0.0.0.0',
      logLevel: 'info',
    });
  });

  test.each<[Record<string, string | undefined>, string]>([
    [{ MODELYARD_ROLE: undefined }, 'MODELYARD_ROLE is not set; set it to one of ParameterServer, Worker'],
    [{ MODELYARD_ROLE: 'Server' }, 'MODELYARD_ROLE is "Server"; set it to one of ParameterServer, Worker'],
    [{ MODELYARD_INDEX: undefined }, 'MODELYARD_INDEX is not set; set it to a whole number from 0 to 99999'],
    [
      { MODELYARD_INDEX: '2' },
      'MODELYARD_INDEX is 2, but MODELYARD_PARAMETER_SERVERS names 2; name every parameter server there',
    ],
    [{ MODELYARD_PARAMETER_SERVERS: '' }, 'MODELYARD_PARAMETER_SERVERS is not set; set it to HOST:PORT,HOST:PORT'],
    [{ MODELYARD_PARAMETER_SERVERS: 'a,b:1' }, 'MODELYARD_PARAMETER_SERVERS is "a,b:1"; set it to HOST:PORT,HOST:PORT'],
    [{ MODELYARD_EXECUTION_PROVIDER: 'tpu' }, 'MODELYARD_EXECUTION_PROVIDER is "tpu"; set it to one of cpu, cuda'],
  ])('%j is refused by the name of the variable', (change, message) => {
    expect(() => readTrainingConfig({ ...environment, ...change })).toThrow(message);
  });

  test('lets a worker have any index', () => {
    const worker = { ...environment, MODELYARD_ROLE: 'Worker', MODELYARD_INDEX: '17' };
    expect(readTrainingConfig(worker)).toMatchObject({ role: 'Worker', index: 17 });
  });
});

describe('the job file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'modelyard-job-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const read = (content: unknown): unknown => {
    const path = join(folder, 'job.json');
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return readJobFile(path);
  };
  const job = jobIn('/data');

  test('is taken as it is', () => {
    expect(read(job)).toEqual(job);
    const full = {
      ...job,
      model: { kind: 'Onnx', location: { uri: 's3://a/b', endpoint: 'http://s3', region: 'here' } },
      headClasses: 3,
      patience: 2,
      acceptance: { metric: 'accuracy', atLeast: 0.5 },
      optimizer: { ...job.optimizer, clipNorm: 1 },
      data: { ...job.data, features: ['a'], shape: [1, 2], image: { column: 'i', height: 2, width: 2, channels: 3 } },
    };
    expect(read(full)).toEqual(full);
  });

  test.each<[unknown, RegExp]>([
    ['{', /MODELYARD_JOB_FILE names a file that is not JSON/],
    [{ ...job, version: 2 }, /MODELYARD_JOB_FILE names, version: .*same version as this image/],
    [{ ...job, optimizer: { ...job.optimizer, name: 'Sgd' } }, /optimizer\.name: /],
    [{ ...job, specHash: 'abc' }, /specHash: /],
    [{ ...job, gradientShards: 0 }, /gradientShards: /],
    [{ ...job, checkpoint: undefined }, /checkpoint: /],
  ])('%j is refused by the name of the field', (content, message) => {
    expect(() => read(content)).toThrow(message);
  });

  test('is refused where there is none', () => {
    expect(() => readJobFile(join(folder, 'none.json'))).toThrow(/MODELYARD_JOB_FILE names a file/);
  });
});
