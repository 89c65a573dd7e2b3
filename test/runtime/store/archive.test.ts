import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { tar, type Entry } from './tar.ts';
import { openWorkplace, sha256, type Workplace } from './workplace.ts';

describe('archives', () => {
  let work: Workplace;
  beforeEach(async () => {
    work = await openWorkplace();
  });
  afterEach(() => work.remove());

  test.each(['.tar', '.tar.gz', '.tgz'])('%s is unpacked once, and its digest is that of its bytes', async (ending) => {
    const plain = await tar([
      { name: './digits/', type: 'directory' },
      { name: './digits/model.onnx', content: 'weights' },
      { name: './digits/config.json', content: '{}' },
    ]);
    const archive = ending === '.tar' ? plain : gzipSync(plain);
    await work.write({ [`volumes/models/a${ending}`]: archive });
    const found = await work.resolve(`pvc://models/a${ending}`);
    expect(found.digest).toBe(sha256(archive));
    expect(await readFile(found.modelPath, 'utf8')).toBe('weights');
    expect(await readFile(join(found.directory, 'config.json'), 'utf8')).toBe('{}');
    expect(await work.resolve(`pvc://models/a${ending}`)).toEqual(found);
    expect(await work.parts()).toEqual([]);
  });

  const model = { name: 'model.onnx', content: 'weights' };
  test.each<[string, Entry[], string]>([
    ['a symbolic link', [model, { name: 'evil', type: 'symlink', linkname: '/etc/passwd' }], 'evil'],
    ['a hard link', [model, { name: 'evil', type: 'link', linkname: 'model.onnx' }], 'evil'],
    ['a device', [model, { name: 'evil', type: 'character-device' }], 'evil'],
    ['a block device', [model, { name: 'evil', type: 'block-device' }], 'evil'],
    ['a pipe', [model, { name: 'evil', type: 'fifo' }], 'evil'],
    ['an absolute path', [model, { name: '/evil', content: 'x' }], '/evil'],
    ['a path that leaves', [model, { name: 'a/../../evil', content: 'x' }], 'evil'],
    ['a folder that leaves', [model, { name: '../evil/', type: 'directory' }], 'evil'],
    ['a backslash', [model, { name: '..\\evil', content: 'x' }], 'evil'],
    ['a file twice', [model, { name: './model.onnx', content: 'other' }], 'model.onnx'],
    ['a file as a folder', [model, { name: 'model.onnx/evil', content: 'x' }], 'evil'],
  ])('%s is refused, and the entry is named', async (_what, entries, named) => {
    await work.write({ 'volumes/models/a.tar': await tar(entries) });
    const fault = await work.fault('pvc://models/a.tar');
    expect(fault).toMatchObject({ code: 'ArchiveRefused', retrying: false });
    expect(fault.message).toContain(named);
    expect(fault.message).not.toContain(work.folder);
    expect(await readdir(work.cacheDir)).toEqual(['partial']);
    expect(await work.parts()).toEqual([]);
  });

  test('too many entries, too many bytes and a bomb are refused', async () => {
    await work.write({
      'volumes/models/a.tar': await tar([model, { name: 'b', content: 'x' }, { name: 'c', content: 'x' }]),
      'volumes/models/bomb.tgz': gzipSync(await tar([{ name: 'model.onnx', content: '0'.repeat(80_000_000) }])),
    });
    expect(await work.fault('pvc://models/a.tar', { limits: { files: 2 } })).toMatchObject({
      code: 'ArchiveRefused',
    });
    expect(await work.fault('pvc://models/a.tar', { limits: { bytes: 8 } })).toMatchObject({
      code: 'ArchiveRefused',
    });
    expect(await work.fault('pvc://models/bomb.tgz')).toMatchObject({ code: 'ArchiveRefused' });
  });

  test('one that is cut or no archive at all is refused', async () => {
    const whole = await tar([model]);
    await work.write({
      'volumes/models/cut.tar': whole.subarray(0, 515),
      'volumes/models/cut.tgz': gzipSync(whole).subarray(0, 60),
      'volumes/models/no.tgz': 'not gzip',
    });
    for (const name of ['cut.tar', 'cut.tgz', 'no.tgz']) {
      expect(await work.fault(`pvc://models/${name}`)).toMatchObject({ code: 'ArchiveRefused' });
    }
  });
});
