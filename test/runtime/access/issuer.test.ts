/** Tokens against a real issuer over real connections, on both ends of its ill fortune. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createLog } from '../../../lib/log.ts';
import type { OidcConfig } from '../../../runtime/access-config.ts';
import { openAccess, type Access } from '../../../runtime/serving/access/access.ts';
import { certificateAuthority, type Authority } from '../../cluster/certificates.ts';
import { discoveryPath, startIssuer, type Issuer } from '../../support/oidc-issuer.ts';
import { secretFolder } from '../../support/secret-folder.ts';

let authority: Authority;
let issuer: Issuer;
let nowMs: number;
const opened: Access[] = [];

beforeAll(async () => {
  authority = await certificateAuthority(new Date());
});
beforeEach(async () => {
  issuer = await startIssuer(authority);
  nowMs = Date.now();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((access) => access.close()));
  await issuer.close();
});

interface Setting extends Partial<OidcConfig> {
  allowedCidrs?: string[];
  apiKeysDir?: string;
}

function open({ allowedCidrs = ['127.0.0.0/8'], apiKeysDir, ...oidc }: Setting = {}): Access {
  const access = openAccess({
    config: {
      apiKeysDir,
      oidc: { issuer: issuer.url, audiences: ['modelyard'], ca: authority.certificate, ...oidc },
      tls: undefined,
    },
    allowedCidrs,
    now: () => nowMs,
    log: createLog('test', 'silent'),
  });
  opened.push(access);
  return access;
}

const ask = async ({ authorize }: Access, token: string): Promise<unknown> =>
  authorize?.(['authorization', `Bearer ${token}`]);
const unavailable = { code: 'NotReady', retryAfterSeconds: 5 };

describe('a token', () => {
  test('lets in its subject, by a key that is found through the discovery document', async () => {
    expect(await ask(open(), await issuer.token())).toEqual({ by: 'Oidc', name: 'alice' });
    expect(issuer.asked).toEqual([discoveryPath, '/keys']);
  });

  test('is good for half a minute beyond its time, for clocks differ', async () => {
    const access = open();
    const token = await issuer.token();
    nowMs += 329_000;
    await ask(access, token);
    nowMs += 2_000;
    await expect(ask(access, token)).rejects.toMatchObject({
      code: 'Unauthenticated',
      message: 'the token has expired',
    });
  });

  test('of a key that the issuer took meanwhile is let in', async () => {
    const access = open();
    const old = await issuer.token();
    await ask(access, old);
    await issuer.rotate();
    nowMs += 31_000;
    await ask(access, await issuer.token());
    await expect(ask(access, old)).rejects.toMatchObject({ code: 'Unauthenticated' });
  });
});

describe('an issuer', () => {
  test('that is away lets nobody in, says that trying again helps, and lets in when it is back', async () => {
    const access = open();
    const token = await issuer.token();
    issuer.instead.set(discoveryPath, 503);
    await expect(ask(access, token)).rejects.toMatchObject(unavailable);
    expect(access.fault()).toMatchObject({ reason: 'IssuerUnavailable', closed: true });
    expect(access.fault()?.message).toContain('answers with status 503');
    issuer.instead.clear();
    nowMs += 5_000;
    await ask(access, token);
    expect(access.fault()).toBeUndefined();
    await issuer.close();
    await expect(ask(open(), token)).rejects.toMatchObject(unavailable);
  });

  test('that goes away lets nobody in once its keys are ten minutes old, and the pod says so', async () => {
    const access = open();
    await ask(access, await issuer.token());
    await issuer.close();
    nowMs += 60_000;
    await expect(ask(access, await issuer.token({}, { kid: 'made-up' }))).rejects.toMatchObject(unavailable);
    expect(access.fault()).toMatchObject({ reason: 'IssuerUnavailable', closed: false });
    await ask(access, await issuer.token());
    nowMs += 540_000;
    await expect(ask(access, await issuer.token())).rejects.toMatchObject(unavailable);
    expect(access.fault()).toMatchObject({ reason: 'IssuerUnavailable', closed: true });
  });

  test('that is away keeps nobody out who has an API key', async () => {
    const folder = secretFolder({ bob: `sha256:${createHash('sha256').update('key').digest('hex')}` });
    const access = open({ apiKeysDir: folder.path });
    await issuer.close();
    await expect(ask(access, 'a.b.c')).rejects.toMatchObject({ code: 'Unauthenticated' });
    await expect(ask(access, await issuer.token())).rejects.toMatchObject(unavailable);
    expect(await ask(access, 'key')).toEqual({ by: 'ApiKey', name: 'bob' });
    expect(access.fault()).toMatchObject({ reason: 'IssuerUnavailable', closed: false });
    folder.remove();
  });

  test('at an address that is not allowed is not connected to', async () => {
    const access = open({ allowedCidrs: [] });
    await expect(ask(access, await issuer.token())).rejects.toMatchObject(unavailable);
    expect(issuer.asked).toEqual([]);
    expect(access.fault()?.message).toContain('runtime.storage.allowedCidrs');
  });

  test('whose keys are at an address that is never allowed is not followed there', async () => {
    const access = open();
    issuer.instead.set(discoveryPath, { issuer: issuer.url, jwks_uri: 'https://169.254.169.254/keys' });
    await expect(ask(access, await issuer.token())).rejects.toMatchObject(unavailable);
    expect(access.fault()?.message).toContain('169.254.169.254');
  });

  test('that redirects is not followed, wherever that leads', async () => {
    const access = open();
    issuer.instead.set(discoveryPath, 302);
    await expect(ask(access, await issuer.token())).rejects.toMatchObject(unavailable);
    expect(issuer.asked).toEqual([discoveryPath]);
  });

  test('whose certificate is of an authority that nobody named is not believed', async () => {
    const access = open({ ca: undefined });
    await expect(ask(access, await issuer.token())).rejects.toMatchObject(unavailable);
    expect(issuer.asked).toEqual([]);
  });

  test('that answers with more than keys take is not read to its end', async () => {
    const access = open({ jwksUri: `${issuer.url}/many` });
    issuer.instead.set('/many', { keys: [issuer.publicJwk], more: 'x'.repeat(1024 * 1024) });
    await expect(ask(access, await issuer.token())).rejects.toMatchObject(unavailable);
  });

  test('whose key is too weak for its algorithm lets nobody in', async () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
    const access = open();
    issuer.instead.set('/keys', { keys: [{ ...weak, kid: issuer.publicJwk.kid, alg: 'RS256' }] });
    await expect(ask(access, await issuer.token())).rejects.toMatchObject({ code: 'Unauthenticated' });
    issuer.instead.set('/keys', { keys: [{ kty: 'RSA', kid: issuer.publicJwk.kid, n: 'AQ', e: '!' }] });
    nowMs += 600_000;
    await expect(ask(access, await issuer.token())).rejects.toMatchObject({ code: 'Unauthenticated' });
  });
});
