import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { Tokens } from '../../../../../runtime/serving/torchserve/tokens.ts';

let folder: string;
let nowMs = 0;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modelyard-tokens-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const open = (): Tokens => new Tokens({ folder, now: () => nowMs });
const bearer = (token: string): string[] => ['Host', 'x', 'Authorization', `Bearer ${token}`];

describe('a token', () => {
  test('opens its own API, whatever ends its file', () => {
    write('inference', 'one\n');
    write('management', 'two');
    const tokens = open();
    expect([tokens.allow('inference', bearer('one')), tokens.allow('management', bearer('two'))]).toEqual([true, true]);
    expect([tokens.allow('management', bearer('one')), tokens.allow('inference', bearer('two'))]).toEqual([
      false,
      false,
    ]);
    expect(tokens.allow('inference', bearer('on'))).toBe(false);
  });

  test('may be kept as its digest, which is no token itself', () => {
    const digest = `sha256:${hash('sha256', 'one')}`;
    write('inference', digest);
    expect(open().allow('inference', bearer('one'))).toBe(true);
    expect(open().allow('inference', bearer(digest))).toBe(false);
  });

  test.each([
    ['no header', []],
    ['an empty one', ['Authorization', '']],
    ['no token', ['Authorization', 'Bearer ']],
    ['another scheme', ['Authorization', 'Basic one']],
    ['the scheme in another spelling', ['Authorization', 'bearer one']],
    ['spaces around it', ['Authorization', 'Bearer  one']],
    ['more behind it', ['Authorization', 'Bearer one two']],
    ['two headers', [...bearer('one'), 'authorization', 'Bearer one']],
    ['the token as a name', ['Bearer one', 'Authorization']],
  ])('is not given by %s', (_what, headers) => {
    write('inference', 'one');
    expect(open().allow('inference', headers)).toBe(false);
  });

  test.each([
    ['absent', undefined],
    ['empty', ''],
    ['blank', ' \n'],
  ])('that is %s opens nothing', (_what, text) => {
    if (text !== undefined) write('management', text);
    for (const given of ['', ' ', 'undefined']) expect(open().allow('management', bearer(given))).toBe(false);
  });

  test('is renewed as the kubelet swaps folders, within a second', () => {
    mkdirSync(join(folder, '..1'));
    mkdirSync(join(folder, '..2'));
    writeFileSync(join(folder, '..1', 'inference'), 'old');
    writeFileSync(join(folder, '..2', 'inference'), 'new');
    symlinkSync('..1', join(folder, '..data'));
    symlinkSync('..data/inference', join(folder, 'inference'));
    const tokens = open();
    expect(tokens.allow('inference', bearer('old'))).toBe(true);
    symlinkSync('..2', join(folder, '..data_tmp'));
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
    nowMs += 1_000;
    expect([tokens.allow('inference', bearer('old')), tokens.allow('inference', bearer('new'))]).toEqual([false, true]);
  });
});
