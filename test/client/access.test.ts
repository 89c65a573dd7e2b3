import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { ClientAccess } from '../../client/access.ts';
import { ModelClient } from '../../client/model-client.ts';
import { certificateAuthority, type Authority } from '../cluster/certificates.ts';
import { sumAndDifferenceModel } from '../support/models.ts';
import { startIssuer, type Issuer } from '../support/oidc-issuer.ts';
import { secretFolder, type SecretFolder } from '../support/secret-folder.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';

const key = 'the-key';
const ones = { dataType: 'FP32' as const, shape: [1, 2], data: [1, 1] };

describe.each(['rest', 'grpc'] as const)('the client and a runtime that asks who calls, over %s', (protocol) => {
  let serving: ServingProcess;
  let authority: Authority;
  let issuer: Issuer;
  let tls: NonNullable<ClientAccess['tls']>;
  const folders: SecretFolder[] = [];
  const mounted = (files: Record<string, string>): string => {
    const folder = secretFolder(files);
    folders.push(folder);
    return folder.path;
  };

  beforeAll(async () => {
    authority = await certificateAuthority(new Date());
    issuer = await startIssuer(authority);
    const own = await authority.server(['model.test']);
    const client = await authority.client('carol');
    tls = { ca: authority.certificate, certificate: client.certificate, key: client.key, serverName: 'model.test' };
    serving = startServingProcess({
      files: { 'model.onnx': sumAndDifferenceModel() },
      settings: {
        apiKeysDir: mounted({ carol: `sha256:${createHash('sha256').update(key).digest('hex')}` }),
        oidc: JSON.stringify({ issuer: issuer.url, audiences: ['modelyard'], requiredClaims: { team: 'ml' } }),
        oidcCa: authority.certificate,
        storageAllowedCidrs: '127.0.0.0/8',
        tlsDir: mounted({ 'tls.crt': own.certificate, 'tls.key': own.key, 'ca.crt': authority.certificate }),
        clientCertificates: 'Required',
      },
    });
    await serving.ready();
  }, 120_000);
  afterAll(async () => {
    await serving.stop();
    await issuer.close();
    folders.forEach((folder) => folder.remove());
  });

  async function sum(access: ClientAccess): Promise<unknown> {
    const options = { model: serving.name, retries: 0, ...access };
    const url = serving.url.replace('http:', 'https:');
    const client = protocol === 'rest' ? ModelClient.rest(url, options) : ModelClient.grpc(serving.grpc, options);
    try {
      return (await client.predict({ a: ones, b: ones }, { timeoutMs: 5_000 })).sum?.data;
    } finally {
      await client.close();
    }
  }

  test('a key lets it in, and a token, and what gives tokens', async () => {
    const token = (): Promise<string> => issuer.token({ team: 'ml' });
    for (const access of [{ apiKey: key }, { token: await token() }, { token }])
      expect(await sum({ tls, ...access })).toEqual(new Float32Array([2, 2]));
  });

  test('it is told who is not known, and who may not', async () => {
    await expect(sum({ tls })).rejects.toMatchObject({ code: 'Unauthenticated' });
    await expect(sum({ tls, apiKey: 'another' })).rejects.toMatchObject({ code: 'Unauthenticated' });
    await expect(sum({ tls, token: await issuer.token() })).rejects.toMatchObject({ code: 'Forbidden' });
  });

  test('it sends nothing to a server whose certificate is of others, or for others', async () => {
    const stranger = await certificateAuthority(new Date());
    for (const wrong of [{ ca: stranger.certificate }, { serverName: 'another.test' }])
      await expect(sum({ apiKey: key, tls: { ...tls, ...wrong } })).rejects.toMatchObject({ code: 'Unavailable' });
  });

  test('without its certificate it has no connection', async () => {
    const { ca, serverName } = tls;
    const failure = await sum({ apiKey: key, tls: { ca: ca ?? '', serverName: serverName ?? '' } }).catch(String);
    expect(failure).toMatch(/Unavailable|no answer|Deadline|connection/i);
  });

  test('it refuses to say two things of itself, and says where a token cannot be had', async () => {
    await expect(sum({ tls, apiKey: key, token: 'x' })).rejects.toMatchObject({ code: 'InvalidArgument' });
    const token = (): Promise<string> => Promise.reject(new Error('no token today'));
    await expect(sum({ tls, token })).rejects.toMatchObject({ code: 'Unauthenticated', status: undefined });
  });
});
