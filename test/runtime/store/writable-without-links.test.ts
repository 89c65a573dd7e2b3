import { expect, jest, test } from '@jest/globals';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import * as files from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

jest.unstable_mockModule('node:fs/promises', () => ({
  ...files,
  link: () => Promise.reject(Object.assign(new Error('EPERM: operation not permitted, link'), { code: 'EPERM' })),
}));
const { openFolder, storeErrorOf } = await import('./writable-world.ts');

test('a volume whose file system has no hard links is refused when it is opened', async () => {
  const volumesDir = await mkdtemp(join(tmpdir(), 'modelyard-writable-'));
  await mkdir(join(volumesDir, 'models'));
  try {
    const error = await storeErrorOf(openFolder({ uri: 'pvc://models/', storage: { volumesDir } }));
    expect(error).toMatchObject({ code: 'StorageUnsupported', retrying: false });
    expect(error.message).toMatch(/no hard links.*s3:\/\/BUCKET\/PREFIX.*spec\.checkpoint\.uri/);
    expect(await readdir(join(volumesDir, 'models'))).toEqual([]);
  } finally {
    await rm(volumesDir, { recursive: true });
  }
});
