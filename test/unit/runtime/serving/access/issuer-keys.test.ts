import { beforeEach, describe, expect, test } from '@jest/globals';
import { errors, exportJWK, generateKeyPair, type JWK } from 'jose';
import { IssuerKeys } from '../../../../../runtime/serving/access/issuer-keys.ts';

const issuer = 'https://login.example.com/realms/a';
const discovery = `${issuer}/.well-known/openid-configuration`;
const keysUrl = 'https://keys.example.com/a';

const newKey = async (kid: string): Promise<JWK> => ({
  ...(await exportJWK((await generateKeyPair('ES256')).publicKey)),
  kid,
  alg: 'ES256',
});

/** An issuer in memory, on a clock that stands. */
class World {
  nowMs = 1_000_000;
  readonly asked: string[] = [];
  readonly answers = new Map<string, unknown>();
  /** Before an answer. */
  wait: Promise<void> = Promise.resolve();

  keys(jwksUri?: string): IssuerKeys {
    return new IssuerKeys({
      issuer,
      jwksUri,
      now: () => this.nowMs,
      getJson: async (url) => {
        this.asked.push(url.href);
        await this.wait;
        const answer = this.answers.get(url.href);
        if (answer === undefined) throw new Error('no answer');
        return answer;
      },
    });
  }
}

const find = (keys: IssuerKeys, kid: string): Promise<unknown> =>
  Promise.resolve(keys.find({ alg: 'ES256', kid }, { payload: '', signature: '' }));

let world: World;
beforeEach(async () => {
  world = new World();
  world.answers.set(discovery, { issuer, jwks_uri: keysUrl });
  world.answers.set(keysUrl, { keys: [await newKey('one')] });
});

describe('the keys of an issuer', () => {
  test('are where its discovery document says, and are read once for many requests', async () => {
    const keys = world.keys();
    await Promise.all([find(keys, 'one'), find(keys, 'one')]);
    await find(keys, 'one');
    expect(world.asked).toEqual([discovery, keysUrl]);
  });

  test('are where the spec says, without a discovery document', async () => {
    await find(world.keys(keysUrl), 'one');
    expect(world.asked).toEqual([keysUrl]);
  });

  test('are read again after ten minutes, so that a key which was withdrawn counts no more', async () => {
    const keys = world.keys(keysUrl);
    await find(keys, 'one');
    world.answers.set(keysUrl, { keys: [await newKey('two')] });
    world.nowMs += 599_000;
    await find(keys, 'one');
    world.nowMs += 1_000;
    await expect(find(keys, 'one')).rejects.toBeInstanceOf(errors.JWKSNoMatchingKey);
  });

  test('are read again for a key that is new, and at most every half minute for those that are made up', async () => {
    const keys = world.keys(keysUrl);
    await find(keys, 'one');
    world.answers.set(keysUrl, { keys: [await newKey('one'), await newKey('two')] });
    for (let request = 0; request < 100; request++) await find(keys, `made-up-${request}`).catch(() => undefined);
    expect(world.asked).toHaveLength(1);
    world.nowMs += 30_000;
    await find(keys, 'two');
    for (let request = 0; request < 100; request++) await find(keys, `made-up-${request}`).catch(() => undefined);
    expect(world.asked).toHaveLength(2);
  });

  test('that cannot be had let nobody in, and the issuer is left alone for a while', async () => {
    const keys = world.keys(keysUrl);
    world.answers.delete(keysUrl);
    for (let request = 0; request < 100; request++) {
      await expect(find(keys, 'one')).rejects.toMatchObject({ code: 'IssuerUnavailable', message: 'no answer' });
    }
    expect(world.asked).toHaveLength(1);
    expect([keys.problem, keys.areKnown]).toEqual(['no answer', false]);
    world.answers.set(keysUrl, { keys: [await newKey('one')] });
    world.nowMs += 5_000;
    await find(keys, 'one');
    expect([keys.problem, keys.areKnown]).toEqual([undefined, true]);
  });

  test('that are old and cannot be had anew let nobody in', async () => {
    const keys = world.keys(keysUrl);
    await find(keys, 'one');
    world.answers.delete(keysUrl);
    world.nowMs += 600_000;
    expect(keys.areKnown).toBe(false);
    await expect(find(keys, 'one')).rejects.toMatchObject({ code: 'IssuerUnavailable' });
    world.nowMs += 600_000;
    expect([keys.problem, keys.areKnown]).toEqual(['no answer', false]);
  });

  test('that are known stay in use while a made-up one cannot be looked for', async () => {
    const keys = world.keys(keysUrl);
    await find(keys, 'one');
    world.answers.delete(keysUrl);
    world.nowMs += 60_000;
    await expect(find(keys, 'made-up')).rejects.toMatchObject({ code: 'IssuerUnavailable' });
    await find(keys, 'one');
    expect([keys.problem, keys.areKnown]).toEqual(['no answer', true]);
    world.nowMs += 30_000;
    expect([keys.problem, keys.areKnown]).toEqual([undefined, true]);
    world.nowMs += 600_000;
    expect(keys.problem).toBeUndefined();
  });

  test.each([
    ['is that of another issuer', { issuer: 'https://evil.example.com', jwks_uri: keysUrl }],
    ['is that of the issuer with a slash', { issuer: `${issuer}/`, jwks_uri: keysUrl }],
    ['names keys in the clear', { issuer, jwks_uri: 'http://keys.example.com/a' }],
    ['names keys in a file', { issuer, jwks_uri: 'file:///etc/passwd' }],
    ['names no address', { issuer, jwks_uri: 'keys' }],
    ['names no keys', { issuer }],
    ['is no object', [issuer]],
  ])('are not looked for where the discovery document %s', async (_, document) => {
    world.answers.set(discovery, document);
    await expect(find(world.keys(), 'one')).rejects.toMatchObject({ code: 'IssuerUnavailable' });
    expect(world.asked).toEqual([discovery]);
  });

  test.each([
    ['no object', []],
    ['no list', { keys: {} }],
    ['no keys', { keys: ['x'] }],
    ['null', null],
  ])('are none where what is read is %s', async (_, document) => {
    world.answers.set(keysUrl, document);
    await expect(find(world.keys(keysUrl), 'one')).rejects.toMatchObject({ code: 'IssuerUnavailable' });
  });

  test('are read by one request of many that come while they are read', async () => {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    world.wait = promise as Promise<unknown> as Promise<void>;
    const keys = world.keys(keysUrl);
    const requests = Array.from({ length: 50 }, () => find(keys, 'one'));
    resolve(undefined);
    await Promise.all(requests);
    expect(world.asked).toHaveLength(1);
  });
});
