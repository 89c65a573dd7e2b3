import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import * as files from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const failure = (code: string): Error => Object.assign(new Error(`${code} on purpose`), { code });

/** What file systems do that no test machine has. */
const odd: { link: typeof files.link; beforeOpen: (path: string) => Promise<void> } = {
  link: files.link,
  beforeOpen: () => Promise.resolve(),
};
jest.unstable_mockModule('node:fs/promises', () => ({
  ...files,
  link: (from: string, to: string) => odd.link(from, to),
  open: async (path: string, flags: string) => {
    if (flags === 'wx') await odd.beforeOpen(path);
    return files.open(path, flags);
  },
}));
const { bytes, openFolder, storeErrorOf, text } = await import('./writable-world.ts');

let volumesDir: string;
beforeEach(async () => {
  volumesDir = await files.mkdtemp(join(tmpdir(), 'modelyard-writable-'));
  await files.mkdir(join(volumesDir, 'models'));
});
afterEach(async () => {
  odd.link = files.link;
  odd.beforeOpen = () => Promise.resolve();
  await files.rm(volumesDir, { recursive: true });
});

const open = () => openFolder({ uri: 'pvc://models/', storage: { volumesDir } });

test.each(['EPERM', 'EOPNOTSUPP', 'ENOSYS'])(
  'a volume that answers a hard link with %s is refused when it is opened',
  async (code) => {
    odd.link = () => Promise.reject(failure(code));
    const error = await storeErrorOf(open());
    expect(error).toMatchObject({ code: 'StorageUnsupported', retrying: false });
    expect(error.message).toMatch(/no hard links.*s3:\/\/BUCKET\/PREFIX.*spec\.checkpoint\.uri/);
    expect(await files.readdir(join(volumesDir, 'models'))).toEqual([]);
  },
);

test('a link that a network file system made and then says is there was made by us', async () => {
  const folder = await open();
  odd.link = async (from, to) => {
    await files.link(from, to);
    throw failure('EEXIST');
  };
  expect(await folder.create('claim', bytes('mine'))).toBe(true);
  expect(await folder.create('claim', bytes('late'))).toBe(false);
  odd.link = () => Promise.reject(failure('EEXIST'));
  expect(await folder.create('other', bytes('late'))).toBe(false);
  expect(await folder.list('')).toEqual(['claim']);
});

test('a folder that another removes just before a file is written to it is made again', async () => {
  const folder = await open();
  let removals = 0;
  odd.beforeOpen = async (path) => {
    if (removals++ < 2) await files.rmdir(dirname(path));
  };
  await folder.write('step/a', [bytes('a')]);
  expect(text(await folder.read('step/a'))).toBe('a');
  expect(removals).toBe(3);
});

test.each([
  ['EROFS', 'AccessDenied', 'read-only'],
  ['EDQUOT', 'StorageFull', 'EDQUOT'],
  ['EIO', 'StorageUnavailable', 'EIO'],
  ['ESTALE', 'StorageUnavailable', 'ESTALE'],
])('%s is %s', async (system, code, says) => {
  const folder = await open();
  odd.beforeOpen = () => Promise.reject(failure(system));
  const error = await storeErrorOf(folder.write('a', [bytes('a')]));
  expect(error).toMatchObject({ code, message: expect.stringContaining(says) });
  expect(error.message).toContain('pvc://models/a');
  expect(error.message).not.toContain(volumesDir);
});
