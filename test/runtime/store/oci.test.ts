import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { Progress } from '../../../runtime/store/request.ts';
import { startRegistry, type RegistryServer } from '../../support/registry-server.ts';
import { dockerConfig } from './scripted-registry.ts';
import { tar } from './tar.ts';
import { tokenProxy } from './token-proxy.ts';
import { cuttingProxy, folderDigest, openWorkplace, sha256, type Workplace } from './workplace.ts';

const weights = randomBytes(2_000_000);

describe('oci URIs, on a real registry filled by its clients', () => {
  let registry: RegistryServer;
  let work: Workplace;
  beforeAll(async () => {
    registry = await startRegistry();
  }, 600_000);
  afterAll(() => registry.close());
  beforeEach(async () => {
    work = await openWorkplace();
  });
  afterEach(() => work.remove());

  const at = (endpoint = registry.endpoint) => ({ storage: { endpoint } });
  const push = async (
    name: string,
    files: Record<string, Buffer | string>,
    host = registry.host,
    ...more: string[]
  ) => {
    await work.write(Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`pushed/${path}`, bytes])));
    const paths = [...new Set(Object.keys(files).map((path) => path.split('/')[0] ?? ''))];
    const typed = paths.map((path) => `${path}:application/octet-stream`);
    await registry.oras(join(work.folder, 'pushed'), 'push', '--plain-http', ...more, `${host}/${name}`, ...typed);
  };
  /** Pushes images, each of layers of files, from the lowest on. */
  const pushImage = async (name: string, layers: Buffer[], platform = 'linux/amd64'): Promise<void> => {
    const paths: string[] = [];
    for (const [index, bytes] of layers.entries()) {
      paths.push('-f', join(work.folder, `${index}.tar`));
      await writeFile(join(work.folder, `${index}.tar`), bytes);
    }
    const reference = `${registry.host}/${name}`;
    await registry.crane(work.folder, 'append', '--insecure', '--oci-empty-base', ...paths, '-t', reference);
    await registry.crane(work.folder, 'mutate', '--insecure', '--set-platform', platform, '-t', reference, reference);
  };

  test('files pushed by oras are a folder, with the digest it has anywhere else', async () => {
    const files = { 'model.onnx': weights, 'config.json': '{}' };
    await push('models/digits:v3', files);
    const progress: Progress[] = [];
    const onProgress = (seen: Progress): void => void progress.push(seen);
    const found = await work.resolve('oci://registry.test/models/digits:v3', at(), { onProgress });
    expect(found.digest).toBe(folderDigest(files));
    expect(sha256(await readFile(found.modelPath))).toBe(sha256(weights));
    expect(await readFile(join(found.directory, 'config.json'), 'utf8')).toBe('{}');
    expect(progress.at(-1)).toEqual({ phase: 'Downloading', bytesDone: 2_000_002, bytesTotal: 2_000_002 });
    expect(await work.parts()).toEqual([]);
  });

  test('a folder pushed by oras is that folder, and data as well as a model', async () => {
    const files = { 'digits/onnx/model.onnx': weights, 'digits/tokenizer.json': '{}' };
    await push('models/packed:v1', files);
    const found = await work.resolve('oci://registry.test/models/packed:v1', at());
    expect(found.modelPath.endsWith('/digits/onnx/model.onnx')).toBe(true);
    const content = await work.obtain('oci://registry.test/models/packed:v1', at());
    expect(content.digest).toBe(folderDigest(files));
    expect(await readdir(content.path)).toEqual(['digits']);
  });

  test('an image is its folder /models: upper layers replace and hide what lies below, and the rest is passed over', async () => {
    const link = { name: 'bin/sh', type: 'symlink' as const, linkname: '/bin/busybox' };
    const lower = await tar([
      link,
      { name: 'models/', type: 'directory' },
      { name: 'models/model.onnx', content: 'old' },
      { name: 'models/old/a.json', content: 'a' },
      { name: 'models/gone.txt', content: 'gone' },
    ]);
    const upper = await tar([
      { name: 'models/model.onnx', content: 'weights' },
      { name: 'models/.wh.gone.txt' },
      { name: 'models/old/.wh..wh..opq' },
      { name: 'models/old/b.json', content: 'b' },
      { name: 'etc/passwd', content: 'x' },
    ]);
    await pushImage('models/car:v1', [gzipSync(lower), gzipSync(upper)]);
    const found = await work.resolve('oci://registry.test/models/car:v1', at());
    expect(found.digest).toBe(folderDigest({ 'model.onnx': 'weights', 'old/b.json': 'b' }));
    expect(await readFile(found.modelPath, 'utf8')).toBe('weights');
  });

  test('a folder that is hidden whole, and a file where a folder was, are so', async () => {
    const layers = [
      await tar([{ name: 'models/a/x.json', content: 'x' }]),
      await tar([{ name: '.wh.models' }]),
      await tar([{ name: 'models/model.onnx/deep.txt', content: 'deep' }]),
      await tar([{ name: 'models/model.onnx', content: 'weights' }]),
    ];
    await pushImage('models/hidden:v1', layers);
    const found = await work.resolve('oci://registry.test/models/hidden:v1', at());
    expect(found.digest).toBe(folderDigest({ 'model.onnx': 'weights' }));
  });

  test('layers packed by zstd are unpacked', async () => {
    const layer = zstdCompressSync(await tar([{ name: 'model.onnx', content: 'weights' }]));
    await work.write({ 'pushed/x.tar.zst': layer });
    const typed = 'x.tar.zst:application/vnd.oci.image.layer.v1.tar+zstd';
    const unpack = { 'x.tar.zst': { 'io.deis.oras.content.unpack': 'true' } };
    await work.write({ 'pushed/annotations.json': JSON.stringify(unpack) });
    const reference = `${registry.host}/models/zstd:v1`;
    const options = ['--plain-http', '--annotation-file', 'annotations.json'];
    await registry.oras(join(work.folder, 'pushed'), 'push', ...options, reference, typed);
    const found = await work.resolve('oci://registry.test/models/zstd:v1', at());
    expect(await readFile(found.modelPath, 'utf8')).toBe('weights');
  });

  test('of an index the image of this machine is taken, or the only one; others are listed', async () => {
    const own = process.arch === 'x64' ? 'amd64' : process.arch;
    const imageOf = async (name: string, platform: string): Promise<string> => {
      await pushImage(name, [await tar([{ name: 'models/model.onnx', content: platform }])], platform);
      return `${registry.host}/${name}`;
    };
    const [ours, theirs, strange] = [
      await imageOf('models/many:ours', `linux/${own}`),
      await imageOf('models/many:theirs', 'linux/s390x'),
      await imageOf('models/many:strange', 'linux/riscv64'),
    ];
    const index = async (tag: string, ...parts: string[]): Promise<string> => {
      const manifests = parts.flatMap((part) => ['-m', part]);
      await registry.crane(
        work.folder,
        'index',
        'append',
        '--insecure',
        ...manifests,
        '-t',
        `${registry.host}/models/many:${tag}`,
      );
      return `oci://registry.test/models/many:${tag}`;
    };
    const both = await work.resolve(await index('both', theirs, ours), at());
    expect(await readFile(both.modelPath, 'utf8')).toBe(`linux/${own}`);
    const one = await work.resolve(await index('one', theirs), at());
    expect(await readFile(one.modelPath, 'utf8')).toBe('linux/s390x');
    expect(await work.fault(await index('none', theirs, strange), at())).toMatchObject({
      code: 'Invalid',
      message: expect.stringMatching(/linux\/s390x.*linux\/riscv64/),
    });
  });

  test('a tag that moves is another digest than the pinned one; a digest in the URI stays', async () => {
    await push('models/moving:v1', { 'model.onnx': 'first' });
    const uri = 'oci://registry.test/models/moving:v1';
    const digest = await registry.crane(work.folder, 'digest', '--insecure', `${registry.host}/models/moving:v1`);
    const first = await work.resolve(uri, at());
    await push('models/moving:v1', { 'model.onnx': 'second' });
    const elsewhere = join(work.folder, 'other-cache');
    const pinned = { pinnedDigest: first.digest, storage: { endpoint: registry.endpoint, cacheDir: elsewhere } };
    expect(await work.fault(uri, pinned)).toMatchObject({ code: 'DigestMismatch', retrying: false });
    for (const name of [`@${digest}`, `:v9@${digest}`]) {
      const found = await work.resolve(`oci://registry.test/models/moving${name}`, at());
      expect(await readFile(found.modelPath, 'utf8')).toBe('first');
    }
    expect(
      await work.resolve(uri, { pinnedDigest: first.digest, storage: { endpoint: 'http://127.0.0.1:1' } }),
    ).toEqual(first);
  });

  test('a download that is cut goes on where it was cut, in this attempt and in the next', async () => {
    await push('models/cut:v1', { 'model.onnx': weights });
    const proxy = await cuttingProxy(Number(new URL(registry.endpoint).port), [Infinity, 1_000_000, 500_000]);
    const storage = { endpoint: `http://127.0.0.1:${proxy.port}` };
    try {
      const uri = 'oci://registry.test/models/cut:v1';
      const seen: number[] = [];
      const onProgress = ({ bytesDone = 0 }: Progress): void => void seen.push(bytesDone);
      const found = await work.resolve(uri, { storage }, { onProgress });
      expect(sha256(await readFile(found.modelPath))).toBe(sha256(weights));
      expect(seen.at(-1)).toBe(weights.length);
      expect(await work.parts()).toEqual([]);
    } finally {
      await proxy.close();
    }
  });

  test('what is missing and what is no reference are named with the cure', async () => {
    for (const uri of ['oci://registry.test/models/none:v1', `oci://registry.test/models/none@${sha256('x')}`]) {
      expect(await work.fault(uri, at())).toMatchObject({
        code: 'NotFound',
        message: expect.stringContaining('spec.model.uri'),
      });
    }
    for (const path of ['', '/', '/Upper/case:v1', '/a:b:c', '/a@sha256:12', '/a:v1?x=1', '/a//b:v1']) {
      expect(await work.fault(`oci://registry.test${path}`, at())).toMatchObject({ code: 'Invalid', retrying: false });
    }
  });

  test('a registry that does not speak TLS is named with the cure', async () => {
    const fault = await work.fault(`oci://${registry.host}/models/digits:v3`, { limits: { cuts: 1 } });
    expect(fault).toMatchObject({ code: 'StorageUnavailable', message: expect.stringContaining('storage.endpoint') });
  });

  describe('that wants a token', () => {
    test('one is had for the credentials of the Secret, and renewed when it expires', async () => {
      const proxy = await tokenProxy(registry.endpoint, 'reader', 'hunter2');
      try {
        const host = `127.0.0.1:${proxy.port}`;
        const files = Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`${index}.json`, `${index}`]));
        await push(
          'private/digits:v1',
          { ...files, 'model.onnx': weights },
          host,
          '--username',
          'reader',
          '--password',
          'hunter2',
        );
        proxy.asked.splice(0);
        const credentials = dockerConfig('registry.test', 'reader', 'hunter2');
        const storage = { endpoint: `http://${host}`, credentials };
        const expireOnce = ({ bytesDone }: Progress): void => {
          if (bytesDone === 0) proxy.expire();
        };
        const found = await work.resolve(
          'oci://registry.test/private/digits:v1',
          { storage },
          { onProgress: expireOnce },
        );
        expect(sha256(await readFile(found.modelPath))).toBe(sha256(weights));
        expect(proxy.asked.filter((what) => what.startsWith('token'))).toEqual(
          Array(2).fill('token repository:private/digits:pull'),
        );
      } finally {
        await proxy.close();
      }
    });

    test('none, wrong ones and those of another registry are AccessDenied, and never shown', async () => {
      const proxy = await tokenProxy(registry.endpoint, 'reader', 'right');
      const endpoint = `http://127.0.0.1:${proxy.port}`;
      try {
        for (const credentials of [
          {},
          dockerConfig('registry.test', 'reader', 'hunter2'),
          dockerConfig('other.test', 'reader', 'hunter2'),
          { '.dockerconfigjson': 'hunter2' },
        ]) {
          const fault = await work.fault('oci://registry.test/models/digits:v3', {
            storage: { endpoint, credentials },
          });
          expect(fault).toMatchObject({ code: 'AccessDenied', retrying: true });
          expect(fault.message).toMatch(/\.dockerconfigjson/);
          expect(fault.message).not.toMatch(/hunter2|aHVudGVyMg/);
        }
      } finally {
        await proxy.close();
      }
    });
  });
});
