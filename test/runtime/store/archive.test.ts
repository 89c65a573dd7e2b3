import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { hostileArchives, slip } from './hostile-archives.ts';
import { gnuLongName, pax, rawTar, type RawEntry } from './raw-tar.ts';
import { tar } from './tar.ts';
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
  test.each([...hostileArchives])('$what is refused, and the entry is named', async (hostile) => {
    expect(await slip(hostile, work)).toBeUndefined();
    expect(await readdir(work.cacheDir)).not.toContain('sha256');
    expect(await work.parts()).toEqual([]);
    expect(await readdir(work.folder)).toEqual(['cache', 'volumes']);
  });

  test('too many entries and too many bytes are refused', async () => {
    await work.write({
      'volumes/models/a.tar': await tar([model, { name: 'b', content: 'x' }, { name: 'c', content: 'x' }]),
    });
    expect(await work.fault('pvc://models/a.tar', { limits: { files: 2 } })).toMatchObject({
      code: 'ArchiveRefused',
    });
    expect(await work.fault('pvc://models/a.tar', { limits: { bytes: 8 } })).toMatchObject({
      code: 'ArchiveRefused',
    });
  });

  test('what a packer puts around its files is passed over', async () => {
    const entries: RawEntry[] = [
      pax({ comment: 'of all' }, 'g'),
      pax({ mtime: '1.5', path: 'model.onnx' }),
      { name: 'short', content: 'weights' },
      gnuLongName(`${'long/'.repeat(40)}config.json`),
      { name: 'cut', content: '{}' },
    ];
    // As tar pads what it writes to records.
    const archive = Buffer.concat([rawTar(entries), Buffer.alloc(20 * 512)]);
    await work.write({ 'volumes/models/a.tar.gz': gzipSync(archive) });
    const { directory, modelPath } = await work.resolve('pvc://models/a.tar.gz');
    expect(await readFile(modelPath, 'utf8')).toBe('weights');
    expect(await readFile(join(directory, 'long/'.repeat(40), 'config.json'), 'utf8')).toBe('{}');
  });

  test('many small files take their room without being a bomb', async () => {
    const files = Array.from({ length: 1_000 }, (_, index) => ({ name: `tokens/${index}`, content: 'x' }));
    const entries = files.flatMap(({ name, content }) => [
      pax({ path: name, comment: 'x'.repeat(900) }),
      { name: 'short', content },
    ]);
    await work.write({
      'volumes/models/a.tgz': gzipSync(rawTar([{ name: 'model.onnx', content: 'weights' }, ...entries])),
    });
    const { directory } = await work.resolve('pvc://models/a.tgz', { limits: { bytes: 10_000 } });
    expect(await readdir(join(directory, 'tokens'))).toHaveLength(1_000);
  });
});
