import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { mkdtemp, readdir, rm, stat, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dropFile, keepFile, timeIn } from '../../../runtime/store/kept.ts';
import { eventually } from '../../support/eventually.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelyard-kept-'));
});
afterEach(() => rm(folder, { recursive: true }));

// The timer of a process starts with its first file.
jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'Date', 'performance'] });

test('a kept file is renewed every minute, made again where somebody removed it, and gone for good when it is dropped', async () => {
  const [old, gone, dropped] = [join(folder, 'old'), join(folder, 'gone'), join(folder, 'dropped')];
  for (const path of [old, gone, dropped]) await keepFile(path);
  await utimes(old, 1, 1);
  await rm(gone);
  await dropFile(dropped);
  jest.advanceTimersByTime(59_000);
  expect(await readdir(folder)).toEqual(['old']);
  jest.advanceTimersByTime(1_000);
  await eventually(async () => expect((await readdir(folder)).toSorted()).toEqual(['gone', 'old']), 5_000);
  expect((await stat(old)).mtimeMs).toBeGreaterThan(1_000_000);
  await dropFile(old);
  await dropFile(gone);
});

test('a file that is there already is not kept', async () => {
  const path = join(folder, 'file');
  await keepFile(path);
  await expect(keepFile(path)).rejects.toMatchObject({ code: 'EEXIST' });
  await dropFile(path);
});

test('the time of a file system is that of its files, and asking for it leaves none', async () => {
  expect(Math.abs((await timeIn(folder)) - Date.now())).toBeLessThan(10_000);
  expect(await readdir(folder)).toEqual([]);
});
