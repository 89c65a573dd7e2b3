import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { generateKeyPairSync, randomBytes, verify } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { startGcs, type GcsServer } from '../../support/gcs-server.ts';
import { tar } from './tar.ts';
import {
  cuttingProxy,
  folderDigest,
  openWorkplace,
  serve,
  sha256,
  type Listening,
  type Workplace,
} from './workplace.ts';

const weights = randomBytes(2_000_000);

describe('gs URIs, on a server of the JSON API', () => {
  let gcs: GcsServer;
  let work: Workplace;
  const open: Listening[] = [];
  beforeAll(async () => {
    gcs = await startGcs();
  }, 600_000);
  afterAll(() => gcs.close());
  beforeEach(async () => {
    work = await openWorkplace();
  });
  afterEach(async () => {
    for (const listening of open.splice(0).reverse()) await listening.close();
    await work.remove();
  });

  const at = (endpoint = gcs.endpoint, credentials: Record<string, string> = {}) => ({
    storage: { endpoint, credentials },
  });

  /** A server before the real one, which changes the answers as it is told. */
  const before = async (
    change: (asked: URL, answer: { status: number; bytes: Buffer }, authorization: string | undefined) => void,
  ): Promise<string> => {
    const server = await serve((request, response) => {
      const asked = new URL(`${gcs.endpoint}${request.url ?? ''}`);
      void fetch(asked).then(async (answer) => {
        const changed = { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) };
        change(asked, changed, request.headers.authorization);
        response.writeHead(changed.status).end(changed.bytes);
      });
    });
    open.push(server);
    return `http://127.0.0.1:${server.port}`;
  };

  test('a folder of an open bucket comes whole, with the digest it has anywhere else', async () => {
    const files = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`part ${index}/é#?.txt`, `${index}`]));
    const model: Record<string, Buffer | string> = { 'model.onnx': weights, 'config.json': '{}', ...files };
    for (const [path, bytes] of Object.entries(model)) await gcs.put('models', { [`digits/v3/${path}`]: bytes });
    await gcs.put('models', { 'digits/v30/x.onnx': 'no', 'digits/v3/': '' });
    for (const uri of ['gs://models/digits/v3', 'gs://models/digits/v3/']) {
      const found = await work.resolve(uri, at());
      expect(found.digest).toBe(folderDigest(model));
      expect(sha256(await readFile(found.modelPath))).toBe(sha256(weights));
    }
    expect(await work.parts()).toEqual([]);
  });

  test('a folder of several pages comes whole', async () => {
    const model = Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`${index}.json`, `${index}`]));
    const paged = await serve((request, response) => {
      const asked = new URL(`${gcs.endpoint}${request.url ?? ''}`);
      if (!asked.searchParams.has('alt')) asked.searchParams.set('maxResults', '2');
      void fetch(asked).then(async (answer) =>
        response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer())),
      );
    });
    open.push(paged);
    await gcs.put('models', { 'paged/model.onnx': 'weights' });
    await gcs.put('models', Object.fromEntries(Object.entries(model).map(([path, text]) => [`paged/${path}`, text])));
    const found = await work.resolve('gs://models/paged', at(`http://127.0.0.1:${paged.port}`));
    expect(found.digest).toBe(folderDigest({ ...model, 'model.onnx': 'weights' }));
  });

  test('a single object is a file or an archive, and data as well', async () => {
    const archive = await tar([{ name: 'model.onnx', content: 'packed' }]);
    await gcs.put('models', { 'a b/ä.onnx': 'weights', 'packed.tar': archive, 'sets/train.csv': 'a\n1\n' });
    expect((await work.resolve('gs://models/a%20b/%C3%A4.onnx', at())).digest).toBe(sha256('weights'));
    const packed = await work.resolve('gs://models/packed.tar', at());
    expect([packed.digest, await readFile(packed.modelPath, 'utf8')]).toEqual([sha256(archive), 'packed']);
    expect((await work.obtain('gs://models/sets/train.csv', at())).digest).toBe(sha256('a\n1\n'));
    expect((await work.obtain('gs://models/sets', at())).digest).toBe(folderDigest({ 'train.csv': 'a\n1\n' }));
  });

  test('a download that is cut goes on where it was cut, in this attempt and in the next', async () => {
    await gcs.put('models', { 'big.onnx': weights });
    const proxy = await cuttingProxy(Number(new URL(gcs.endpoint).port), [900_000, 0, 500_000, 900_000]);
    open.push(proxy);
    const endpoint = `http://127.0.0.1:${proxy.port}`;
    const fault = await work.fault('gs://models/big.onnx', { ...at(endpoint), limits: { cuts: 1 } });
    expect(fault).toMatchObject({ code: 'StorageUnavailable', retrying: true });
    expect(await work.parts()).toEqual([expect.stringMatching(/\.free$/)]);
    const found = await work.resolve('gs://models/big.onnx', at(endpoint));
    expect(sha256(await readFile(found.modelPath))).toBe(sha256(weights));
    expect(await work.parts()).toEqual([]);
  });

  test('an object that is replaced while it is read is read anew', async () => {
    await gcs.put('models', { 'moving/model.onnx': 'first', 'moving/config.json': '{}' });
    let isReplaced = false;
    const endpoint = await before((asked, answer) => {
      if (!asked.searchParams.has('alt') || isReplaced) return;
      isReplaced = true;
      answer.status = 404;
    });
    const found = await work.resolve('gs://models/moving', at(endpoint));
    expect(found.digest).toBe(folderDigest({ 'model.onnx': 'first', 'config.json': '{}' }));
    expect(isReplaced).toBe(true);
  });

  test.each([
    ['md5', ['one']],
    ['crc32c', ['one', 'two']],
  ])('what is not what its %s says is refused, and not kept', async (algorithm, sources) => {
    await gcs.put('models', { one: '123456789', two: 'abc' });
    await gcs.compose('models', 'composed.onnx', sources);
    const withoutMd5 = (bytes: Buffer): Buffer =>
      Buffer.from(JSON.stringify({ ...(JSON.parse(bytes.toString()) as object), md5Hash: undefined }));
    let damages = false;
    const endpoint = await before((asked, answer) => {
      if (asked.searchParams.has('alt')) answer.bytes[0] = damages ? 0 : (answer.bytes[0] ?? 0);
      else if (algorithm === 'crc32c') answer.bytes = withoutMd5(answer.bytes);
    });
    expect(await work.resolve('gs://models/composed.onnx', at(endpoint))).toBeDefined();
    damages = true;
    await rm(work.cacheDir, { recursive: true });
    expect(await work.fault('gs://models/composed.onnx', at(endpoint))).toMatchObject({
      code: 'DigestMismatch',
      message: expect.stringContaining(`the ${algorithm} `),
    });
    expect(await work.parts()).toEqual([]);
  });

  test('what is missing and what is no bucket are named', async () => {
    await gcs.put('models', {});
    expect(await work.fault('gs://models/none.onnx', at())).toMatchObject({
      code: 'NotFound',
      message: expect.stringMatching(/"models".*"none\.onnx"/),
    });
    expect(await work.fault('gs://models/none/', at())).toMatchObject({ code: 'NotFound' });
    expect(await work.fault('gs://nobody/none/', at())).toMatchObject({
      code: 'NotFound',
      message: expect.stringContaining('"nobody"'),
    });
    for (const uri of [
      'gs://Upper/a.onnx',
      'gs://a:1/b.onnx',
      'gs://models/a.onnx?x',
      'gs://models/a%00.onnx',
      'gs://models/..%2f.onnx%2f..',
    ]) {
      expect((await work.fault(uri, at())).code).toMatch(/^(Invalid|NotFound)$/);
    }
  });

  describe('with a service account', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const account = 'reader@project.iam.gserviceaccount.com';
    const keyOf = (tokenUri: string, more: object = {}): Record<string, string> => ({
      'gcloud-application-credentials.json': JSON.stringify({
        type: 'service_account',
        client_email: account,
        private_key_id: 'key-1',
        private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
        token_uri: tokenUri,
        ...more,
      }),
    });
    const json = (part = ''): Record<string, unknown> =>
      JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;

    /** A token server that gives a token for an assertion that the account's key signed, as RFC 7523 has it. */
    const tokenServer = async (asked: Record<string, unknown>[]): Promise<string> => {
      const server = await serve((request, response) => {
        let body = '';
        request.on('data', (chunk: Buffer) => (body += chunk.toString()));
        request.on('end', () => {
          const form = new URLSearchParams(body);
          const [header, claims, signature = ''] = (form.get('assertion') ?? '').split('.');
          const isSigned = verify(
            'sha256',
            Buffer.from(`${header}.${claims}`),
            publicKey,
            Buffer.from(signature, 'base64url'),
          );
          asked.push({ ...json(header), ...json(claims), grant: form.get('grant_type') });
          if (isSigned) response.writeHead(200).end(JSON.stringify({ access_token: 'ya29.right', expires_in: 3599 }));
          else response.writeHead(400).end('{"error":"invalid_grant"}');
        });
      });
      open.push(server);
      return `http://127.0.0.1:${server.port}/token`;
    };
    const closed = (): Promise<string> =>
      before((_asked, answer, authorization) => {
        if (authorization !== 'Bearer ya29.right') answer.status = 401;
      });

    test('a closed bucket is read with one token, had for an assertion that its key signed', async () => {
      await gcs.put('models', { 'closed/model.onnx': weights, 'closed/config.json': '{}' });
      const asked: Record<string, unknown>[] = [];
      const tokenUri = await tokenServer(asked);
      const found = await work.resolve('gs://models/closed', at(await closed(), keyOf(tokenUri)));
      expect(found.digest).toBe(folderDigest({ 'model.onnx': weights, 'config.json': '{}' }));
      const nowSeconds = Date.now() / 1000;
      expect(asked).toEqual([
        {
          alg: 'RS256',
          typ: 'JWT',
          kid: 'key-1',
          iss: account,
          scope: 'https://www.googleapis.com/auth/devstorage.read_only',
          aud: tokenUri,
          iat: expect.any(Number),
          exp: expect.any(Number),
          grant: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        },
      ]);
      expect(Math.abs(Number(asked[0]?.iat) - nowSeconds)).toBeLessThan(60);
      expect(Number(asked[0]?.exp) - Number(asked[0]?.iat)).toBe(3600);
    });

    test('none, one whose key was removed, and what is no key are AccessDenied with the cure', async () => {
      await gcs.put('models', { 'closed/model.onnx': 'weights' });
      const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
        type: 'pkcs8',
        format: 'pem',
      });
      const tokenUri = await tokenServer([]);
      const endpoint = await closed();
      for (const credentials of [
        {},
        keyOf(tokenUri, { private_key: other }),
        keyOf(tokenUri, { private_key: 'hunter2' }),
        { 'gcloud-application-credentials.json': 'hunter2' },
      ] as Record<string, string>[]) {
        const fault = await work.fault('gs://models/closed', at(endpoint, credentials));
        expect(fault).toMatchObject({
          code: 'AccessDenied',
          retrying: true,
          message: expect.stringContaining('Secret'),
        });
        expect(fault.message).not.toContain('hunter2');
      }
    });

    test('a token server that has no token is named', async () => {
      const broken = await serve((_request, response) => void response.writeHead(200).end('{}'));
      open.push(broken);
      const credentials = keyOf(`http://127.0.0.1:${broken.port}/`);
      expect(
        await work.fault('gs://models/closed', { ...at(gcs.endpoint, credentials), limits: { cuts: 1 } }),
      ).toMatchObject({
        code: 'StorageUnavailable',
        message: expect.stringContaining('without a token'),
      });
    });
  });
});

describe('a Google Cloud Storage that is none, or means harm', () => {
  let work: Workplace;
  beforeEach(async () => {
    work = await openWorkplace();
  });
  afterEach(() => work.remove());

  const item = (name: string, more: object = {}): object => ({ name, size: '1', generation: '1', ...more });
  const page = (...items: object[]): string => JSON.stringify({ items });
  test.each<[string, string, string, RegExp]>([
    ['a web page', '<html>', 'StorageUnavailable', /no Google Cloud Storage/],
    ['a size that is none', page(item('m/a', { size: '-1' })), 'StorageUnavailable', /no Google Cloud Storage/],
    ['a name that leaves', page(item('m/../../evil')), 'Invalid', /leaves the folder/],
    ['a name that is not in the folder', page(item('other/evil')), 'Invalid', /not in the folder/],
    ['more than fits', page(item('m/a', { size: String(1e15) })), 'Invalid', /larger than/],
    [
      'content that is packed',
      page(item('m/model.onnx', { contentEncoding: 'gzip' })),
      'Invalid',
      /"gzip".*without -z/,
    ],
    ['pages without end', JSON.stringify({ items: [], nextPageToken: 'again' }), 'Invalid', /more than 50 files/],
    ['a page without end', ' '.repeat(20_000_000), 'StorageUnavailable', /more than 16777216 bytes/],
  ])('and answers with %s is refused', async (_what, body, code, says) => {
    const server = await serve((_request, response) => response.end(body));
    try {
      const storage = { endpoint: `http://127.0.0.1:${server.port}` };
      const fault = await work.fault('gs://models/m/', { storage, limits: { cuts: 1, files: 50 } });
      expect(fault).toMatchObject({ code, message: expect.stringMatching(says) });
      expect(await work.parts()).toEqual([]);
    } finally {
      await server.close();
    }
  });
});
