import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from '@jest/globals';
import { endWith } from '../../../../runtime/training/process-end.ts';
import { lookupIn } from '../../../../runtime/training/process-hosts.ts';

const folder = mkdtempSync(join(tmpdir(), 'modelyard-ends-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('an outcome that fits is said whole', () => {
  const outcome = { succeeded: true, reason: 'Trained', message: 'done' };
  expect(endWith(outcome)).toEqual({ exitCode: 0, lastWords: JSON.stringify(outcome) });
});

test('the message of an outcome is cut so that the kubelet keeps JSON', () => {
  const { exitCode, lastWords = '' } = endWith({ succeeded: false, reason: 'BadRows', message: '"ü'.repeat(5_000) });
  expect(exitCode).toBe(65);
  expect(Buffer.byteLength(lastWords)).toBeLessThanOrEqual(4_096);
  expect(JSON.parse(lastWords)).toMatchObject({ succeeded: false, reason: 'BadRows' });
  expect(Buffer.byteLength(lastWords)).toBeGreaterThan(3_000);
});

const main = fileURLToPath(new URL('../../../support/exit-during-run-main.ts', import.meta.url));

test.each([0, 65])('a process exits with %d although a graph runs', async (code) => {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, String(code)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const [exitCode, signal] = (await once(child, 'exit')) as [number | null, string | null];
  expect(said).toContain('in the middle of a run');
  expect({ exitCode, signal }).toEqual({ exitCode: code, signal: null });
});

test('hosts are found in the file as it is at the time of asking', async () => {
  const path = join(folder, 'hosts.json');
  writeFileSync(path, JSON.stringify({ 'job-ps-0': '127.1.2.3' }));
  const lookup = lookupIn(path);
  const find = promisify(lookup) as (host: string, options: object) => Promise<unknown>;
  expect(await find('job-ps-0', {})).toBe('127.1.2.3');
  expect(await find('job-ps-0', { all: true })).toEqual([{ address: '127.1.2.3', family: 4 }]);
  await expect(find('job-ps-1', {})).rejects.toMatchObject({ code: 'ENOTFOUND' });
  writeFileSync(path, JSON.stringify({ 'job-ps-1': '127.1.2.4' }));
  expect(await find('job-ps-1', {})).toBe('127.1.2.4');
});
