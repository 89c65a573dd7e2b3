/** A real serving process that asks who calls, from its first certificate to its end. */
import { createHash } from 'node:crypto';
import { connect as connectHttp2 } from 'node:http2';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { ModelClient } from '../../../client/model-client.ts';
import { adminPaths, ports } from '../../../runtime/contract.ts';
import { certificateAuthority, type Authority } from '../../cluster/certificates.ts';
import { sumAndDifferenceModel } from '../../support/models.ts';
import { grpcCall, restCall, type RawHeaders } from '../../support/raw-calls.ts';
import { secretFolder, type SecretFolder } from '../../support/secret-folder.ts';
import { startServingProcess, until, type ServingProcess, type ServingSetup } from '../../support/serving.ts';

const files = { 'model.onnx': sumAndDifferenceModel() };
const hashed = (key: string): string => `sha256:${createHash('sha256').update(key).digest('hex')}`;
const bearer = (key: string): RawHeaders => [['authorization', `Bearer ${key}`]];
const ends: (() => unknown)[] = [];
let authority: Authority;

beforeAll(async () => {
  authority = await certificateAuthority(new Date());
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

function mounted(content: Record<string, string>): SecretFolder {
  const folder = secretFolder(content);
  ends.push(() => folder.remove());
  return folder;
}

function start(settings: ServingSetup['settings']): ServingProcess {
  const serving = startServingProcess({ files, settings: settings ?? {} });
  ends.push(() => serving.stop('SIGKILL'));
  return serving;
}

describe('API keys', () => {
  test('are asked for everything but health, before anything of a message came', async () => {
    const serving = start({ apiKeysDir: mounted({ alice: hashed('one') }).path });
    await serving.ready();
    const { host } = serving;
    for (const path of ['/v2/health/live', '/v2/health/ready/'])
      expect((await restCall(host, [], { path })).status).toBe(200);
    for (const path of [
      '/v2',
      '/v2/models/model',
      '/v2/models/model/ready',
      '/v2/models/stats',
      '/v1/models',
      '/nowhere',
    ])
      expect((await restCall(host, [], { path })).status).toBe(401);
    for (const path of ['/v2/models/model/infer', '/v2/repository/index', '/v1/models/model:predict'])
      expect((await restCall(host, [], { path, method: 'POST' })).status).toBe(401);
    for (const path of ['/v2/health/live', '/v2/health/ready'])
      expect((await restCall(host, [], { path, method: 'POST', announcedBytes: 10 })).status).toBe(401);
    const open = ['/grpc.health.v1.Health/Check', '/inference.GRPCInferenceService/ServerLive'];
    for (const path of open) expect((await grpcCall(host, [], { path })).status).not.toBe(16);
    const closed = [
      '/inference.GRPCInferenceService/ModelInfer',
      '/inference.GRPCInferenceService/ModelStreamInfer',
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
      '/nobody.Knows/This',
    ];
    for (const path of closed) expect((await grpcCall(host, [], { path, says: false })).status).toBe(16);
    expect((await fetch(`${serving.admin}${adminPaths.metrics}`)).status).toBe(200);
  });

  test('are renewed without a restart; where none is left nobody gets in, and the pod says so', async () => {
    const folder = mounted({ alice: hashed('one') });
    const serving = start({ apiKeysDir: folder.path });
    await serving.ready();
    const statusOf = async (key: string): Promise<number> => (await restCall(serving.host, bearer(key))).status;
    expect([await statusOf('one'), await statusOf('two')]).toEqual([200, 401]);
    folder.write({ alice: hashed('two'), bob: 'three' });
    await until(async () => (await statusOf('two')) === 200);
    expect([await statusOf('one'), await statusOf('three')]).toEqual([401, 401]);
    expect((await serving.report()).access).toEqual({
      reason: 'InvalidApiKeys',
      message: expect.stringContaining('bob must hold sha256:') as unknown,
      closed: false,
    });
    folder.write({});
    await until(async () => (await statusOf('two')) === 401);
    expect((await serving.report()).access).toMatchObject({ reason: 'InvalidApiKeys', closed: true });
    expect((await grpcCall(serving.host, bearer('two'))).status).toBe(16);
    expect(serving.log()).toContain('it is empty');
  });

  test('name the caller in the access log', async () => {
    const serving = start({ apiKeysDir: mounted({ alice: hashed('one') }).path, accessLog: 'All' });
    await serving.ready();
    const client = ModelClient.rest(serving.url, { model: 'model', apiKey: 'one' });
    ends.push(() => client.close());
    await client.predict({
      a: { dataType: 'FP32', shape: [1, 2], data: [1, 2] },
      b: { dataType: 'FP32', shape: [1, 2], data: [1, 2] },
    });
    await until(() => serving.log().includes('"caller":"alice"'));
  });
});

describe('TLS', () => {
  test('has the pod wait for a certificate it can use, and end in peace with connections open', async () => {
    const folder = mounted({});
    const serving = start({ tlsDir: folder.path });
    await until(async () => (await serving.report().catch(() => undefined))?.model.phase === 'Ready');
    const ready = await fetch(`${serving.admin}${adminPaths.ready}`);
    expect([ready.status, await ready.text()]).toEqual([503, 'no certificate to listen with\n']);
    expect((await serving.report()).access).toMatchObject({ reason: 'InvalidTlsSecret', closed: true });
    const own = await authority.server(['model.test']);
    folder.write({ 'tls.crt': own.certificate, 'tls.key': own.key });
    await serving.ready();
    const tls = { ca: authority.certificate, servername: 'model.test' };
    expect((await restCall(serving.host, [], { tls })).status).toBe(200);
    const session = connectHttp2(`https://${serving.host}:${ports.grpc}`, tls);
    session.on('error', () => undefined);
    await new Promise((resolve) => session.once('connect', resolve));
    expect(session.alpnProtocol).toBe('h2');
    const gone = new Promise((resolve) => session.once('close', resolve));
    expect(await serving.stop()).toBe(0);
    await gone;
  });

  test('answers nobody who speaks in the clear, and goes on answering the others', async () => {
    const own = await authority.server(['model.test']);
    const serving = start({ tlsDir: mounted({ 'tls.crt': own.certificate, 'tls.key': own.key }).path });
    await serving.ready();
    await expect(restCall(serving.host)).rejects.toThrow();
    await expect(grpcCall(serving.host)).rejects.toThrow();
    const tls = { ca: authority.certificate, servername: 'model.test' };
    expect((await restCall(serving.host, [], { tls })).status).toBe(200);
    expect((await grpcCall(serving.host, [], { tls })).status).toBe(0);
  });
});
