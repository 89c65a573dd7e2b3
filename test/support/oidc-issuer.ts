import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK, type JWTPayload } from 'jose';
import type { Authority } from '../cluster/certificates.ts';

/** An OpenID Connect issuer on loopback, with one key at a time. */
export interface Issuer {
  url: string;
  /** Of the key that it signs with now. */
  publicKey: CryptoKey;
  publicJwk: JWK & { kid: string };
  privateKey: CryptoKey;
  /** Paths that were asked for. */
  asked: string[];
  /** What is answered instead, by path; a number is a status. */
  instead: Map<string, unknown>;
  /** A token that is good for five minutes but for these claims. `undefined` leaves one out. */
  token(claims?: JWTPayload, header?: Record<string, unknown>): Promise<string>;
  /** Takes another key. */
  rotate(): Promise<void>;
  /** Ends it; once more is no error. */
  close(): Promise<void>;
}

export const discoveryPath = '/.well-known/openid-configuration';

export async function startIssuer(authority: Authority, audience = 'modelyard'): Promise<Issuer> {
  const identity = await authority.server(['127.0.0.1']);
  const asked: string[] = [];
  const instead = new Map<string, unknown>();
  let generation = 0;
  const newKey = async () => {
    const { publicKey, privateKey } = await generateKeyPair('RS256', { extractable: true });
    const publicJwk = { ...(await exportJWK(publicKey)), kid: `key-${++generation}`, alg: 'RS256', use: 'sig' };
    return { publicKey, privateKey, publicJwk };
  };
  let key = await newKey();
  const server = createServer({ cert: identity.certificate, key: identity.key }, (request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const usual: Record<string, unknown> = {
      [discoveryPath]: { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` },
      '/keys': { keys: [key.publicJwk] },
    };
    const answer = instead.get(path) ?? usual[path] ?? 404;
    if (typeof answer === 'number') response.writeHead(answer, { location: `${issuer.url}/keys` }).end();
    else response.end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const issuer: Issuer = {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get publicKey() {
      return key.publicKey;
    },
    get publicJwk() {
      return key.publicJwk;
    },
    get privateKey() {
      return key.privateKey;
    },
    asked,
    instead,
    token: (claims = {}, header = {}) => {
      const seconds = Math.floor(Date.now() / 1000);
      const usual = { iss: issuer.url, aud: audience, sub: 'alice', iat: seconds, exp: seconds + 300 };
      const payload = Object.fromEntries(
        Object.entries<unknown>({ ...usual, ...claims }).filter(([, value]) => value !== undefined),
      );
      return new SignJWT(payload)
        .setProtectedHeader({ alg: 'RS256', kid: key.publicJwk.kid, ...header })
        .sign(key.privateKey);
    },
    rotate: async () => {
      key = await newKey();
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return issuer;
}
