import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheEvents } from '../../../runtime/store/request.ts';
import { eventually } from '../../support/eventually.ts';
import { openWorkplace, serve, sha256, type Listening, type Workplace } from './workplace.ts';

const mib = 1024 ** 2;

const sharerProgram = join(import.meta.dirname, '../../support/cache-sharer-main.ts');

let work: Workplace;
let server: Listening;
/** By path. */
let contents: Map<string, Buffer>;
/** Paths, as they were downloaded. */
let downloads: string[];
/** What the server waits for before it sends the second half of a file. */
let gate: Promise<void>;

const listener: RequestListener = (request, response) => {
  const path = request.url ?? '';
  const content = contents.get(path) ?? Buffer.alloc(0);
  response.writeHead(200, { etag: `"${sha256(content)}"`, 'content-length': content.length });
  const half = content.length / 2;
  response.write(content.subarray(0, half));
  void gate.then(() => {
    response.end(content.subarray(half));
    downloads.push(path);
  });
};

beforeEach(async () => {
  work = await openWorkplace();
  contents = new Map();
  downloads = [];
  gate = Promise.resolve();
  server = await serve(listener);
});
afterEach(async () => {
  await server.close();
  await work.remove();
});

/** Names of models of so many bytes. */
function models(count: number, bytes: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    contents.set(`/${index}.onnx`, randomBytes(bytes));
    return `http://127.0.0.1:${server.port}/${index}.onnx`;
  });
}

interface Use {
  modelPath: string;
  digest: string;
  end: () => void;
}

const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

/** Takes a model and uses it until the end. */
async function use(uri: string, cacheMaxBytes = Infinity, cacheEvents?: CacheEvents, digest?: string): Promise<Use> {
  const using = new AbortController();
  const end = (): void => using.abort();
  ends.push(end);
  const found = await work.resolve(
    uri,
    { storage: { cacheMaxBytes }, digest },
    { signal: using.signal, ...(cacheEvents && { cacheEvents }) },
  );
  return { ...found, end };
}

const digestsInCache = async (): Promise<string[]> =>
  (await readdir(join(work.cacheDir, 'sha256')).catch(() => [])).map((hex) => `sha256:${hex}`);

const digestOf = (uri: string): string => sha256(contents.get(new URL(uri).pathname) ?? '');

async function bytesIn(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const sizes = await Promise.all(files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Whoever gives content back is not waited for. */
const settled = (): Promise<void> => sleep(50);

function counted(): CacheEvents & { results: string[]; prunedBytes: number; bytes: number } {
  const events = {
    results: [] as string[],
    prunedBytes: 0,
    bytes: 0,
    looked: (result: string) => void events.results.push(result),
    pruned: (bytes: number) => void (events.prunedBytes += bytes),
    holds: (bytes: number) => void (events.bytes = bytes),
  };
  return events;
}

describe('a cache with a limit', () => {
  test('the least recently used goes, once nobody uses it', async () => {
    const [a = '', b = '', c = '', d = ''] = models(4, mib);
    const events = counted();
    for (const uri of [a, b, c]) {
      (await use(uri, 3 * mib, events)).end();
      await settled();
    }
    (await use(a, 3 * mib, events)).end();
    await settled();
    await use(d, 3 * mib, events);
    expect((await digestsInCache()).toSorted()).toEqual([a, c, d].map(digestOf).toSorted());
    expect(events).toMatchObject({
      results: ['miss', 'miss', 'miss', 'hit', 'miss'],
      prunedBytes: mib,
      bytes: 3 * mib,
    });
  });

  test('what is in use stays, beyond the limit too, and goes when the limit is looked at after its use', async () => {
    const [a = '', b = '', c = ''] = models(3, mib);
    const used = await use(a, mib);
    const other = await use(b, mib);
    expect((await digestsInCache()).length).toBe(2);
    expect(sha256(await readFile(used.modelPath))).toBe(used.digest);
    used.end();
    other.end();
    await settled();
    await use(c, mib);
    expect(await digestsInCache()).toEqual([digestOf(c)]);
  });

  test('a download makes room before it begins', async () => {
    const [a = '', b = ''] = models(2, mib);
    (await use(a, 1.5 * mib)).end();
    await settled();
    let open = (): void => undefined;
    gate = new Promise((resolve) => (open = resolve));
    const coming = use(b, 1.5 * mib);
    while ((await work.parts()).length === 0) await sleep(10);
    while ((await digestsInCache()).length > 0) await sleep(10);
    open();
    expect((await coming).digest).toBe(digestOf(b));
  });

  test('a download that is under way counts as what it will hold, and stays', async () => {
    const [a = '', b = '', c = ''] = models(3, mib);
    (await use(c)).end();
    await settled();
    let open = (): void => undefined;
    gate = new Promise((resolve) => (open = resolve));
    const coming = use(a);
    while ((await work.parts()).length === 0) await sleep(10);
    gate = Promise.resolve();
    const events = counted();
    await use(b, 2 * mib, events);
    expect(events).toMatchObject({ prunedBytes: mib, bytes: 2 * mib });
    expect(await digestsInCache()).toEqual([digestOf(b)]);
    open();
    expect((await coming).digest).toBe(digestOf(a));
  });

  test('parts that nobody goes on with count and go', async () => {
    const [a = '', b = ''] = models(2, 4 * mib);
    const stopping = new AbortController();
    gate = new Promise(() => undefined);
    const stopped = work.resolve(
      a,
      {},
      {
        signal: stopping.signal,
        onProgress: ({ bytesDone = 0 }) => bytesDone > 1000 && stopping.abort(new Error('stopped')),
      },
    );
    await expect(stopped).rejects.toThrow('stopped');
    expect(await work.parts()).toEqual([expect.stringMatching(/\.free$/)]);
    gate = Promise.resolve();
    await use(b, 4 * mib);
    expect(await work.parts()).toEqual([]);
  });
});

describe('content that several want', () => {
  test('is downloaded once by those who want it at the same time, and not again by those who come later', async () => {
    const [uri = ''] = models(1, mib);
    const events = counted();
    const all = await Promise.all(Array.from({ length: 5 }, () => use(uri, Infinity, events)));
    await use(uri, Infinity, events);
    expect(new Set(all.map(({ modelPath }) => modelPath)).size).toBe(1);
    expect(events.results.toSorted()).toEqual(['hit', 'hit', 'hit', 'hit', 'hit', 'miss']);
  });

  test('is downloaded by the next where the first dies', async () => {
    const [uri = ''] = models(1, mib);
    gate = new Promise(() => undefined);
    const first = sharer(Infinity, 1, [uri]);
    while ((await work.parts()).length === 0) await sleep(10);
    const second = use(uri);
    await sleep(300);
    gate = Promise.resolve();
    first.child.kill('SIGKILL');
    await first.ended;
    expect((await second).digest).toBe(digestOf(uri));
  });
});

describe('damaged content', () => {
  test.each([
    ['a file that is cut', (path: string) => truncate(path, 10)],
    ['a file that is gone', (path: string) => rm(path)],
    ['a folder that is gone', (path: string) => rm(dirname(path), { recursive: true })],
    ['a file too many', (path: string) => writeFile(join(dirname(path), 'more'), '')],
    ['a list of files that is gone', (path: string) => rm(join(dirname(dirname(path)), 'files'))],
  ])('%s is seen, removed, and downloaded again', async (_, damage) => {
    const [uri = ''] = models(1, 1000);
    const events = counted();
    const { modelPath } = await use(uri);
    await damage(modelPath);
    const again = await use(uri, Infinity, events);
    expect(sha256(await readFile(again.modelPath))).toBe(digestOf(uri));
    expect(events.results.at(-1)).toBe('miss');
    expect(await readdir(join(work.cacheDir, 'trash'))).toEqual([]);
  });

  test('other bytes of the same length are seen where the deployment names the digest', async () => {
    const [uri = ''] = models(1, 1000);
    const { modelPath, digest } = await use(uri);
    await writeFile(modelPath, randomBytes(1000));
    const events = counted();
    const again = await use(uri, Infinity, events, digest);
    expect(sha256(await readFile(again.modelPath))).toBe(digest);
    expect(events.results).toEqual(['damaged', 'miss']);
  });
});

describe('what the dead left', () => {
  const other = `elsewhere.1.${'0'.repeat(8)}`;

  test('a lease of another machine holds for as long as it is renewed', async () => {
    const [a = '', b = ''] = models(2, mib);
    (await use(a, mib)).end();
    await settled();
    const lease = join(work.cacheDir, 'leases', digestOf(a).slice(7), `use.${other}`);
    await writeFile(lease, '');
    (await use(b, mib)).end();
    expect(await digestsInCache()).toContain(digestOf(a));
    await settled();
    const long = new Date(Date.now() - 11 * 60_000);
    await utimes(lease, long, long);
    await use(b, mib);
    expect(await digestsInCache()).toEqual([digestOf(b)]);
  });

  test('a part that nobody went on with for a day goes, whatever the limit', async () => {
    const [a = ''] = models(1, mib);
    const [young, old] = ['young', 'old'].map((name) => join(work.cacheDir, 'partial', `${name}-key.free`)) as [
      string,
      string,
    ];
    for (const part of [young, old]) await mkdir(part, { recursive: true });
    const yesterday = new Date(Date.now() - 25 * 60 * 60_000);
    await utimes(old, yesterday, yesterday);
    await use(a);
    expect(await work.parts()).toEqual(['young-key.free']);
  });

  test('content that is not what was wanted is given back', async () => {
    contents.set('/data.csv', Buffer.from('a,b\n1,2\n'));
    const uri = `http://127.0.0.1:${server.port}/data.csv`;
    const using = new AbortController();
    const { digest } = await work.obtain(uri, {}, { signal: using.signal });
    using.abort();
    await expect(work.resolve(`http://127.0.0.1:${server.port}/0.onnx`, { digest })).rejects.toThrow('.onnx');
    await eventually(
      async () => expect(await readdir(join(work.cacheDir, 'leases', digest.slice(7)))).toEqual([]),
      5_000,
    );
  });

  test('trash, turns, leases and names of content that is gone are swept', async () => {
    const [a = ''] = models(1, mib);
    const dead = `${hostname().replaceAll('.', '_')}.999999999.x`;
    for (const folder of [`trash/${dead}.1/x`, 'turns/key', 'turns/empty', `leases/${'0'.repeat(64)}`, 'known'])
      await mkdir(join(work.cacheDir, folder), { recursive: true });
    for (const file of [`turns/key/${dead}`, `leases/${'0'.repeat(64)}/use.${dead}`, 'known/key', `.now.${dead}`])
      await writeFile(join(work.cacheDir, file), '');
    await use(a);
    expect(await readdir(join(work.cacheDir, 'trash'))).toEqual([]);
    expect(await readdir(join(work.cacheDir, 'turns'))).toEqual([]);
    expect(await readdir(join(work.cacheDir, 'leases'))).toEqual([digestOf(a).slice(7)]);
    expect(await readdir(join(work.cacheDir, 'known'))).toHaveLength(1);
    expect(await readdir(work.cacheDir)).not.toContain(`.now.${dead}`);
  });
});

interface Sharer {
  child: ReturnType<typeof spawn>;
  lines: string[];
  ended: Promise<unknown>;
}

function sharer(maxBytes: number, rounds: number, uris: string[]): Sharer {
  const child = spawn(process.execPath, [sharerProgram, work.cacheDir, String(maxBytes), String(rounds), ...uris], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString()).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
  return { child, lines, ended: once(child, 'close') };
}

test('a full disk makes room of what nobody uses, and refuses only where there is nothing to remove', async () => {
  const uris = models(3, 3 * mib);
  contents.set('/large.onnx', randomBytes(9 * mib));
  const large = `http://127.0.0.1:${server.port}/large.onnx`;
  await mkdir(work.cacheDir);
  const asRoot = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const [command, ...mount] = [
    'unshare',
    ...asRoot,
    '--mount',
    'sh',
    '-c',
    `mount -t tmpfs -o size=8m none '${work.cacheDir}' && exec "$@"`,
    'sh',
  ];
  if (spawnSync(command, [...mount, 'true']).status !== 0) {
    expect(process.getuid?.()).not.toBe(0);
    return;
  }
  const ask = `'${process.execPath}' '${sharerProgram}' '${work.cacheDir}' Infinity 1 "$uri" 2>&1`;
  const script = `for uri in "$@"; do ${ask} | grep -Eo '^http.*|StorageFull|The cache has no room left'; done`;
  const child = spawn(command, [...mount, 'sh', '-c', script, 'sh', ...uris, large], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  child.stdout.on('data', (chunk: Buffer) => lines.push(...chunk.toString().trim().split('\n')));
  await once(child, 'close');
  expect(lines.slice(0, 3)).toEqual(uris);
  expect(lines.slice(3)).toContain('StorageFull');
  expect(lines.slice(3)).toContain('The cache has no room left');
});

test('a cache that another user owns is said to be one', async () => {
  await mkdir(work.cacheDir);
  await chmod(work.cacheDir, 0o555);
  await chmod(work.folder, 0o755);
  const [uri = ''] = models(1, 1000);
  const child = spawn(process.execPath, [sharerProgram, work.cacheDir, 'Infinity', '1', uri], {
    stdio: ['ignore', 'inherit', 'pipe'],
    ...(process.getuid?.() === 0 && { uid: 65_534, gid: 65_534 }),
  });
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(child, 'close');
  expect(text).toContain('The cache cannot be written by the user that the runtime runs as (EACCES).');
});

test('eight processes, killed at random, never lose what they use, and leave a cache within its limit', async () => {
  const uris = models(6, mib);
  const all: Sharer[] = [];
  const limit = 3 * mib;
  const start = (): void => void all.push(sharer(limit, 1_000, uris));
  for (let index = 0; index < 8; index++) start();
  const linesOfAll = (): string[] => all.flatMap(({ lines }) => lines);
  for (let kills = 0; kills < 10 || linesOfAll().length < 100; kills++) {
    await sleep(600);
    const living = all.filter(({ child }) => child.exitCode === null && child.signalCode === null);
    const victim = living[Math.floor(Math.random() * living.length)];
    victim?.child.kill('SIGKILL');
    await victim?.ended;
    start();
  }
  for (const { child } of all) child.kill('SIGKILL');
  await Promise.all(all.map(({ ended }) => ended));
  const lines = linesOfAll();
  expect(lines.filter((line) => line.startsWith('MISSING'))).toEqual([]);
  expect(new Set(lines).size).toBe(6);
  // More was downloaded than fits: content came and went all the time.
  expect(downloads.length).toBeGreaterThan(6);
  const [last = ''] = uris;
  (await use(last, limit)).end();
  await settled();
  expect(await bytesIn(work.cacheDir)).toBeLessThan(limit + 10_000);
  for (const folder of ['trash', 'turns']) expect(await readdir(join(work.cacheDir, folder))).toEqual([]);
  const whole = (await digestsInCache()).map((digest) => uris.find((uri) => digestOf(uri) === digest));
  for (const uri of whole)
    expect((await use(uri ?? '', Infinity, undefined, digestOf(uri ?? ''))).digest).toBeDefined();
  ends.splice(0).forEach((end) => end());
  await settled();
  await use(last, 0);
  expect(await digestsInCache()).toEqual([digestOf(last)]);
  expect(await work.parts()).toEqual([]);
});
