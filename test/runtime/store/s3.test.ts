import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startS3Server, type S3Server } from '../../support/s3-server.ts';
import { cuttingProxy, openWorkplace, sha256, type Workplace } from './workplace.ts';

describe('s3 URIs, on a real S3 server', () => {
  let s3: S3Server;
  let work: Workplace;
  beforeAll(async () => {
    s3 = await startS3Server();
  }, 600_000);
  afterAll(() => s3.close());
  beforeEach(async () => {
    work = await openWorkplace();
  });
  afterEach(() => work.remove());

  const storage = () => ({ endpoint: s3.endpoint, credentials: s3.credentials });

  test('a prefix is a folder with the digest that sha256sum gives', async () => {
    await s3.put('models', {
      'digits/v3/model.onnx': 'weights',
      'digits/v3/config.json': '{}',
      'digits/v30/x.onnx': 'no',
    });
    const found = await work.resolve('s3://models/digits/v3', { storage: storage() });
    const lines = [`${sha256('weights').slice(7)}  model.onnx\n`, `${sha256('{}').slice(7)}  config.json\n`];
    expect(found.digest).toBe(sha256(lines.sort().join('')));
    expect(await readFile(found.modelPath, 'utf8')).toBe('weights');
    expect(await readFile(join(found.directory, 'config.json'), 'utf8')).toBe('{}');
  });

  test('a download that is cut twice goes on where it was cut', async () => {
    const content = randomBytes(3_000_000);
    await s3.put('models', { 'big.onnx': content });
    const proxy = await cuttingProxy(Number(new URL(s3.endpoint).port), [1_000_000, 1_000_000]);
    try {
      const found = await work.resolve('s3://models/big.onnx', {
        storage: { ...storage(), endpoint: `http://127.0.0.1:${proxy.port}` },
      });
      expect(found.digest).toBe(sha256(content));
      expect(sha256(await readFile(found.modelPath))).toBe(sha256(content));
      expect(await work.parts()).toEqual([]);
    } finally {
      await proxy.close();
    }
  });

  test('what is missing is named, with its bucket and key', async () => {
    await s3.put('models', {});
    expect(await work.fault('s3://models/no/such.onnx', { storage: storage() })).toMatchObject({
      code: 'NotFound',
      message: expect.stringMatching(/"models".*"no\/such\.onnx"/),
    });
    expect(await work.fault('s3://models/empty/', { storage: storage() })).toMatchObject({ code: 'NotFound' });
    expect(await work.fault('s3://nobody/x.onnx', { storage: storage() })).toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('no bucket "nobody"'),
    });
  });

  test('wrong or absent credentials are AccessDenied and never shown', async () => {
    await s3.put('models', { 'a.onnx': 'a' });
    const wrong = { ...s3.credentials, AWS_SECRET_ACCESS_KEY: 'hunter2' };
    for (const credentials of [wrong, {}]) {
      const fault = await work.fault('s3://models/a.onnx', { storage: { ...storage(), credentials } });
      expect(fault.code).toBe('AccessDenied');
      expect(fault.message).not.toContain('hunter2');
    }
  });

  test('an endpoint in a range that is not allowed is refused', async () => {
    const fault = await work.fault('s3://models/a.onnx', { storage: { ...storage(), allowedCidrs: [] } });
    expect(fault).toMatchObject({ code: 'AddressNotAllowed', message: expect.stringContaining('loopback') });
    const named = { ...storage(), endpoint: s3.endpoint.replace('127.0.0.1', 'localhost'), allowedCidrs: [] };
    expect(await work.fault('s3://models/a.onnx', { storage: named })).toMatchObject({ code: 'AddressNotAllowed' });
  });
});
