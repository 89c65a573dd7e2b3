import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readFile, symlink } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Progress } from '../../../runtime/store/request.ts';
import { cuttingProxy, openWorkplace, serve, sha256, type Listening, type Workplace } from './workplace.ts';

let work: Workplace;
const open: Listening[] = [];
beforeEach(async () => {
  work = await openWorkplace();
});
afterEach(async () => {
  for (const listening of open.splice(0).reverse()) await listening.close();
  await work.remove();
});

const start = async (listener: RequestListener): Promise<number> => {
  const server = await serve(listener);
  open.push(server);
  return server.port;
};

/** A server with strong ETags and ranges. */
const files =
  (content: () => Buffer, ranges: (string | undefined)[] = []): RequestListener =>
  (request, response) => {
    const etag = `"${sha256(content())}"`;
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
    ranges.push(request.headers.range);
    const isPart = range !== undefined && request.headers['if-range'] === etag;
    const body = isPart ? content().subarray(Number(range)) : content();
    const where = isPart ? { 'content-range': `bytes ${range}-${content().length - 1}/${content().length}` } : {};
    response.writeHead(isPart ? 206 : 200, { etag, 'content-length': body.length, ...where }).end(body);
  };

describe('http URIs', () => {
  test('a download goes on where it was cut, in this attempt and in the next', async () => {
    const content = randomBytes(4_000_000);
    const ranges: (string | undefined)[] = [];
    const port = await start(files(() => content, ranges));
    const proxy = await cuttingProxy(port, [1_500_000, 0, 1_000_000]);
    open.push(proxy);
    const uri = `http://127.0.0.1:${proxy.port}/m.onnx`;
    expect(await work.fault(uri, { limits: { cuts: 1 } })).toMatchObject({
      code: 'StorageUnavailable',
      retrying: true,
    });
    expect(await work.parts()).toEqual([expect.stringMatching(/\.free$/)]);
    const done: Progress[] = [];
    const found = await work.resolve(uri, {}, { onProgress: (progress) => done.push(progress) });
    expect(sha256(await readFile(found.modelPath))).toBe(sha256(content));
    expect(ranges.some((range) => range !== undefined && range !== 'bytes=0-')).toBe(true);
    expect(done.at(-1)).toEqual({ phase: 'Downloading', bytesDone: 4_000_000, bytesTotal: 4_000_000 });
    expect(await work.parts()).toEqual([]);
  });

  test('content that changed between two parts starts over', async () => {
    let content = randomBytes(2_000_000);
    const port = await start(files(() => content));
    const proxy = await cuttingProxy(port, [1_500_000]);
    open.push(proxy);
    const next = randomBytes(2_000_000);
    const changed = work.resolve(
      `http://127.0.0.1:${proxy.port}/m.onnx`,
      {},
      {
        onProgress: ({ bytesDone = 0 }) => {
          if (bytesDone > 0) content = next;
        },
      },
    );
    expect((await changed).digest).toBe(sha256(next));
  });

  test('a digest that differs is refused with both digests, and nothing is kept', async () => {
    const port = await start(files(() => Buffer.from('weights')));
    const uri = `http://127.0.0.1:${port}/m.onnx`;
    const other = sha256('other');
    for (const wanted of [{ digest: other }, { pinnedDigest: other }]) {
      const fault = await work.fault(uri, wanted);
      expect(fault).toMatchObject({ code: 'DigestMismatch', retrying: false });
      expect(fault.message).toContain(other);
      expect(fault.message).toContain(sha256('weights'));
    }
    expect(await work.parts()).toEqual([]);
  });

  test('a pinned digest that is in the cache needs no server', async () => {
    const port = await start(files(() => Buffer.from('weights')));
    const found = await work.resolve(`http://127.0.0.1:${port}/m.onnx`);
    expect(await work.resolve('http://127.0.0.1:1/m.onnx', { pinnedDigest: found.digest })).toEqual(found);
  });

  test('several that load the same content at once all get it', async () => {
    const content = randomBytes(1_000_000);
    const port = await start(files(() => content));
    const all = await Promise.all(Array.from({ length: 6 }, () => work.resolve(`http://127.0.0.1:${port}/m.onnx`)));
    for (const { modelPath } of all) expect(sha256(await readFile(modelPath))).toBe(sha256(content));
    expect(await work.parts()).toEqual([]);
  });

  test('a redirect loses the credentials at another origin, and never leads to a refused address', async () => {
    const seen: (string | undefined)[] = [];
    const port = await start((request, response) => {
      seen.push(request.headers.authorization);
      response.end('weights');
    });
    const first = await start((request, response) => {
      const location: Record<string, string> = {
        '/a.onnx': `http://127.0.0.1:${port}/b.onnx`,
        '/m.onnx': 'http://[::ffff:169.254.169.254]/x',
      };
      response.writeHead(302, { location: location[request.url ?? ''] ?? '/loop.onnx' }).end();
    });
    const storage = { credentials: { HTTP_AUTHORIZATION: 'Bearer hunter2' } };
    await work.resolve(`http://127.0.0.1:${first}/a.onnx`, { storage });
    expect(seen).toEqual([undefined]);
    expect(await work.fault(`http://127.0.0.1:${first}/m.onnx`, { storage })).toMatchObject({
      code: 'AddressNotAllowed',
    });
    expect(await work.fault(`http://127.0.0.1:${first}/loop.onnx`, { limits: { cuts: 1 } })).toMatchObject({
      message: expect.stringContaining('redirects more than'),
    });
  });

  test('an encoded answer is refused, not kept as the model; identity is none', async () => {
    let encoding = 'gzip';
    const port = await start((_request, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end(gzipSync('weights')),
    );
    const uri = `http://127.0.0.1:${port}/m.onnx`;
    expect(await work.fault(uri)).toMatchObject({
      code: 'StorageUnavailable',
      retrying: true,
      message: expect.stringMatching(/"gzip".*Turn compression .* off/),
    });
    encoding = 'identity';
    expect((await work.resolve(uri)).digest).toBe(sha256(gzipSync('weights')));
  });

  test.each([
    [404, 'NotFound', true],
    [403, 'AccessDenied', true],
    [500, 'StorageUnavailable', true],
  ])('%i is %s', async (status, code, retrying) => {
    const port = await start((_request, response) => void response.writeHead(status).end());
    const fault = await work.fault(`http://127.0.0.1:${port}/m.onnx?signature=hunter2`, { limits: { cuts: 1 } });
    expect(fault).toMatchObject({ code, retrying });
    expect(fault.message).not.toContain('hunter2');
  });

  test.each([
    'http://0x7f.1/m.onnx',
    'http://2130706433/m.onnx',
    'http://0177.0.0.1/m.onnx',
    'http://localhost/m.onnx',
    'http://[::1]/m.onnx',
  ])('%s is loopback, which must be allowed', async (uri) => {
    expect(await work.fault(uri, { storage: { allowedCidrs: [] } })).toMatchObject({ code: 'AddressNotAllowed' });
  });
});

describe('pvc URIs', () => {
  test('a file and a folder are used in place', async () => {
    await work.write({ 'volumes/models/d/onnx/model.onnx': 'weights', 'volumes/models/d/config.json': '{}' });
    expect(await work.resolve('pvc://models/d/onnx/model.onnx')).toMatchObject({ digest: sha256('weights') });
    const found = await work.resolve('pvc://models/d');
    expect(found.directory).toBe(join(work.volumesDir, 'models/d'));
    expect(found.modelPath).toBe(join(work.volumesDir, 'models/d/onnx/model.onnx'));
  });

  test('several models and none are named', async () => {
    await work.write({ 'volumes/models/d/a.onnx': 'a', 'volumes/models/d/b.ort': 'b', 'volumes/models/e/x.txt': '' });
    expect((await work.fault('pvc://models/d')).message).toMatch(/"a\.onnx", "b\.ort"/);
    expect(await work.fault('pvc://models/e')).toMatchObject({ code: 'Invalid' });
  });

  test('a link that leaves the volume and a path that climbs are refused', async () => {
    await work.write({ 'secret.onnx': 'secret', 'volumes/models/a.onnx': 'a' });
    await symlink(join(work.folder, 'secret.onnx'), join(work.volumesDir, 'models/link.onnx'));
    expect(await work.fault('pvc://models/link.onnx')).toMatchObject({ code: 'Invalid' });
    expect((await work.fault('pvc://models/%2e%2e/%2e%2e/secret.onnx')).code).toMatch(/^(NotFound|Invalid)$/);
    expect(await work.fault('pvc://models/..%2f..%2fsecret.onnx')).toMatchObject({ code: 'Invalid' });
  });

  test('file URIs are refused where they are not allowed', async () => {
    const fault = await work.fault('file:///m.onnx', { storage: { allowFileUris: false } });
    expect(fault).toMatchObject({ code: 'AddressNotAllowed' });
  });
});
