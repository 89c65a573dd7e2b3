import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { startHub, type HubServer } from '../../support/hub-server.ts';
import { tar } from './tar.ts';
import { cuttingProxy, folderDigest, openWorkplace, serve, sha256, type Workplace } from './workplace.ts';

const weights = randomBytes(2_000_000);
const configuration = {
  'config.json': '{"a":1}',
  'tokenizer.json': '{}',
  'vocab.txt': 'a\nb\n',
  'special.model': 'spm',
};

let hub: HubServer;
let work: Workplace;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.close());
beforeEach(async () => {
  work = await openWorkplace();
});
afterEach(() => work.remove());

const at = (endpoint = hub.endpoint, credentials: Record<string, string> = {}) => ({
  storage: { endpoint, credentials },
});

describe("a model's repository", () => {
  const others = {
    'README.md': '# MiniLM',
    '.gitattributes': '*.onnx filter=lfs',
    'model.safetensors': randomBytes(1000),
    'pytorch_model.bin': 'pickle',
    'onnx/model_int8.onnx': 'int8',
    'onnx/model_int8.onnx_data': 'int8 weights',
  };
  const wanted = { ...configuration, 'onnx/model.onnx': weights, 'onnx/model.onnx_data': 'more weights' };

  test('comes as its usual model, the weights beside it, and what tasks read: nothing else is downloaded', async () => {
    hub.commit('acme/minilm', { ...others, ...wanted });
    hub.asked.splice(0);
    const found = await work.resolve('hf://acme/minilm', at());
    expect(found.digest).toBe(folderDigest(wanted));
    expect(relative(found.directory, found.modelPath)).toBe('onnx/model.onnx');
    expect(sha256(await readFile(found.modelPath))).toBe(sha256(weights));
    expect(hub.asked.filter((what) => what.includes('/resolve/'))).toHaveLength(Object.keys(wanted).length);
    expect(await work.parts()).toEqual([]);
  });

  test('whose path names another model comes with that one, and with the same beside it', async () => {
    hub.commit('acme/minilm', { ...others, ...wanted });
    const found = await work.resolve('hf://acme/minilm/onnx/model_int8.onnx', at());
    const int8 = { 'onnx/model_int8.onnx': 'int8', 'onnx/model_int8.onnx_data': 'int8 weights' };
    expect(found.digest).toBe(folderDigest({ ...configuration, ...int8 }));
    expect(await readFile(found.modelPath, 'utf8')).toBe('int8');
    expect(relative(found.directory, found.modelPath)).toBe('onnx/model_int8.onnx');
  });

  test('with several models and none of a usual name lists them', async () => {
    hub.commit('acme/many', { 'a.onnx': 'a', 'onnx/b.onnx': 'b', 'config.json': '{}' });
    expect(await work.fault('hf://acme/many', at())).toMatchObject({
      code: 'Invalid',
      message: expect.stringMatching(/"a\.onnx", "onnx\/b\.onnx".*Name one of them in the URI/),
    });
    expect(await work.fault('hf://acme/many/none.onnx', at())).toMatchObject({ code: 'NotFound' });
    hub.commit('acme/torch', { 'model.safetensors': 'x' });
    expect(await work.fault('hf://acme/torch', at())).toMatchObject({ code: 'Invalid' });
  });

  test('holds folders and archives that a path may name', async () => {
    const archive = await tar([{ name: 'model.onnx', content: 'packed' }]);
    hub.commit('acme/zoo', {
      'cat/model.onnx': 'cat',
      'cat/config.json': '{}',
      'dog/model.onnx': 'dog',
      'all.tar': archive,
    });
    const cat = await work.resolve('hf://acme/zoo/cat', at());
    expect(cat.digest).toBe(folderDigest({ 'model.onnx': 'cat', 'config.json': '{}' }));
    const packed = await work.resolve('hf://acme/zoo/all.tar', at());
    expect([packed.digest, await readFile(packed.modelPath, 'utf8')]).toEqual([sha256(archive), 'packed']);
  });

  test('is read at the commit that its revision names: one that moves is another digest than the pinned one', async () => {
    const first = hub.commit('acme/moving', { 'model.onnx': 'first' }, { branch: 'refs/pr/1' });
    const pinned = await work.resolve('hf://acme/moving', at());
    hub.commit('acme/moving', { 'model.onnx': 'second' });
    for (const revision of [first, first.slice(0, 40), 'refs/pr/1', 'refs%2Fpr%2F1']) {
      const found = await work.resolve(`hf://acme/moving/model.onnx@${revision}`, at());
      expect(await readFile(found.modelPath, 'utf8')).toBe('first');
    }
    const cacheDir = `${work.cacheDir}-elsewhere`;
    const changes = { pinnedDigest: pinned.digest, storage: { endpoint: hub.endpoint, cacheDir } };
    expect(await work.fault('hf://acme/moving', changes)).toMatchObject({ code: 'DigestMismatch', retrying: false });
    expect(
      await work.resolve('hf://acme/moving', {
        pinnedDigest: pinned.digest,
        storage: { endpoint: 'http://127.0.0.1:1' },
      }),
    ).toEqual(pinned);
  });

  test('what is missing is named, with where a revision belongs', async () => {
    hub.commit('acme/minilm', wanted);
    const fault = await work.fault('hf://acme/minilm@main/onnx/model.onnx', at());
    expect(fault).toMatchObject({ code: 'NotFound', message: expect.stringContaining('the revision comes last') });
    expect(await work.fault('hf://acme/minilm/none', at())).toMatchObject({
      code: 'NotFound',
      message: expect.stringMatching(/"acme\/minilm" has no "none" at "main"/),
    });
    for (const uri of [
      'hf://acme',
      'hf://acme/',
      'hf://acme/a?b',
      'hf://acme/a@',
      'hf://ac..me/a',
      'hf://acme/a//b',
      'hf://-a/b',
      'hf://acme/a%00',
    ]) {
      expect(await work.fault(uri, at())).toMatchObject({ code: 'Invalid', retrying: false });
    }
  });
});

test('data sets are read as files and as folders', async () => {
  const files = { 'train.csv': 'a,b\n1,2\n', 'parts/0.parquet': 'zero', 'parts/1.parquet': 'one' };
  hub.commit('datasets/acme/digits', files);
  const file = await work.obtain('hf://datasets/acme/digits/train.csv@main', at());
  expect([file.digest, await readFile(file.path, 'utf8')]).toEqual([sha256('a,b\n1,2\n'), 'a,b\n1,2\n']);
  const parts = await work.obtain('hf://datasets/acme/digits/parts/', at());
  expect(parts.digest).toBe(folderDigest({ '0.parquet': 'zero', '1.parquet': 'one' }));
  expect((await work.obtain('hf://datasets/acme/digits', at())).digest).toBe(folderDigest(files));
  expect(await work.dataError('hf://datasets/acme/digits/none.csv', at())).toMatchObject({ code: 'NotFound' });
});

describe('HF_TOKEN', () => {
  test('opens a private repository, and goes to the hub alone, not to where a redirect leads', async () => {
    hub.commit('acme/private', { 'model.onnx': weights, 'config.json': '{}' }, { token: 'hf_right' });
    // The server for large content refuses whatever comes with a header of authorization.
    const found = await work.resolve('hf://acme/private', at(hub.endpoint, { HF_TOKEN: 'hf_right' }));
    expect(sha256(await readFile(found.modelPath))).toBe(sha256(weights));
    expect(hub.asked.some((what) => what.startsWith('GET elsewhere/'))).toBe(true);
  });

  test('missing or wrong is AccessDenied with the cure, and never shown', async () => {
    hub.commit('acme/private', { 'model.onnx': 'x' }, { token: 'hf_right' });
    for (const credentials of [{}, { HF_TOKEN: 'hf_hunter2' }] as Record<string, string>[]) {
      const fault = await work.fault('hf://acme/private', at(hub.endpoint, credentials));
      expect(fault).toMatchObject({
        code: 'AccessDenied',
        retrying: true,
        message: expect.stringContaining('HF_TOKEN'),
      });
      expect(fault.message).not.toContain('hunter2');
    }
  });
});

describe('downloads', () => {
  test('that are cut go on where they were cut', async () => {
    const big = 'x'.repeat(3_000_000);
    hub.commit('acme/cut', { 'model.onnx': 'weights', 'big.json': big });
    const port = Number(new URL(hub.endpoint).port);
    const proxy = await cuttingProxy(port, [Infinity, 1_000_000, 1_000_000, 1_000_000, 1_000_000]);
    try {
      const found = await work.resolve('hf://acme/cut', at(`http://127.0.0.1:${proxy.port}`));
      expect(found.digest).toBe(folderDigest({ 'model.onnx': 'weights', 'big.json': big }));
      expect(await work.parts()).toEqual([]);
    } finally {
      await proxy.close();
    }
  });

  test.each(['model.onnx', 'config.json'])(
    'whose %s is not what the hub lists are refused, and not kept',
    async (damaged) => {
      hub.commit('acme/damaged', { 'model.onnx': 'weights', 'config.json': '{}' });
      const lying = await serve((request, response) => {
        void fetch(`${hub.endpoint}${request.url ?? ''}`).then(async (answer) => {
          const bytes = Buffer.from(await answer.arrayBuffer());
          if (request.url?.endsWith(`/${damaged}`)) bytes[0] = 0;
          response.writeHead(answer.status).end(bytes);
        });
      });
      try {
        const fault = await work.fault('hf://acme/damaged', at(`http://127.0.0.1:${lying.port}`));
        expect(fault).toMatchObject({ code: 'DigestMismatch', message: expect.stringContaining(damaged) });
        expect(await work.parts()).toEqual([]);
      } finally {
        await lying.close();
      }
    },
  );
});

describe('a hub that is none, or means harm', () => {
  const sha = 'a'.repeat(40);
  const entry = (path: string, more: object = {}): object => ({ type: 'file', path, size: 1, oid: sha, ...more });
  const page = (...entries: object[]): string => JSON.stringify(entries);

  test.each<[string, string, string, RegExp]>([
    ['no JSON', '<html>', 'StorageUnavailable', /is no hub/],
    ['other JSON', '{"files":[]}', 'StorageUnavailable', /is no hub/],
    ['an id that is a path', page(entry('model.onnx', { oid: '../x' })), 'StorageUnavailable', /is no hub/],
    ['a path that leaves', page(entry('model.onnx'), entry('../../evil.json')), 'Invalid', /leaves the folder/],
    ['an absolute path', page(entry('model.onnx'), entry('/etc/evil.json')), 'Invalid', /is absolute/],
    [
      'more than fits',
      page(entry('model.onnx', { lfs: { oid: 'a'.repeat(64), size: 1e15 } })),
      'Invalid',
      /larger than/,
    ],
    ['more than any listing', ' '.repeat(20_000_000), 'StorageUnavailable', /more than 16777216 bytes/],
  ])('that lists %s is refused', async (_what, listing, code, says) => {
    const server = await serve((request, response) => {
      response.end(request.url?.includes('/revision/') ? JSON.stringify({ sha }) : listing);
    });
    try {
      const fault = await work.fault('hf://acme/evil', {
        ...at(`http://127.0.0.1:${server.port}`),
        limits: { cuts: 1 },
      });
      expect(fault).toMatchObject({ code, message: expect.stringMatching(says) });
    } finally {
      await server.close();
    }
  });

  test('that lists without end is left, and asked for no page of another host', async () => {
    const entries = Array.from({ length: 50_000 }, (_, index) => entry(`${index}.json`));
    const hosts = new Set<string | undefined>();
    const server = await serve((request, response) => {
      hosts.add(request.headers.host);
      const next = { link: `<http://169.254.169.254/api?cursor=${randomBytes(4).toString('hex')}>; rel="next"` };
      response
        .writeHead(200, next)
        .end(request.url?.includes('/revision/') ? JSON.stringify({ sha }) : page(...entries));
    });
    try {
      const fault = await work.fault('hf://acme/endless', at(`http://127.0.0.1:${server.port}`, { HF_TOKEN: 'hf_x' }));
      expect(fault).toMatchObject({ code: 'Invalid', message: expect.stringContaining('more than 200000 files') });
      expect([...hosts]).toEqual([`127.0.0.1:${server.port}`]);
    } finally {
      await server.close();
    }
  });
});
