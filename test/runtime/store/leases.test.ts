import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lease, removeUnused } from '../../../runtime/store/leases.ts';
import { inTurn } from '../../../runtime/store/turns.ts';
import { eventually } from '../../support/eventually.ts';

let cacheDir: string;
beforeEach(async () => {
  cacheDir = await mkdtemp(join(tmpdir(), 'modelyard-leases-'));
});
afterEach(() => rm(cacheDir, { recursive: true }));

const hex = 'a'.repeat(64);
const never = new AbortController().signal;
const host = hostname().replaceAll('.', '_');
/** Longer than any pause of what is tested. */
const aWhile = (): Promise<'nothing yet'> => sleep(100, 'nothing yet' as const);

const remove = async (act: () => Promise<void> = () => Promise.resolve()): Promise<boolean> =>
  removeUnused(cacheDir, hex, act);

describe('leases', () => {
  test('content in use is not removed, until the last of its users ends or stops', async () => {
    const stopping = new AbortController();
    const end = await lease(cacheDir, hex, never);
    await lease(cacheDir, hex, stopping.signal);
    expect(await remove()).toBe(false);
    await end();
    expect(await remove()).toBe(false);
    stopping.abort();
    await eventually(async () => expect(await remove()).toBe(true), 5_000);
    expect(await readdir(join(cacheDir, 'leases'))).toEqual([]);
  });

  test('a use that begins while content is being removed waits for the end of that', async () => {
    let finish = (): void => undefined;
    const removing = remove(() => new Promise<void>((resolve) => (finish = resolve)));
    await eventually(async () => expect(await readdir(join(cacheDir, 'leases', hex))).toHaveLength(1), 5_000);
    await aWhile();
    const using = lease(cacheDir, hex, never);
    expect(await Promise.race([using, aWhile()])).toBe('nothing yet');
    finish();
    expect(await removing).toBe(true);
    await (
      await using
    )();
  });

  test('a use that is given up while it waits leaves nothing', async () => {
    let finish = (): void => undefined;
    const removing = remove(() => new Promise<void>((resolve) => (finish = resolve)));
    await aWhile();
    const stopping = new AbortController();
    const using = lease(cacheDir, hex, stopping.signal);
    await aWhile();
    stopping.abort(new Error('stopped'));
    await expect(using).rejects.toThrow();
    finish();
    await removing;
    await eventually(async () => expect(await readdir(join(cacheDir, 'leases'))).toEqual([]), 5_000);
  });

  test('nobody waits for one that died while it removed', async () => {
    await mkdir(join(cacheDir, 'leases', hex), { recursive: true });
    await writeFile(join(cacheDir, 'leases', hex, `remove.${host}.999999999.dead`), '');
    expect(await Promise.race([lease(cacheDir, hex, never), aWhile()])).not.toBe('nothing yet');
  });

  test('a removal that fails says so, and is none afterwards', async () => {
    await expect(remove(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    await (
      await lease(cacheDir, hex, never)
    )();
  });
});

describe('turns', () => {
  const options = { signal: never, onWait: () => undefined };

  test('of the same key come one after the other, those of others at once; a failure ends one too', async () => {
    const log: string[] = [];
    const act = (name: string) => async () => {
      log.push(`${name} begins`);
      await sleep(30);
      log.push(`${name} ends`);
      if (name === 'a') throw new Error(name);
    };
    const waits: string[] = [];
    const a = inTurn(cacheDir, 'key', options, act('a'));
    const b = sleep(10).then(() => inTurn(cacheDir, 'key', { signal: never, onWait: () => waits.push('b') }, act('b')));
    const c = sleep(10).then(() => inTurn(cacheDir, 'other', options, act('c')));
    await expect(a).rejects.toThrow('a');
    await Promise.all([b, c]);
    expect(log.indexOf('b begins')).toBeGreaterThan(log.indexOf('a ends'));
    expect(log.indexOf('c begins')).toBeLessThan(log.indexOf('a ends'));
    expect(waits).toEqual(['b']);
    expect(await readdir(join(cacheDir, 'turns'))).toEqual([]);
  });

  test('a turn of one that died is over, as is one that has no owner', async () => {
    await mkdir(join(cacheDir, 'turns', 'key'), { recursive: true });
    await mkdir(join(cacheDir, 'turns', 'none'));
    await writeFile(join(cacheDir, 'turns', 'key', `${host}.999999999.dead`), '');
    for (const key of ['key', 'none'])
      expect(await inTurn(cacheDir, key, options, () => Promise.resolve(key))).toBe(key);
  });

  test('who is stopped while it waits does not act', async () => {
    const stopping = new AbortController();
    let finish = (): void => undefined;
    const first = inTurn(cacheDir, 'key', options, () => new Promise<void>((resolve) => (finish = resolve)));
    await aWhile();
    const second = inTurn(cacheDir, 'key', { ...options, signal: stopping.signal }, () => Promise.resolve('acted'));
    await aWhile();
    stopping.abort();
    await expect(second).rejects.toThrow();
    finish();
    await first;
  });
});
