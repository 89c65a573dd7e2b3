import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startS3Server, type S3Server } from '../../support/s3-server.ts';
import { bytes, openFolder, storeErrorOf, text, type Opening } from './writable-world.ts';
import type { WritableFolder } from '../../../runtime/store/writable-folder.ts';

interface Place {
  /** A folder of its own that nobody wrote to. */
  opening(): Opening;
  close(): Promise<void>;
}

async function volume(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-writable-'));
  await mkdir(join(folder, 'models'));
  let opened = 0;
  return {
    opening: () => ({ uri: `pvc://models/runs/${++opened}/`, storage: { volumesDir: folder } }),
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

async function bucket(): Promise<Place> {
  const s3: S3Server = await startS3Server();
  await s3.put('models', {});
  let opened = 0;
  const storage = { endpoint: s3.endpoint, credentials: s3.credentials };
  return { opening: () => ({ uri: `s3://models/runs/${++opened}/`, storage }), close: () => s3.close() };
}

describe.each([
  ['a directory of a volume', volume],
  ['a prefix of a bucket', bucket],
])('%s', (_what, start) => {
  let place: Place;
  let opening: Opening;
  let folder: WritableFolder;
  beforeAll(async () => {
    place = await start();
  }, 600_000);
  afterAll(() => place.close());
  beforeEach(async () => {
    opening = place.opening();
    folder = await openFolder(opening);
  });
  afterEach(() => folder.close());

  test('gives back what was written, whole and in ranges', async () => {
    await folder.write('step-5/slice-0', [bytes('abc'), bytes(''), bytes('defgh')]);
    expect(text(await folder.read('step-5/slice-0'))).toBe('abcdefgh');
    expect(text(await folder.readRange('step-5/slice-0', 2, 5))).toBe('cde');
    expect(text(await folder.readRange('step-5/slice-0', 6, 100))).toBe('gh');
    expect(text(await folder.readRange('step-5/slice-0', 8, 100))).toBe('');
    expect(text(await folder.readRange('step-5/slice-0', 9, 100))).toBe('');
    await folder.write('step-5/slice-0', [bytes('new')]);
    await folder.write('empty', []);
    const other = await openFolder({ ...opening, uri: opening.uri.replace(/\/$/, '') });
    expect(other.uri).toBe(folder.uri);
    expect(other.uri).not.toMatch(/\/$/);
    expect(text(await other.read('step-5/slice-0'))).toBe('new');
    expect(text(await other.read('empty'))).toBe('');
    expect((await other.read('empty'))?.buffer.byteLength).toBe(0);
    await other.close();
  });

  test('has nothing where nothing was written', async () => {
    await folder.write('a/file', [bytes('x')]);
    for (const path of ['none', 'a', 'a/none', 'a/file/below', 'b/none']) {
      expect(await folder.read(path)).toBeUndefined();
      expect(await folder.readRange(path, 0, 1)).toBeUndefined();
      await folder.remove(path);
    }
    expect(await folder.list('')).toEqual(['a/file']);
  });

  test('keeps 100 MB in several parts', async () => {
    const parts = [randomBytes(40_000_000), randomBytes(1), randomBytes(60_000_000)];
    const sha256 = (content: readonly Uint8Array[]): string => {
      const hash = createHash('sha256');
      for (const part of content) hash.update(part);
      return hash.digest('hex');
    };
    await folder.write('large', parts);
    const content = await folder.read('large');
    expect(content?.byteLength).toBe(100_000_001);
    expect(sha256([content ?? new Uint8Array()])).toBe(sha256(parts));
    const range = await folder.readRange('large', 39_999_000, 40_001_001);
    expect(
      Buffer.concat(parts)
        .subarray(39_999_000, 40_001_001)
        .equals(range ?? new Uint8Array()),
    ).toBe(true);
  }, 120_000);

  test('shows readers whole files only, while several write', async () => {
    const size = 1_000_000;
    const content = (value: number): Uint8Array[] => [
      new Uint8Array(size / 2).fill(value),
      new Uint8Array(size / 2).fill(value),
    ];
    await folder.write('file', content(0));
    let writing = true;
    const write = async (first: number): Promise<void> => {
      for (let value = first; value < first + 15; value++) await folder.write('file', content(value));
    };
    const seen = new Set<number>();
    const read = async (): Promise<void> => {
      while (writing) {
        const found = await folder.read('file');
        expect(found?.byteLength).toBe(size);
        expect(found?.every((value) => value === found[0])).toBe(true);
        seen.add(found?.[0] ?? -1);
        // The S3 server of the tests lists files of its own that it is about to rename, now and then.
        const ours = (await folder.list('')).filter((path) => !/\.sgwtmp\.\d+$/.test(path));
        expect(ours.filter((path) => path !== 'file')).toEqual([]);
      }
    };
    const reading = Promise.all([read(), read()]);
    await Promise.all([write(1), write(101)]);
    writing = false;
    await reading;
    expect(seen.size).toBeGreaterThan(1);
  }, 60_000);

  test('tells exactly one of 20 that it created a file, and never writes over it', async () => {
    const others = await Promise.all([openFolder(opening), openFolder(opening)]);
    const folders = [folder, ...others];
    for (let round = 0; round < 5; round++) {
      const contents = Array.from({ length: 20 }, (_, index) => `${index} `.repeat(1000));
      const created = await Promise.all(
        contents.map(async (content, index) => folders[index % 3]?.create(`claims/${round}`, bytes(content))),
      );
      expect(created.filter(Boolean)).toEqual([true]);
      expect(text(await folder.read(`claims/${round}`))).toBe(contents[created.indexOf(true)]);
      expect(await folder.create(`claims/${round}`, bytes('late'))).toBe(false);
    }
    await folder.remove('claims/0');
    expect(await folder.create('claims/0', bytes(''))).toBe(true);
    expect(await folder.create('claims/0', bytes(''))).toBe(false);
    expect(await folder.list('claims/')).toEqual(['claims/0', 'claims/1', 'claims/2', 'claims/3', 'claims/4']);
    for (const other of others) await other.close();
  });

  test('lists the files whose path begins with a prefix, sorted, and nothing else', async () => {
    const paths = ['b', 'step-10/a', 'step-9/a', 'step-1/b', 'step-1/a/c', 'step.json', 'ä'];
    for (const path of paths) await folder.write(path, [bytes(path)]);
    expect(await folder.list('')).toEqual([...paths].sort());
    expect(await folder.list('step-1')).toEqual(['step-1/a/c', 'step-1/b', 'step-10/a']);
    expect(await folder.list('step-1/')).toEqual(['step-1/a/c', 'step-1/b']);
    expect(await folder.list('step-1/a/c')).toEqual(['step-1/a/c']);
    expect(await folder.list('none/')).toEqual([]);
    expect(await folder.list('step-1/b/')).toEqual([]);
    const whole = await openFolder({ ...opening, uri: opening.uri.replace(/runs.*$/, '') });
    expect(await whole.list('runs/')).toEqual(
      expect.arrayContaining([expect.stringMatching(/^runs\/\d+\/step\.json$/)]),
    );
    await whole.close();
  });

  test('removes a file while others are written beside it', async () => {
    const churn = async (name: string): Promise<void> => {
      for (let round = 0; round < 15; round++) {
        await folder.write(`step/${name}`, [bytes(name)]);
        await folder.remove(`step/${name}`);
      }
    };
    await Promise.all(['a', 'b', 'c', 'd'].map(churn));
    await folder.remove('step/a');
    expect(await folder.list('')).toEqual([]);
  });

  test.each([
    '',
    '/etc/passwd',
    '../other',
    'a/../../other',
    'a//b',
    './a',
    'a/',
    '.modelyard-x',
    'a/.modelyard-x',
    'a\\b',
    'a\nb',
  ])('refuses the path %j', async (path) => {
    for (const act of [
      () => folder.read(path),
      () => folder.readRange(path, 0, 1),
      () => folder.write(path, []),
      () => folder.create(path, bytes('')),
      () => folder.remove(path),
    ]) {
      expect(await storeErrorOf(act())).toMatchObject({ code: 'Invalid', retrying: false });
    }
  });

  test('does nothing once it was told to stop', async () => {
    const controller = new AbortController();
    const stopped = await openFolder({ ...opening, options: { signal: controller.signal } });
    controller.abort(new Error('stopped'));
    await expect(stopped.write('a', [bytes('a')])).rejects.toThrow('stopped');
    await expect(stopped.read('a')).rejects.toThrow('stopped');
    expect(await folder.list('')).toEqual([]);
    await stopped.close();
  });
});

test.each([
  ['http://example.org/runs/', 'StorageUnsupported', 'http:// URIs'],
  ['https://example.org/runs/', 'StorageUnsupported', 'https:// URIs'],
  ['hf://org/model', 'StorageUnsupported', 'hf:// URIs'],
  ['runs', 'Invalid', 'is no URI'],
  ['s3://', 'Invalid', 's3://BUCKET/PREFIX'],
  ['s3://models/a//b', 'Invalid', 'an empty part'],
  ['s3://models/runs?versionId=1', 'Invalid', 'no query'],
  ['pvc://models/..%2fother', 'Invalid', 'pvc://CLAIM/PATH'],
])('%s is refused with the cure', async (uri, code, says) => {
  const error = await storeErrorOf(openFolder({ uri, storage: {} }));
  expect(error).toMatchObject({ code, retrying: false });
  expect(error.message).toContain(says.replace('no query', 'query'));
  if (code === 'StorageUnsupported') expect(error.message).toMatch(/pvc:\/\/.*s3:\/\/.*spec\.checkpoint\.uri/);
});
