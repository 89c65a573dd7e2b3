import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { apiKeysIn, callerWithKey, type ApiKey } from '../../../../../runtime/serving/access/api-keys.ts';

const hex = (key: string): string => createHash('sha256').update(key).digest('hex');
const hashed = (key: string): string => `sha256:${hex(key)}`;

describe('the Secret of API keys', () => {
  test('gives each caller a name, whatever line end follows the hash', () => {
    const files = new Map([
      ['alice', hashed('one')],
      ['bob', `${hashed('two').replace(/[a-f]/g, (digit) => digit.toUpperCase())}\r\n`],
    ]);
    const { keys, problem } = apiKeysIn(files);
    expect(problem).toBeUndefined();
    expect([callerWithKey(keys, 'one'), callerWithKey(keys, 'two'), callerWithKey(keys, 'three')]).toEqual([
      'alice',
      'bob',
      undefined,
    ]);
  });

  test.each([
    ['that cannot be read', undefined, 'cannot be read'],
    ['that is empty', new Map<string, string>(), 'is empty'],
  ])('lets nobody in %s, and says so', (_, files, says) => {
    const { keys, problem } = apiKeysIn(files);
    expect(keys).toEqual([]);
    expect(problem).toContain(says);
  });

  test.each([
    ['the key itself', 'my-secret-key'],
    ['a hash without its algorithm', hex('one')],
    ['a hash of another algorithm', `sha512:${hex('one')}`],
    ['a hash that was cut', hashed('one').slice(0, -1)],
    ['more than a hash', `${hashed('one')}0`],
    ['two hashes', `${hashed('one')}\n${hashed('two')}`],
    ['nothing', ''],
  ])('lets nobody in by an entry with %s, but by the others, and does not repeat it', (_, text) => {
    const { keys, problem } = apiKeysIn(
      new Map([
        ['bad', text],
        ['good', hashed('good')],
      ]),
    );
    expect(keys.map(({ caller }) => caller)).toEqual(['good']);
    expect(problem).toBe('bad must hold sha256: and 64 hex digits');
  });

  test('names few of many bad entries', () => {
    const files = new Map(Array.from({ length: 9 }, (_, index) => [`c${index}`, 'x']));
    expect(apiKeysIn(files).problem).toMatch(/^c0, c1, c2, c3, c4 and 4 more must/);
  });
});

test.each(['first', 'last', 'none'])('every entry is compared, though %s is the right one', (right) => {
  let compared = 0;
  const entry = (caller: string): ApiKey => ({
    caller,
    get hash() {
      compared += 1;
      return createHash('sha256').update(caller).digest();
    },
  });
  const keys = ['first', 'second', 'third', 'last'].map(entry);
  expect(callerWithKey(keys, right)).toBe(right === 'none' ? undefined : right);
  expect(compared).toBe(4);
});
