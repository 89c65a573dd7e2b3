import { expect, test } from '@jest/globals';
import { readSharedStorage, storageOf } from '../../../runtime/config.ts';

const environment = {
  MODELYARD_STORAGE_ALLOWED_CIDRS: '10.0.0.0/8, 192.168.0.0/16',
  MODELYARD_CACHE_DIR: '/cache',
  AWS_ACCESS_KEY_ID: 'of nobody',
  DATA_AWS_ACCESS_KEY_ID: 'reader',
  DATA_AWS_SECRET_ACCESS_KEY: 'secret',
  DATA_AWS_SESSION_TOKEN: '',
  DATA_MODELYARD_STORAGE_CA: 'PEM',
  OUTPUT_AWS_ACCESS_KEY_ID: 'writer',
};

test('each place of a job has the credentials and the CA of its own prefix, and no others', () => {
  const shared = readSharedStorage(environment);
  expect(storageOf(environment, 'data', { endpoint: 'http://s3:9000', region: 'here' }, shared)).toEqual({
    allowedCidrs: ['10.0.0.0/8', '192.168.0.0/16'],
    cacheDir: '/cache',
    cacheMaxBytes: Infinity,
    volumesDir: '/modelyard/volumes',
    allowFileUris: false,
    endpoint: 'http://s3:9000',
    region: 'here',
    ca: 'PEM',
    credentials: { AWS_ACCESS_KEY_ID: 'reader', AWS_SECRET_ACCESS_KEY: 'secret' },
  });
  expect(storageOf(environment, 'output', {}, shared)).toMatchObject({
    endpoint: undefined,
    ca: undefined,
    credentials: { AWS_ACCESS_KEY_ID: 'writer' },
  });
  expect(storageOf(environment, 'checkpoint', {}, shared).credentials).toEqual({});
});
