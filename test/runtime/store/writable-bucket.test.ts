import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import type { IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { WritableFolder } from '../../../runtime/store/writable-folder.ts';
import { startS3Server, type S3Server } from '../../support/s3-server.ts';
import { s3Proxy, type Fate } from './s3-proxy.ts';
import { bytes, openFolder, storeErrorOf, text, type Opening } from './writable-world.ts';
import { serve } from './workplace.ts';

let s3: S3Server;
let buckets = 0;
let bucket: string;
const closing: (() => Promise<void>)[] = [];
beforeAll(async () => {
  s3 = await startS3Server();
}, 600_000);
afterAll(() => s3.close());
beforeEach(async () => {
  bucket = `bucket-${++buckets}`;
  await s3.client.send(new CreateBucketCommand({ Bucket: bucket }));
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function open(storage: Opening['storage'] = {}, options: Opening['options'] = {}): Promise<WritableFolder> {
  const folder = await openFolder({
    uri: `s3://${bucket}/runs`,
    storage: { endpoint: s3.endpoint, credentials: s3.credentials, ...storage },
    options,
  });
  closing.push(() => folder.close());
  return folder;
}

/** A folder whose requests meet their fate, from the moment it is open. */
async function openBehind(
  fate: (request: IncomingMessage, count: number) => Fate,
  options: Opening['options'] = {},
): Promise<WritableFolder> {
  let opened = false;
  let count = 0;
  const proxy = await s3Proxy(s3.endpoint, (request) => (opened ? fate(request, ++count) : 'pass'));
  closing.push(() => proxy.close());
  const folder = await open({ endpoint: `http://127.0.0.1:${proxy.port}` }, options);
  opened = true;
  return folder;
}

const keys = async (): Promise<(string | undefined)[]> =>
  ((await s3.client.send(new ListObjectsV2Command({ Bucket: bucket }))).Contents ?? []).map(({ Key }) => Key);

test('a list has all pages', async () => {
  const folder = await open();
  const paths = Array.from({ length: 1100 }, (_, index) => `step-${index}`);
  for (let at = 0; at < paths.length; at += 50) {
    await Promise.all(paths.slice(at, at + 50).map((path) => folder.write(path, [])));
  }
  expect(await folder.list('step-')).toEqual([...paths].sort());
}, 60_000);

test('the root of a bucket is a folder, and opening one leaves nothing', async () => {
  for (const uri of [`s3://${bucket}`, `s3://${bucket}/`, `s3://${bucket}/with%20space/`]) {
    const folder = await openFolder({ uri, storage: { endpoint: s3.endpoint, credentials: s3.credentials } });
    closing.push(() => folder.close());
    expect(await folder.list('')).toEqual([]);
    expect(await keys()).toEqual([]);
    await folder.write('a', [bytes(uri)]);
    expect(await keys()).toEqual([uri.includes('space') ? 'with space/a' : 'a']);
    await folder.remove('a');
  }
});

describe('a bucket that is not there', () => {
  test('is named, before and after it was opened', async () => {
    const folder = await open();
    await folder.write('a', [bytes('a')]);
    await s3.client.send(new DeleteObjectCommand({ Bucket: bucket, Key: 'runs/a' }));
    await s3.client.send(new DeleteBucketCommand({ Bucket: bucket }));
    const large = new Uint8Array(20_000_000);
    for (const act of [
      () => folder.read('a'),
      () => folder.readRange('a', 0, 1),
      () => folder.write('a', [bytes('a')]),
      () => folder.write('a', [large]),
      () => folder.create('a', bytes('a')),
      () => folder.list(''),
      () => folder.remove('a'),
      () => open(),
    ]) {
      const error = await storeErrorOf(act());
      expect(error).toMatchObject({ code: 'StorageUnavailable', retrying: true });
      expect(error.message).toMatch(new RegExp(`^There is no bucket "${bucket}" for s3:.*spec\\.checkpoint\\.uri`));
    }
  });
});

test('wrong or absent credentials are AccessDenied, and never shown', async () => {
  for (const credentials of [{ ...s3.credentials, AWS_SECRET_ACCESS_KEY: 'hunter2' }, {}]) {
    const error = await storeErrorOf(open({ credentials }));
    expect(error).toMatchObject({
      code: 'AccessDenied',
      message: expect.stringContaining('read and write the bucket'),
    });
    expect(error.message).not.toContain('hunter2');
  }
});

test('an endpoint in a range that is not allowed is refused', async () => {
  for (const endpoint of [s3.endpoint, s3.endpoint.replace('127.0.0.1', 'localhost')]) {
    expect(await storeErrorOf(open({ endpoint, allowedCidrs: [] }))).toMatchObject({ code: 'AddressNotAllowed' });
  }
});

describe('a server that fails', () => {
  const large = [new Uint8Array(10_000_000).fill(1), new Uint8Array(8_000_000).fill(2)];

  test.each<[string, Fate]>([
    ['is asked to slow down', { status: 503, code: 'SlowDown' }],
    ['has an error inside', { status: 500, code: 'InternalError' }],
    ['has somebody else write', { status: 409, code: 'ConditionalRequestConflict' }],
    ['cuts the connection', 'lost'],
  ])('is asked again where it %s, and nothing is told twice', async (_what, fate) => {
    const folder = await openBehind((_request, count) => (count % 2 === 1 ? fate : 'pass'));
    expect(await folder.create('claim', bytes('mine'))).toBe(true);
    expect(await folder.create('claim', bytes('mine'))).toBe(false);
    await folder.write('large', large);
    expect(Buffer.concat(large).equals((await folder.read('large')) ?? new Uint8Array())).toBe(true);
    expect(text(await folder.readRange('claim', 1, 3))).toBe('in');
    expect(await folder.list('')).toEqual(['claim', 'large']);
    await folder.remove('large');
    expect(await folder.read('large')).toBeUndefined();
  });

  test('for long is StorageUnavailable after a bounded time, and an upload leaves nothing', async () => {
    const folder = await openBehind(({ method }) => (method === 'PUT' ? { status: 503, code: 'SlowDown' } : 'pass'), {
      limits: { retryForMs: 300 },
    });
    for (const parts of [[bytes('small')], large]) {
      const from = performance.now();
      expect(await storeErrorOf(folder.write('a', parts))).toMatchObject({
        code: 'StorageUnavailable',
        retrying: true,
        message: expect.stringContaining('503 (SlowDown)'),
      });
      expect(performance.now() - from).toBeLessThan(5_000);
    }
    expect(await folder.list('')).toEqual([]);
    const left = await s3.client.send(new ListMultipartUploadsCommand({ Bucket: bucket }));
    expect(left.Uploads ?? []).toEqual([]);
  });

  test.each([
    [507, 'InsufficientStorage'],
    [400, 'XMinioStorageFull'],
    [403, 'QuotaExceeded'],
  ])('with %i %s is StorageFull, at once', async (status, code) => {
    const folder = await openBehind(({ method }) => (method === 'PUT' ? { status, code } : 'pass'));
    for (const parts of [[bytes('small')], large]) {
      expect(await storeErrorOf(folder.write('a', parts))).toMatchObject({
        code: 'StorageFull',
        retrying: true,
        message: expect.stringContaining(`s3://${bucket}/runs/a`),
      });
    }
  });

  test.each<[string, Fate]>([
    ['loses its answer to', 'lost'],
    ['lost the upload before', { status: 404, code: 'NoSuchUpload' }],
  ])('and %s the end of an upload has the object all the same', async (_what, fate) => {
    let ends = 0;
    const folder = await openBehind(({ method, url = '' }) =>
      method === 'POST' && url.includes('uploadId=') && ends++ === 0 ? fate : 'pass',
    );
    await folder.write('large', large);
    expect(ends).toBe(2);
    expect(Buffer.concat(large).equals((await folder.read('large')) ?? new Uint8Array())).toBe(true);
  });

  test('is left when the job is told to stop', async () => {
    const controller = new AbortController();
    const folder = await openBehind(() => ({ status: 503, code: 'SlowDown' }), { signal: controller.signal });
    const writing = folder.write('a', [bytes('a')]);
    controller.abort(new Error('stopped'));
    await expect(writing).rejects.toThrow('stopped');
  });
});

describe('a server without conditional writes is refused when the folder is opened', () => {
  test.each([
    ['ignores the condition', 200],
    ['does not know it', 501],
  ])('as it %s', async (_what, status) => {
    const server = await serve((request, response) => {
      request.resume();
      response.writeHead(request.method === 'PUT' ? status : 204).end();
    });
    closing.push(() => server.close());
    const error = await storeErrorOf(open({ endpoint: `http://127.0.0.1:${server.port}` }));
    expect(error).toMatchObject({ code: 'StorageUnsupported', retrying: false });
    expect(error.message).toMatch(/If-None-Match.*spec\.checkpoint\.storage\.endpoint.*pvc:\/\/CLAIM\/PATH/);
  });
});
