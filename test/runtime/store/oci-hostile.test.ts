import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import type { RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { certificateAuthority } from '../../cluster/certificates.ts';
import {
  artefact,
  dockerConfig,
  file,
  imageConfigType,
  scriptedRegistry,
  tarType,
  type Artefact,
  type LayerOf,
  type Meddling,
} from './scripted-registry.ts';
import { tar, type Entry } from './tar.ts';
import { openWorkplace, serve, sha256, type Listening, type Workplace } from './workplace.ts';

const uri = 'oci://registry.test/models/digits:v1';

let work: Workplace;
const open: Listening[] = [];
beforeEach(async () => {
  work = await openWorkplace();
});
afterEach(async () => {
  for (const listening of open.splice(0).reverse()) await listening.close();
  await work.remove();
});

const started = async (listening: Promise<Listening>): Promise<string> => {
  open.push(await listening);
  return `http://127.0.0.1:${open.at(-1)?.port ?? 0}`;
};
const start = (given: Artefact, meddle?: Meddling): Promise<string> => started(scriptedRegistry(given, meddle));
const answerAlways = (response: ServerResponse, chunk: Buffer): void => {
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('drain', more);
  more();
};
const isBlob = (url = ''): boolean => url.includes('/blobs/');
const nothingIsKept = async (): Promise<void> => {
  expect(await work.parts()).toEqual([]);
  expect(await readdir(work.cacheDir).catch(() => [])).not.toContain('sha256');
};

describe('a registry that lies', () => {
  const given = artefact([file('model.onnx', 'weights'), file('config.json', '{}')]);

  test('about a blob: its digest is named, and nothing is kept', async () => {
    const endpoint = await start(given, ({ url }, response) => {
      if (!isBlob(url)) return false;
      response.writeHead(200).end(url?.endsWith(sha256('weights')) ? 'weighty' : '{}');
      return true;
    });
    const fault = await work.fault(uri, { storage: { endpoint } });
    expect(fault).toMatchObject({ code: 'DigestMismatch', retrying: true });
    expect(fault.message).toContain(sha256('weights').slice(7));
    await nothingIsKept();
  });

  test('about a manifest that the URI names by digest', async () => {
    const endpoint = await start(given);
    const named = `oci://registry.test/models/digits@${sha256('another')}`;
    expect(await work.fault(named, { storage: { endpoint } })).toMatchObject({
      code: 'DigestMismatch',
      retrying: true,
    });
    const right = `oci://registry.test/models/digits@${given.digest}`;
    expect(await work.resolve(right, { storage: { endpoint } })).toBeDefined();
  });

  test('about the length of a blob: one without end is cut off at its size, one too short is refused', async () => {
    const sent = { bytes: 0 };
    const one = artefact([file('model.onnx', 'weights')]);
    const endless = await start(one, ({ url }, response) => {
      if (!isBlob(url)) return false;
      response.on('close', () => (sent.bytes += response.socket?.bytesWritten ?? 0));
      answerAlways(response.writeHead(200), Buffer.alloc(65_536));
      return true;
    });
    const limits = { cuts: 2 };
    expect(await work.fault(uri, { storage: { endpoint: endless }, limits })).toMatchObject({
      code: 'StorageUnavailable',
    });
    expect(sent.bytes).toBeLessThan(50_000_000);
    const short = await start(one, ({ url }, response) => {
      if (isBlob(url)) response.writeHead(200).end('we');
      return isBlob(url);
    });
    expect(await work.fault(uri, { storage: { endpoint: short }, limits })).toMatchObject({
      code: 'StorageUnavailable',
    });
  });

  test('about where a range begins: the download starts over, and is whole', async () => {
    const weights = randomBytes(1_000_000);
    let blobs = 0;
    const endpoint = await start(artefact([{ title: 'model.onnx', bytes: weights }]), ({ url, headers }, response) => {
      if (!isBlob(url)) return false;
      blobs += 1;
      if (blobs === 1) {
        response.writeHead(200, { 'content-length': weights.length });
        response.write(weights.subarray(0, 400_000), () => response.destroy());
        return true;
      }
      if (headers.range === undefined) return false;
      response.writeHead(206, { 'content-range': 'bytes 7-9/1000000' }).end('abc');
      return true;
    });
    const found = await work.resolve(uri, { storage: { endpoint } });
    expect(found.digest).toBe(sha256(`${sha256(weights).slice(7)}  model.onnx\n`));
    expect(blobs).toBe(3);
  });

  test.each<[string, (response: ServerResponse) => void, string, RegExp]>([
    [
      'a manifest without end',
      (response) => answerAlways(response.writeHead(200), Buffer.alloc(65_536, ' ')),
      'StorageUnavailable',
      /more than 4194304 bytes/,
    ],
    ['a web page', (response) => void response.writeHead(200).end('<html>'), 'StorageUnavailable', /no registry/],
    [
      'JSON that is none of its own',
      (response) => void response.writeHead(200).end('{"hello":1}'),
      'Invalid',
      /malformed/,
    ],
    [
      'an index of indexes',
      (response) =>
        void response.writeHead(200).end(
          JSON.stringify({
            manifests: [{ mediaType: 'application/vnd.oci.image.index.v1+json', digest: sha256('x'), size: 1 }],
          }),
        ),
      'Invalid',
      /nothing for linux/,
    ],
    [
      'a digest of another kind',
      (response) =>
        void response
          .writeHead(200)
          .end(JSON.stringify({ config: { mediaType: 'x' }, layers: [{ mediaType: 'x', digest: 'md5:1', size: 1 }] })),
      'Invalid',
      /sha256/,
    ],
    [
      'a digest that is a path',
      (response) =>
        void response.writeHead(200).end(
          JSON.stringify({
            config: { mediaType: 'x' },
            layers: [{ mediaType: 'x', digest: '../../../admin', size: 1 }],
          }),
        ),
      'Invalid',
      /sha256/,
    ],
    [
      'too much',
      (response) =>
        void response.writeHead(200).end(
          JSON.stringify({
            config: { mediaType: 'x' },
            layers: [{ mediaType: 'x', digest: sha256('x'), size: 1e15 }],
          }),
        ),
      'Invalid',
      /larger than/,
    ],
    ['silence', () => undefined, 'StorageUnavailable', /registry|cannot be read/],
  ])('that answers with %s', async (_what, answer, code, says) => {
    const endpoint = await started(serve((_request, response) => answer(response)));
    const fault = await work.fault(uri, { storage: { endpoint }, limits: { cuts: 2, stallTimeoutMs: 200 } });
    expect(fault).toMatchObject({ code, message: expect.stringMatching(says) });
    expect(fault.message.length).toBeLessThan(600);
  });

  test('a registry that has a bad moment is asked again', async () => {
    let answers = 0;
    const endpoint = await start(given, (_request, response) => {
      answers += 1;
      if (answers % 2 === 1) response.writeHead(503).end();
      return answers % 2 === 1;
    });
    expect(await work.resolve(uri, { storage: { endpoint } })).toBeDefined();
  });
});

describe('layers that no folder may hold', () => {
  test.each(['../evil', '/etc/evil', 'a/../../evil', '', 'a//b', 'a\\b', 'a\u0000b', 'x'.repeat(300)])(
    'a title that is %j is refused',
    async (name) => {
      const endpoint = await start(artefact([file('model.onnx', 'weights'), file(name, 'x')]));
      expect(await work.fault(uri, { storage: { endpoint } })).toMatchObject({ code: 'Invalid', retrying: false });
      await nothingIsKept();
    },
  );

  test('a layer that is no archive and has no title is named with the cure', async () => {
    const endpoint = await start(artefact([{ bytes: Buffer.from('x'), mediaType: 'application/x-weights' }]));
    expect(await work.fault(uri, { storage: { endpoint } })).toMatchObject({
      code: 'Invalid',
      message: expect.stringMatching(/application\/x-weights.*oras push/),
    });
  });

  const model = { name: 'models/model.onnx', content: 'weights' };
  test.each<[string, Entry]>([
    ['a symbolic link', { name: 'models/evil', type: 'symlink', linkname: '/etc/passwd' }],
    ['a symbolic link as the folder itself', { name: 'models', type: 'symlink', linkname: '/etc' }],
    ['a hard link', { name: 'models/evil', type: 'link', linkname: 'models/model.onnx' }],
    ['a device', { name: 'models/evil', type: 'character-device' }],
    ['a path that leaves', { name: 'models/../../evil', content: 'x' }],
    ['an absolute path', { name: '/models/evil', content: 'x' }],
    ['a whiteout that leaves', { name: 'models/.wh...', content: 'x' }],
    ['a whiteout of nothing', { name: 'models/.wh.', content: 'x' }],
  ])('%s below /models is refused, and the entry is named', async (_what, entry) => {
    const layers: LayerOf[] = [await tar([model]), await tar([entry])].map((bytes) => ({ bytes, mediaType: tarType }));
    const endpoint = await start(artefact(layers, imageConfigType));
    const fault = await work.fault(uri, { storage: { endpoint } });
    expect(fault).toMatchObject({ code: 'ArchiveRefused', retrying: false });
    expect(fault.message).toContain('models');
    expect(fault.message).not.toContain(work.folder);
    await nothingIsKept();
  });

  test('bombs, also among what is passed over, and layers that are together too large', async () => {
    const zeros = '0'.repeat(80_000_000);
    const layer = async (name: string, content: string): Promise<LayerOf> => ({
      bytes: gzipSync(await tar([{ name, content }])),
      mediaType: `${tarType}+gzip`,
    });
    for (const name of ['models/model.onnx', 'etc/elsewhere']) {
      const endpoint = await start(artefact([await layer(name, zeros)], imageConfigType));
      expect(await work.fault(uri, { storage: { endpoint } })).toMatchObject({ code: 'ArchiveRefused' });
    }
    const halves = await Promise.all(['model.onnx', 'b'].map((name) => layer(`models/${name}`, 'x'.repeat(60_000))));
    const endpoint = await start(artefact(halves, imageConfigType));
    expect(await work.fault(uri, { storage: { endpoint }, limits: { bytes: 100_000 } })).toMatchObject({
      code: 'ArchiveRefused',
    });
    const many = await start(artefact(halves, imageConfigType));
    expect(await work.fault(uri, { storage: { endpoint: many }, limits: { files: 1 } })).toMatchObject({
      code: 'Invalid',
    });
  });

  test('an image without /models is named so', async () => {
    const bytes = await tar([{ name: 'etc/passwd', content: 'x' }]);
    const endpoint = await start(artefact([{ bytes, mediaType: tarType }], imageConfigType));
    expect(await work.fault(uri, { storage: { endpoint } })).toMatchObject({
      code: 'Invalid',
      message: expect.stringContaining('/models'),
    });
  });
});

describe('credentials', () => {
  const credentials = dockerConfig('registry.test', 'reader', 'hunter2');
  const given = artefact([file('model.onnx', 'weights')]);

  test('go along no redirect to another origin, and a challenge from there is not answered', async () => {
    const seen: (string | undefined)[] = [];
    const cdn = await started(
      serve(({ headers }, response) => {
        seen.push(headers.authorization);
        const realm = `Bearer realm="http://${headers.host ?? ''}/token"`;
        response.writeHead(401, { 'www-authenticate': realm }).end();
      }),
    );
    const endpoint = await start(given, ({ url, headers }, response) => {
      if (headers.authorization === undefined) response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      else if (isBlob(url)) response.writeHead(307, { location: `${cdn}/blob` }).end();
      else return false;
      return true;
    });
    expect(await work.fault(uri, { storage: { endpoint, credentials } })).toMatchObject({ code: 'AccessDenied' });
    expect(seen).toEqual([undefined]);
  });

  test('are given by Basic where the registry asks for that, and the longest path of a repository counts', async () => {
    const seen = new Set<string | undefined>();
    const endpoint = await start(given, ({ headers }, response) => {
      seen.add(headers.authorization);
      if (headers.authorization !== undefined) return false;
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      return true;
    });
    const auths = {
      'https://registry.test/v1/': { auth: 'd3Jvbmc6b25l' },
      'registry.test/models': { username: 'reader', password: 'right' },
      'registry.test/mod': { auth: 'd3Jvbmc6b25l' },
      '*.test/models/digits/more': { auth: 'd3Jvbmc6b25l' },
    };
    const config = { '.dockerconfigjson': JSON.stringify({ auths }) };
    await work.resolve(uri, { storage: { endpoint, credentials: config } });
    expect([...seen]).toEqual([undefined, `Basic ${Buffer.from('reader:right').toString('base64')}`]);
  });

  test.each([
    ['no realm', 'Bearer service="x"', 'StorageUnavailable'],
    ['a realm of another scheme', 'Bearer realm="file:///etc/passwd"', 'AddressNotAllowed'],
    ['a scheme that nobody knows', 'Negotiate', 'AccessDenied'],
    ['nothing', '', 'AccessDenied'],
  ])('a challenge with %s is refused', async (_what, challenge, code) => {
    const endpoint = await started(
      serve((_request, response) => void response.writeHead(401, { 'www-authenticate': challenge }).end()),
    );
    expect(await work.fault(uri, { storage: { endpoint, credentials } })).toMatchObject({ code });
  });

  test.each([
    ['no token', '{}', /without one/],
    ['one that no header can carry', JSON.stringify({ token: 'a\nb' }), /without one/],
    ['a page', '<html>', /without one/],
    ['more than any token', ' '.repeat(2_000_000), /more than/],
  ])('a token service that answers with %s is named', async (_what, body, says) => {
    const endpoint: string = await started(
      serve(({ url, headers }, response) => {
        if (url?.startsWith('/token')) response.writeHead(200).end(body);
        else response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${headers.host ?? ''}/token"` }).end();
      }),
    );
    const fault = await work.fault(uri, { storage: { endpoint, credentials }, limits: { cuts: 1 } });
    expect(fault).toMatchObject({ code: 'StorageUnavailable', message: expect.stringMatching(says) });
  });
});

describe('a registry behind TLS', () => {
  const given = artefact([file('model.onnx', 'weights')]);
  const credentials = dockerConfig('registry.test', 'reader', 'hunter2');
  const secure = async (listener: RequestListener): Promise<{ endpoint: string; ca: string }> => {
    const authority = await certificateAuthority(new Date());
    const { certificate: cert, key } = await authority.server(['127.0.0.1']);
    const server = createServer({ cert, key }, listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    open.push({
      port,
      close: async () => {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    });
    return { endpoint: `https://127.0.0.1:${port}`, ca: authority.certificate };
  };

  test('is read where its authority is trusted, and nowhere else', async () => {
    const plain = await start(given);
    const { endpoint, ca } = await secure((incoming, response) => {
      void fetch(`${plain}${incoming.url ?? ''}`).then(async (answer) => {
        response.writeHead(answer.status).end(Buffer.from(await answer.arrayBuffer()));
      });
    });
    expect(await work.resolve(uri, { storage: { endpoint, ca } })).toBeDefined();
    expect(await work.fault(uri, { storage: { endpoint }, limits: { cuts: 1 } })).toMatchObject({
      code: 'StorageUnavailable',
      message: expect.stringContaining(endpoint),
    });
  });

  test.each<[string, Record<string, string>, number]>([
    ['a token service', { 'www-authenticate': 'Bearer realm="http://127.0.0.1:1/token"' }, 401],
    ['another place', { location: 'http://127.0.0.1:1/' }, 302],
  ])('sends nobody to %s without', async (_what, headers, status) => {
    const { endpoint, ca } = await secure((_request, response) => void response.writeHead(status, headers).end());
    const fault = await work.fault(uri, { storage: { endpoint, ca, credentials } });
    expect(fault).toMatchObject({ code: 'AddressNotAllowed', message: expect.stringContaining('https:// to http://') });
  });
});

test('a pull that is stopped says why, and leaves its part for the next', async () => {
  const weights = randomBytes(4_000_000);
  const endpoint = await start(artefact([{ title: 'model.onnx', bytes: weights }]), ({ url }, response) => {
    if (isBlob(url))
      response.writeHead(200, { 'content-length': weights.length }).write(weights.subarray(0, 3_000_000));
    return isBlob(url);
  });
  const stopping = new AbortController();
  const onProgress = ({ bytesDone = 0 }): void => {
    if (bytesDone > 0) stopping.abort(new Error('the pod is told to stop'));
  };
  const pulled = work.resolve(uri, { storage: { endpoint } }, { signal: stopping.signal, onProgress });
  await expect(pulled).rejects.toThrow('the pod is told to stop');
  expect(await work.parts()).toEqual([expect.stringMatching(/\.free$/)]);
});
