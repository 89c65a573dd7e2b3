import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Progress } from '../../../runtime/store/request.ts';
import { startS3Server, type S3Server } from '../../support/s3-server.ts';
import { s3Proxy } from './s3-proxy.ts';
import { tar } from './tar.ts';
import { cuttingProxy, folderDigest, openWorkplace, serve, sha256, type Workplace } from './workplace.ts';

const csv = 'a,b\n1,2\n';

let work: Workplace;
beforeEach(async () => {
  work = await openWorkplace();
});
afterEach(() => work.remove());

describe('data on a volume', () => {
  test('a file and a folder are used in place, whatever they are called', async () => {
    await work.write({ 'volumes/data/d/train.csv': csv, 'volumes/data/d/images/1.png': 'png' });
    expect(await work.obtain('pvc://data/d/train.csv')).toEqual({
      path: join(work.volumesDir, 'data/d/train.csv'),
      digest: sha256(csv),
    });
    expect(await work.obtain('pvc://data/d')).toEqual({
      path: join(work.volumesDir, 'data/d'),
      digest: folderDigest({ 'train.csv': csv, 'images/1.png': 'png' }),
    });
    expect(await readdir(work.folder)).toEqual(['volumes']);
  });

  test('the root of a volume is its files without what the file system keeps there', async () => {
    await work.write({ 'volumes/data/train.csv': csv, 'volumes/data/lost+found/#12': 'rests' });
    expect(await work.obtain('pvc://data/')).toMatchObject({ digest: folderDigest({ 'train.csv': csv }) });
  });

  test('.tar and .tar.gz are unpacked, with the only folder in them looked through; .gz and .zip are files', async () => {
    const archive = await tar([
      { name: './digits/train.csv', content: csv },
      { name: './digits/images/1.png', content: 'png' },
    ]);
    const flat = await tar([
      { name: 'train.csv', content: csv },
      { name: 'test.csv', content: csv },
    ]);
    await work.write({
      'volumes/data/a.tar.gz': gzipSync(archive),
      'volumes/data/b.tar': flat,
      'volumes/data/c.csv.gz': gzipSync(csv),
      'volumes/data/d.zip': 'zip',
    });
    const unpacked = await work.obtain('pvc://data/a.tar.gz');
    expect(unpacked.digest).toBe(sha256(gzipSync(archive)));
    expect((await readdir(unpacked.path)).sort()).toEqual(['images', 'train.csv']);
    const { path } = await work.obtain('pvc://data/b.tar');
    expect((await readdir(path)).sort()).toEqual(['test.csv', 'train.csv']);
    for (const name of ['c.csv.gz', 'd.zip']) {
      expect((await work.obtain(`pvc://data/${name}`)).path).toBe(join(work.volumesDir, 'data', name));
    }
  });

  test('what is missing, empty, or leads out of the volume is named as data', async () => {
    await work.write({ 'secret.csv': csv, 'volumes/data/empty.tar': await tar([]), 'volumes/data/x.csv': csv });
    await symlink(join(work.folder, 'secret.csv'), join(work.volumesDir, 'data/link.csv'));
    await symlink('/etc', join(work.volumesDir, 'data/etc'));
    const missing = await work.dataError('pvc://data/none.csv');
    expect(missing).toMatchObject({ code: 'NotFound', message: 'There is no data at pvc://data/none.csv.' });
    expect(await work.dataError('pvc://data/x.csv/y')).toMatchObject({ code: 'NotFound' });
    for (const uri of ['pvc://data/empty.tar', 'pvc://data/link.csv', 'pvc://data/etc', 'pvc://data/..%2f..%2fx']) {
      const error = await work.dataError(uri);
      expect(error).toMatchObject({ code: 'Invalid', retrying: false });
      expect(error.message).not.toMatch(/model(?!yard)/);
    }
    expect(await work.dataError('hdfs://data/x')).toMatchObject({
      code: 'Invalid',
      message: expect.stringContaining('spec.train.data.uri'),
    });
  });
});

describe('data behind http', () => {
  test('any file is kept under its name, and goes on where it was cut', async () => {
    const content = randomBytes(2_000_000);
    const ranges: (string | undefined)[] = [];
    const server = await serve((request, response) => {
      ranges.push(request.headers.range);
      const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const where = from > 0 ? { 'content-range': `bytes ${from}-${content.length - 1}/${content.length}` } : {};
      response.writeHead(from > 0 ? 206 : 200, { etag: '"1"', ...where }).end(content.subarray(from));
    });
    const proxy = await cuttingProxy(server.port, [1_500_000]);
    try {
      const { path, digest } = await work.obtain(`http://127.0.0.1:${proxy.port}/sets/train.parquet?token=x`);
      expect(path.endsWith('/file/content/train.parquet')).toBe(true);
      expect(digest).toBe(sha256(content));
      expect(sha256(await readFile(path))).toBe(digest);
      expect(ranges.at(-1)).toMatch(/^bytes=[1-9]\d*-$/);
      expect(await work.parts()).toEqual([]);
    } finally {
      await proxy.close();
      await server.close();
    }
  });

  test('a folder, a name that is none, and a missing file are refused', async () => {
    const server = await serve((_request, response) => void response.writeHead(404).end());
    const base = `http://127.0.0.1:${server.port}`;
    try {
      expect(await work.dataError(`${base}/sets/`)).toMatchObject({ code: 'Invalid' });
      expect(await work.dataError(`${base}/a%00b`)).toMatchObject({ code: 'Invalid' });
      expect(await work.dataError(`${base}/${'x'.repeat(300)}`)).toMatchObject({ code: 'Invalid' });
      expect(await work.dataError(`${base}/a.csv`)).toMatchObject({
        code: 'NotFound',
        message: expect.stringMatching(/^There is no data at /),
      });
      expect(await work.dataError(`${base}/a.csv`, { storage: { allowedCidrs: [] } })).toMatchObject({
        code: 'AddressNotAllowed',
      });
    } finally {
      await server.close();
    }
  });
});

describe('data in a bucket', () => {
  let s3: S3Server;
  beforeAll(async () => {
    s3 = await startS3Server();
  }, 600_000);
  afterAll(() => s3.close());
  const storage = () => ({ endpoint: s3.endpoint, credentials: s3.credentials });

  test('a key is a file, and a prefix a folder, with or without a slash', async () => {
    await s3.put('data', { 'train.csv': csv, 'sets/a.csv': csv, 'sets/b/c.csv': 'x\n1\n' });
    const file = await work.obtain('s3://data/train.csv', { storage: storage() });
    expect(file.digest).toBe(sha256(csv));
    expect(await readFile(file.path, 'utf8')).toBe(csv);
    const digest = folderDigest({ 'a.csv': csv, 'b/c.csv': 'x\n1\n' });
    for (const uri of ['s3://data/sets', 's3://data/sets/']) {
      const folder = await work.obtain(uri, { storage: storage() });
      expect(folder.digest).toBe(digest);
      expect(await readFile(join(folder.path, 'b/c.csv'), 'utf8')).toBe('x\n1\n');
    }
  });

  test('a folder of many files comes whole, with their bytes counted', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 120 }, (_, index) => [`${index % 7}/${index}.txt`, `${index}`]),
    );
    await s3.put('data', Object.fromEntries(Object.entries(files).map(([path, text]) => [`many/${path}`, text])));
    const progress: Progress[] = [];
    const onProgress = (seen: Progress): void => void progress.push(seen);
    const found = await work.obtain('s3://data/many', { storage: storage() }, { onProgress });
    expect(found.digest).toBe(folderDigest(files));
    const bytesTotal = Object.values(files).join('').length;
    expect(progress.at(-1)).toEqual({ phase: 'Downloading', bytesDone: bytesTotal, bytesTotal });
    for (const [path, text] of Object.entries(files)) expect(await readFile(join(found.path, path), 'utf8')).toBe(text);
  });

  test('one file that cannot be had is why the folder cannot, and nothing of it is kept', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `${index}`);
    await s3.put('data', Object.fromEntries(names.map((name) => [`part/${name}`, name])));
    const proxy = await s3Proxy(s3.endpoint, ({ url = '' }) =>
      url.includes('/part/17') ? { status: 403, code: 'AccessDenied' } : 'pass',
    );
    try {
      const endpoint = `http://127.0.0.1:${proxy.port}`;
      const error = await work.dataError('s3://data/part/', { storage: { ...storage(), endpoint } });
      expect(error).toMatchObject({ code: 'AccessDenied', message: expect.stringContaining('403') });
      expect(await work.parts()).toEqual([]);
    } finally {
      await proxy.close();
    }
  });

  test('what is missing is named as data, with its bucket, key and field', async () => {
    await s3.put('data', {});
    expect(await work.dataError('s3://data/none.csv', { storage: storage() })).toMatchObject({
      code: 'NotFound',
      message: expect.stringMatching(/^There is no data at .*"data".*"none\.csv"/),
    });
    expect(await work.dataError('s3://nobody/none.csv', { storage: storage() })).toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('no bucket "nobody"'),
    });
    const endpoint = 'http://127.0.0.1:1';
    expect(await work.dataError('s3://data/x.csv', { storage: { endpoint } })).toMatchObject({
      code: 'StorageUnavailable',
      message: expect.stringContaining('spec.train.data.storage.endpoint'),
    });
  });
});
