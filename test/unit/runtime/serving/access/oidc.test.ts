import { describe, expect, test } from '@jest/globals';
import { generateKeyPair, SignJWT } from 'jose';
import { callerWithToken } from '../../../../../runtime/serving/access/oidc.ts';

const settings = { issuer: 'https://login.example.com', audiences: ['modelyard'] };
const claims = { iss: settings.issuer, aud: 'modelyard', sub: 'alice', exp: 2_000 };
const now = (): number => 1_000_000;

describe('a token', () => {
  test.each(['RS256', 'RS512', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'])('signed by %s is taken', async (alg) => {
    const { publicKey, privateKey } = await generateKeyPair(alg);
    const token = await new SignJWT(claims).setProtectedHeader({ alg }).sign(privateKey);
    expect(await callerWithToken(token, settings, () => publicKey, now)).toBe('alice');
  });

  test.each(['HS256', 'HS384', 'HS512'])(
    'signed by %s is not, were the secret known to be the right one',
    async (alg) => {
      const secret = new Uint8Array(64).fill(7);
      const token = await new SignJWT(claims).setProtectedHeader({ alg }).sign(secret);
      await expect(callerWithToken(token, settings, () => secret, now)).rejects.toMatchObject({
        code: 'Unauthenticated',
      });
    },
  );

  test('without a subject is that of somebody without a name', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const { iss, aud, exp } = claims;
    const token = await new SignJWT({ iss, aud, exp }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
    expect(await callerWithToken(token, settings, () => publicKey, now)).toBe('unnamed');
  });

  test.each([
    ['constructor', {}],
    ['team', { team: null }],
    ['team', { team: [['a']] }],
    ['team', { team: 'a b' }],
    ['team', { 'team ': 'a' }],
  ])('is not let in for a claim %s where it says %j', async (claim, more) => {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const token = await new SignJWT({ ...claims, ...more }).setProtectedHeader({ alg: 'ES256' }).sign(privateKey);
    const strict = { ...settings, requiredClaims: { [claim]: 'a' } };
    await expect(callerWithToken(token, strict, () => publicKey, now)).rejects.toMatchObject({ code: 'Forbidden' });
  });

  test('that fails for a bug is no refusal', async () => {
    const bug = new RangeError('a bug');
    const token = 'eyJhbGciOiJFUzI1NiJ9.e30.AA';
    await expect(callerWithToken(token, settings, () => Promise.reject(bug), now)).rejects.toBe(bug);
  });
});
