import { createHash, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { OidcSettings } from '../../../runtime/contract.ts';
import { certificateAuthority, type Authority, type Identity } from '../../cluster/certificates.ts';
import { sumAndDifferenceModel } from '../../support/models.ts';
import { startIssuer, type Issuer } from '../../support/oidc-issuer.ts';
import { grpcCall, restCall, type ClientTls, type RawHeaders } from '../../support/raw-calls.ts';
import { secretFolder, type SecretFolder } from '../../support/secret-folder.ts';
import { startServingProcess, type ServingProcess } from '../../support/serving.ts';
import { certificateAttacks } from './certificate-attacks.ts';
import { tokenAttacks, type Loot } from './token-attacks.ts';

const key = `myk-${randomBytes(24).toString('base64url')}aA`;
const keyHash = `sha256:${createHash('sha256').update(key).digest('hex')}`;
const files = { 'model.onnx': sumAndDifferenceModel() };
const refused = { rest: 0, grpc: 0 };

let authority: Authority;
let stranger: Authority;
const folders: SecretFolder[] = [];
const mounted = (content: Record<string, string>): string => {
  const folder = secretFolder(content);
  folders.push(folder);
  return folder.path;
};

beforeAll(async () => {
  authority = await certificateAuthority(new Date());
  stranger = await certificateAuthority(new Date());
});

afterAll(() => {
  folders.forEach((folder) => folder.remove());
  console.info(`attacks refused: ${refused.rest} over REST, ${refused.grpc} over gRPC`);
});

describe('attacks on keys and tokens', () => {
  let issuer: Issuer;
  let serving: ServingProcess;
  beforeAll(async () => {
    issuer = await startIssuer(authority);
    const oidc: OidcSettings = { issuer: issuer.url, audiences: ['modelyard'], requiredClaims: { team: 'ml' } };
    serving = startServingProcess({
      files,
      settings: {
        apiKeysDir: mounted({ carol: keyHash }),
        oidc: JSON.stringify(oidc),
        oidcCa: authority.certificate,
        storageAllowedCidrs: '127.0.0.0/8',
        logLevel: 'trace',
      },
    });
    await serving.ready();
  }, 120_000);
  afterAll(async () => {
    await serving.stop();
    await issuer.close();
  });

  test('what is attacked lets in who belongs there', async () => {
    const good: RawHeaders[] = [
      [['authorization', `Bearer ${key}`]],
      [['authorization', `bearer  ${key}`]],
      [['x-api-key', key]],
      [['authorization', `Bearer ${await issuer.token({ team: 'ml' })}`]],
      [['authorization', `Bearer ${await issuer.token({ team: ['other', 'ml'], aud: ['other', 'modelyard'] })}`]],
    ];
    for (const headers of good) {
      expect((await restCall(serving.host, headers)).status).toBe(200);
      expect((await grpcCall(serving.host, headers)).status).toBe(0);
    }
  });

  test.each(tokenAttacks)('$name', async ({ headers, isForbidden = false }) => {
    const loot: Loot = { issuer, key, keyHash };
    const given = await headers(loot);
    const path = `/v2/models/model?key=${key}`;
    const rest = await restCall(serving.host, given, { path });
    expect(rest.status).toBe(isForbidden ? 403 : 401);
    expect(JSON.parse(rest.body)).toEqual({ error: expect.any(String) });
    expect(rest.headers['www-authenticate']).toMatch(/^Bearer realm=/);
    refused.rest += 1;
    expect(await grpcCall(serving.host, given)).toEqual({ status: isForbidden ? 7 : 16, message: expect.any(String) });
    refused.grpc += 1;
  });

  test.each([
    '/v2/health/live/../../models/model',
    '/v2/health%2Flive',
    '//v2/models/model',
    '/V2/models/model',
    '/v2/health/live/x',
  ])('no spelling of a path leads past: %s', async (path) => {
    expect((await restCall(serving.host, [], { path })).status).toBe(401);
  });

  test('the log holds no key and no token', async () => {
    const token = await issuer.token({ team: 'ml' });
    await restCall(serving.host, [['authorization', `Bearer ${token}`]]);
    await grpcCall(serving.host, [['authorization', `Bearer ${token}x`]]);
    const [, , signature = ''] = token.split('.');
    expect(serving.log()).not.toContain(key);
    expect(serving.log()).not.toContain(keyHash.slice(7));
    expect(serving.log()).not.toContain(signature);
  });

  test('the issuer was asked for its keys twice at most, whatever came', () => {
    expect(issuer.asked.filter((path) => path === '/keys').length).toBeLessThanOrEqual(2);
  });
});

describe('attacks on certificates', () => {
  let serving: ServingProcess;
  let client: Identity;
  beforeAll(async () => {
    client = await authority.client('carol');
    const own = await authority.server(['model.test', '127.0.0.1']);
    serving = startServingProcess({
      files,
      settings: {
        tlsDir: mounted({ 'tls.crt': own.certificate, 'tls.key': own.key, 'ca.crt': authority.certificate }),
        clientCertificates: 'Required',
      },
    });
    await serving.ready();
  }, 120_000);
  afterAll(async () => {
    await serving.stop();
  });

  const showing = ({ certificate, key: own }: Identity): ClientTls => ({
    ca: authority.certificate,
    cert: certificate,
    key: own,
    servername: 'model.test',
  });

  test('what is attacked lets in who belongs there, by TLS 1.2 and 1.3', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const tls = { ...showing(client), maxVersion };
      expect((await restCall(serving.host, [], { tls })).status).toBe(200);
      expect((await grpcCall(serving.host, [], { tls })).status).toBe(0);
    }
  });

  test.each(certificateAttacks)('$name', async ({ tls: attack }) => {
    const tls = await attack({ authority, stranger, client, servername: 'model.test' });
    await expect(restCall(serving.host, [], tls ? { tls } : {})).rejects.toThrow();
    refused.rest += 1;
    await expect(grpcCall(serving.host, [], tls ? { tls } : {})).rejects.toThrow();
    refused.grpc += 1;
  });

  test('who has no certificate is not let in to health either', async () => {
    const tls = { ca: authority.certificate, servername: 'model.test' };
    await expect(restCall(serving.host, [], { tls, path: '/v2/health/live' })).rejects.toThrow();
    await expect(grpcCall(serving.host, [], { tls, path: '/grpc.health.v1.Health/Check' })).rejects.toThrow();
  });
});
