import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../support/eventually.ts';
import { bytes, openFolder, storeErrorOf, text } from './writable-world.ts';

const writer = fileURLToPath(new URL('../../support/writable-main.ts', import.meta.url));
const uri = 'pvc://models/runs';

let volumesDir: string;
let runs: string;
beforeEach(async () => {
  volumesDir = await mkdtemp(join(tmpdir(), 'modelyard-writable-'));
  runs = join(volumesDir, 'models/runs');
  await mkdir(runs, { recursive: true });
});
afterEach(() => rm(volumesDir, { recursive: true, force: true }));

const open = (name = uri) => openFolder({ uri: name, storage: { volumesDir } });

const writerArguments = (user: string, ...sizes: number[]): string[] => [
  '--disable-warning=ExperimentalWarning',
  writer,
  volumesDir,
  uri,
  'file',
  user,
  ...sizes.map(String),
];

describe('links', () => {
  beforeEach(async () => {
    await mkdir(join(volumesDir, 'models/others'));
    await writeFile(join(volumesDir, 'models/others/secret'), 'secret');
    await symlink(join(volumesDir, 'models/others'), join(runs, 'out'));
    await symlink(join(volumesDir, 'models/others/secret'), join(runs, 'file'));
    await symlink(join(volumesDir, 'models/others/new'), join(runs, 'nowhere'));
    await symlink('inner', join(runs, 'in'));
    await mkdir(join(runs, 'inner'));
  });

  test('never lead out of the folder', async () => {
    const folder = await open();
    for (const act of [
      () => folder.read('out/secret'),
      () => folder.readRange('out/secret', 0, 1),
      () => folder.write('out/secret', [bytes('x')]),
      () => folder.create('out/new', bytes('x')),
      () => folder.remove('out/secret'),
      () => folder.list('out/'),
      () => folder.write('nowhere/x', [bytes('x')]),
      () => folder.read('file'),
    ]) {
      expect(await storeErrorOf(act())).toMatchObject({ code: 'Invalid', message: expect.stringContaining('link') });
    }
    expect(await folder.list('')).toEqual([]);
    await folder.write('file', [bytes('mine')]);
    expect(await folder.create('nowhere', bytes('mine'))).toBe(false);
    await folder.remove('nowhere');
    await folder.write('in/x', [bytes('mine')]);
    expect(await folder.list('')).toEqual(['file', 'inner/x']);
    expect(await readdir(join(volumesDir, 'models/others'))).toEqual(['secret']);
    expect(await readFile(join(volumesDir, 'models/others/secret'), 'utf8')).toBe('secret');
  });

  test('may name the folder itself only where they stay in the volume', async () => {
    await mkdir(join(volumesDir, 'elsewhere'));
    await symlink(join(volumesDir, 'elsewhere'), join(volumesDir, 'models/away'));
    await symlink('runs/inner', join(volumesDir, 'models/here'));
    await (await open('pvc://models/here')).write('x', [bytes('mine')]);
    expect(await readFile(join(runs, 'inner/x'), 'utf8')).toBe('mine');
    for (const name of ['pvc://models/away', 'pvc://models/away/deeper']) {
      expect(await storeErrorOf(open(name))).toMatchObject({ code: 'Invalid' });
    }
    expect(await readdir(join(volumesDir, 'elsewhere'))).toEqual([]);
  });
});

test('a folder that is not there is made, in a volume that is', async () => {
  const folder = await open('pvc://models/new/deep/');
  expect(await folder.create('a/b/c', bytes('x'))).toBe(true);
  expect(await readFile(join(volumesDir, 'models/new/deep/a/b/c'), 'utf8')).toBe('x');
  expect(await storeErrorOf(open('pvc://nobody/new'))).toMatchObject({
    code: 'StorageUnavailable',
    message: expect.stringContaining('no such volume'),
  });
  await rm(join(volumesDir, 'models/new'), { recursive: true });
  expect(await storeErrorOf(folder.write('a', [bytes('x')]))).toMatchObject({
    code: 'StorageUnavailable',
    message: 'pvc://models/new/deep was removed.',
  });
});

test('the root of a volume has no files of the file system, and no empty folders stay', async () => {
  await mkdir(join(volumesDir, 'models/lost+found'));
  await writeFile(join(volumesDir, 'models/lost+found/#1'), '');
  const folder = await open('pvc://models');
  await folder.write('a/b/c', [bytes('x')]);
  await folder.write('a/d', [bytes('x')]);
  expect(await folder.list('')).toEqual(['a/b/c', 'a/d']);
  await folder.remove('a/b/c');
  expect(await readdir(join(volumesDir, 'models/a'))).toEqual(['d']);
});

test('a file where a folder should be is named', async () => {
  const folder = await open();
  await folder.write('a', [bytes('x')]);
  await folder.write('b/c', [bytes('x')]);
  for (const act of [
    () => folder.write('a/b', []),
    () => folder.create('a/b', bytes('')),
    () => folder.write('b', []),
  ]) {
    expect(await storeErrorOf(act())).toMatchObject({ code: 'Invalid', message: expect.stringContaining('folder') });
  }
  expect(await folder.list('')).toEqual(['a', 'b/c']);
});

/** The command that runs its arguments where files have a few megabytes of room: on a small disk, or where that cannot be had, under a limit. */
function crampedCommand(folder: string): string[] {
  const disk = ['unshare', '--mount', 'sh', '-c', `mount -t tmpfs -o size=8m none '${folder}' && exec "$@"`, 'sh'];
  const canMount = spawnSync(disk[0] ?? '', [...disk.slice(1), 'true']).status === 0;
  return canMount ? disk : ['sh', '-c', 'ulimit -f 8192; exec "$@"', 'sh'];
}

test('a full disk is StorageFull, and what was there stays', async () => {
  const [command = '', ...rest] = crampedCommand(runs);
  const show = `${process.execPath} "$@" && ls -A '${runs}' && wc -c < '${runs}/file' && tail -c 1 '${runs}/file' | od -An -tu1`;
  const child = spawn(
    command,
    [...rest, 'sh', '-c', show, 'sh', ...writerArguments('-', 1_000_000, 30_000_000, 2_000_000)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const lines = (await textOf(child.stdout)).trim().split('\n');
  expect(lines.map((line) => line.trim())).toEqual([
    'ok',
    expect.stringMatching(/^StorageFull: There is no room for pvc:\/\/models\/runs\/file \(E(NOSPC|FBIG)\)\. Remove/),
    'ok',
    'file',
    '2000000',
    '3',
  ]);
});

test('a folder of another user is AccessDenied', async () => {
  await chmod(runs, 0o555);
  await chmod(volumesDir, 0o755);
  const child = spawn(process.execPath, writerArguments(process.getuid?.() === 0 ? '65534' : '-', 1), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  expect(await textOf(child.stdout)).toMatch(
    /^AccessDenied: pvc:\/\/models\/runs may not be read and written by the user/,
  );
});

test('what a writer that was killed left is no file, and goes with the next write', async () => {
  const folder = await open();
  await folder.write('file', [bytes('old')]);
  const child: ChildProcess = spawn(process.execPath, writerArguments('-', 1_500_000_000), { stdio: 'inherit' });
  const ended = once(child, 'close');
  const lengths = async (): Promise<number[]> =>
    Promise.all((await readdir(runs)).map(async (name) => (await stat(join(runs, name))).size));
  await eventually(async () => expect(Math.max(...(await lengths()))).toBeGreaterThan(1_000_000), 20_000, 5);
  child.kill('SIGKILL');
  await ended;
  expect((await readdir(runs)).length).toBe(2);
  expect(await folder.list('')).toEqual(['file']);
  expect(text(await folder.read('file'))).toBe('old');
  const next = await open();
  await next.write('other', [bytes('new')]);
  expect((await readdir(runs)).sort()).toEqual(['file', 'other']);
});
