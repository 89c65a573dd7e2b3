import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { readMounted, watchMounted, type MountedFiles } from '../../../../../runtime/serving/access/mounted-files.ts';
import { secretFolder, type SecretFolder } from '../../../../support/secret-folder.ts';
import { until } from '../../../../support/serving.ts';

const ends: (() => void)[] = [];
afterEach(() => ends.splice(0).forEach((end) => end()));

const mounted = (files: Record<string, string>): SecretFolder => {
  const folder = secretFolder(files);
  ends.push(() => folder.remove());
  return folder;
};

test('a mounted Secret is its keys, without the links that the kubelet keeps', () => {
  expect(readMounted(mounted({ a: '1', b: '2' }).path)).toEqual(new Map(Object.entries({ a: '1', b: '2' })));
});

test('a folder that is written file by file is read too, without what is being written', () => {
  const path = mkdtempSync(join(tmpdir(), 'modelyard-secret-'));
  ends.push(() => rmSync(path, { recursive: true }));
  for (const name of ['a', '..a.draft']) writeFileSync(join(path, name), '1');
  expect(readMounted(path)).toEqual(new Map([['a', '1']]));
});

test('what is no folder cannot be read', () => {
  expect(readMounted('/nowhere/at/all')).toBeUndefined();
});

test('a renewal is told once, and its end and its way back too', async () => {
  const folder = mounted({ a: '1' });
  const told: (MountedFiles | undefined)[] = [];
  ends.push(watchMounted(folder.path, (files) => told.push(files), 5));
  expect(told).toEqual([new Map([['a', '1']])]);
  folder.write({ b: '2' });
  await until(() => told.length === 2);
  folder.write({ b: '2' });
  await sleep(50);
  folder.remove();
  await until(() => told.length === 3);
  expect(told.slice(1)).toEqual([new Map([['b', '2']]), undefined]);
});
