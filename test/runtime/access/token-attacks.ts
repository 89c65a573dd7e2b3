import { createHmac } from 'node:crypto';
import { base64url, CompactSign, exportSPKI, generateKeyPair, exportJWK, SignJWT, UnsecuredJWT } from 'jose';
import type { Issuer } from '../../support/oidc-issuer.ts';
import type { RawHeaders } from '../../support/raw-calls.ts';

/** What an attacker has: the issuer's public side, tokens that were good elsewhere, and the hash of a key. */
export interface Loot {
  issuer: Issuer;
  /** An API key that is good. */
  key: string;
  /** `sha256:HEX` of it. */
  keyHash: string;
}

export interface TokenAttack {
  name: string;
  headers: (loot: Loot) => Promise<RawHeaders> | RawHeaders;
  /** Refused for what the caller may, not for who it is. */
  isForbidden?: boolean;
}

const bearer = (token: string): RawHeaders => [['authorization', `Bearer ${token}`]];
const seconds = (fromNow: number): number => Math.floor(Date.now() / 1000) + fromNow;

/** A token with these claims instead. */
const claiming = (name: string, claims: (loot: Loot) => Record<string, unknown>): TokenAttack => ({
  name,
  headers: async (loot) => bearer(await loot.issuer.token(claims(loot))),
});

/** What a good token says. */
const goodClaims = ({ issuer }: Loot) => ({
  iss: issuer.url,
  aud: 'modelyard',
  sub: 'alice',
  exp: seconds(300),
  team: 'ml',
});

/** A token signed by a key of the attacker's. */
const forged = (
  name: string,
  header: (loot: Loot, jwk: Record<string, unknown>) => Record<string, unknown>,
  alg = 'RS256',
): TokenAttack => ({
  name,
  headers: async (loot) => {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid: 'attacker' };
    return bearer(
      await new SignJWT(goodClaims(loot)).setProtectedHeader({ alg, ...header(loot, jwk) }).sign(privateKey),
    );
  },
});

/** A token made by hand. */
const handmade = (header: object, claims: object, sign: (signed: string) => string): string => {
  const signed = [header, claims].map((part) => base64url.encode(JSON.stringify(part))).join('.');
  return `${signed}.${sign(signed)}`;
};

const hs256 = (name: string, secretOf: (loot: Loot) => Promise<string> | string): TokenAttack => ({
  name,
  headers: async (loot) => {
    const secret = await secretOf(loot);
    const header = { alg: 'HS256', kid: loot.issuer.publicJwk.kid };
    const sign = (signed: string): string => createHmac('sha256', secret).update(signed).digest('base64url');
    return bearer(handmade(header, goodClaims(loot), sign));
  },
});

const changed = (name: string, change: (token: string) => string): TokenAttack => ({
  name,
  headers: async ({ issuer }) => bearer(change(await issuer.token({ team: 'ml' }))),
});

const keyed = (name: string, headers: (loot: Loot) => RawHeaders): TokenAttack => ({ name, headers });

const swapCase = (text: string): string =>
  text.replaceAll(/[a-z]/gi, (letter) =>
    letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase(),
  );

export const tokenAttacks: readonly TokenAttack[] = [
  { name: 'alg none', headers: (loot) => bearer(new UnsecuredJWT(goodClaims(loot)).encode()) },
  ...['None', 'NONE', 'nOnE', ''].map((alg): TokenAttack => ({
    name: `alg ${JSON.stringify(alg)}`,
    headers: (loot) => bearer(handmade({ alg }, goodClaims(loot), () => '')),
  })),
  hs256('HS256 with the public key in PEM as the secret', ({ issuer }) => exportSPKI(issuer.publicKey)),
  hs256('HS256 with the public key as JSON as the secret', ({ issuer }) => JSON.stringify(issuer.publicJwk)),
  hs256('HS256 with an empty secret', () => ''),
  hs256('HS256 with the hash of an API key', ({ keyHash }) => keyHash),
  forged("a key of the attacker's under the issuer's kid", ({ issuer }) => ({ kid: issuer.publicJwk.kid })),
  forged('a kid that is not there', () => ({ kid: 'attacker' })),
  forged('a kid that is a path', () => ({ kid: '../../../../dev/null' })),
  forged('a kid that is a property of objects', () => ({ kid: '__proto__' })),
  forged('no kid', () => ({})),
  forged('another algorithm than the key is for', ({ issuer }) => ({ kid: issuer.publicJwk.kid }), 'ES256'),
  forged("the attacker's key in the header", (_loot, jwk) => ({ jwk })),
  forged("the attacker's key set by its address", (_loot, { kid }) => ({ kid, jku: 'https://127.0.0.1:1/keys' })),
  forged('a certificate by its address', () => ({ x5u: 'https://127.0.0.1:1/certificate' })),
  forged('a certificate in the header', () => ({ x5c: ['MIIB'] })),
  {
    name: 'a critical header that nobody knows',
    headers: async (loot) => {
      const header = { alg: 'RS256', kid: loot.issuer.publicJwk.kid, crit: ['exp'], exp: seconds(300) };
      const claims = Buffer.from(JSON.stringify(goodClaims(loot)));
      const token = await new CompactSign(claims)
        .setProtectedHeader(header)
        .sign(loot.issuer.privateKey, { crit: { exp: true } });
      return bearer(token);
    },
  },
  {
    name: 'a payload that is not encoded',
    headers: async ({ issuer }) => {
      const [header = '', payload = '', signature = ''] = (await issuer.token({ team: 'ml' })).split('.');
      const b64 = { ...(JSON.parse(Buffer.from(header, 'base64url').toString()) as object), b64: false, crit: ['b64'] };
      return bearer([base64url.encode(JSON.stringify(b64)), payload, signature].join('.'));
    },
  },
  claiming('expired', () => ({ exp: seconds(-60) })),
  claiming('never expiring', () => ({ exp: undefined })),
  claiming('an expiry that is a text', () => ({ exp: '9999999999' })),
  claiming('not valid yet', () => ({ nbf: seconds(120) })),
  claiming('another issuer', () => ({ iss: 'https://login.example.com' })),
  claiming('the issuer with a slash more', ({ issuer }) => ({ iss: `${issuer.url}/` })),
  claiming('the issuer in a list', ({ issuer }) => ({ iss: [issuer.url] })),
  claiming('no issuer', () => ({ iss: undefined })),
  claiming('another audience', () => ({ aud: 'another-service' })),
  claiming('no audience', () => ({ aud: undefined })),
  claiming('an empty list of audiences', () => ({ aud: [] })),
  claiming('an audience within a list within a list', () => ({ aud: [['modelyard']] })),
  claiming('audiences as one text', () => ({ aud: 'another-service,modelyard' })),
  claiming('an audience as an object', () => ({ aud: { 0: 'modelyard', length: 1 } })),
  claiming('an audience in capitals', () => ({ aud: 'Modelyard' })),
  { ...claiming('without the claim that is required', () => ({})), isForbidden: true },
  { ...claiming('with another value of that claim', () => ({ team: 'mlops' })), isForbidden: true },
  { ...claiming('with that claim as an object', () => ({ team: { ml: true } })), isForbidden: true },
  changed('without its signature', (token) => token.slice(0, token.lastIndexOf('.') + 1)),
  changed('cut short', (token) => token.slice(0, -8)),
  changed('with other claims under its signature', (token) => {
    const [header = '', payload = '', signature = ''] = token.split('.');
    const claims = { ...(JSON.parse(Buffer.from(payload, 'base64url').toString()) as object), sub: 'root' };
    return [header, base64url.encode(JSON.stringify(claims)), signature].join('.');
  }),
  changed('with a part more', (token) => `${token}.${token.slice(0, 8)}`),
  changed('three dots and nothing else', () => '..'),
  changed('larger than any token', (token) => token.padEnd(9_000, 'A')),
  {
    name: 'two headers, the first of them good',
    headers: async ({ issuer }) => [...bearer(await issuer.token({ team: 'ml' })), ...bearer('x')],
  },
  {
    name: 'two headers, the second of them good',
    headers: async ({ issuer }) => [...bearer('x'), ...bearer(await issuer.token({ team: 'ml' }))],
  },
  keyed('a token beside an API key', ({ key }) => [...bearer('x'), ['x-api-key', key]]),
  {
    name: 'a token as an API key',
    headers: async ({ issuer }) => [['x-api-key', await issuer.token({ team: 'ml' })]],
  },
  keyed('nothing', () => []),
  keyed('an empty header', () => [['authorization', '']]),
  keyed('an empty API key', () => [['x-api-key', '']]),
  keyed('Bearer and nothing', () => [['authorization', 'Bearer ']]),
  keyed('an API key without Bearer', ({ key }) => [['authorization', key]]),
  keyed('an API key by Basic', ({ key }) => [['authorization', `Basic ${Buffer.from(`x:${key}`).toString('base64')}`]]),
  keyed('the hash of the key', ({ keyHash }) => bearer(keyHash)),
  keyed('the digits of the hash', ({ keyHash }) => bearer(keyHash.slice('sha256:'.length))),
  keyed('the beginning of the key', ({ key }) => bearer(key.slice(0, -1))),
  keyed('the key and more', ({ key }) => bearer(`${key}0`)),
  keyed('the key in other case', ({ key }) => bearer(swapCase(key))),
  keyed('the key twice in one header', ({ key }) => bearer(`${key}, ${key}`)),
  keyed("the caller's name", () => bearer('carol')),
  keyed('letters beyond ASCII', ({ key }) => [['x-api-key', `${key}é`]]),
  keyed('the key in the query', () => []),
  keyed('an API key of 10,000 characters', () => [['x-api-key', 'A'.repeat(10_000)]]),
];
