import { createHash } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { predict, type PredictOptions } from '../../cli/commands/predict.ts';
import { Session } from '../../cli/local/session.ts';
import { createLog } from '../../lib/log.ts';
import type { ModelDeployment } from '../../operator/api/model-deployment.gen.ts';
import type { KubeObject } from '../../operator/kube/object.ts';
import { certificateAuthority } from '../cluster/certificates.ts';
import { eventually } from '../support/eventually.ts';
import { scriptedTerminal } from '../support/terminal.ts';

const root = join(import.meta.dirname, '..', '..');
const image = join(root, 'examples', 'digits', 'images', 'digit-7-1.png');
const timeoutMs = 180_000;
const hashed = (key: string): string => `sha256:${createHash('sha256').update(key).digest('hex')}`;
const secret = (name: string, stringData: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name, namespace: 'default' },
  stringData,
});
const digits = (access: object): KubeObject => ({
  apiVersion: 'modelyard.dev/v1alpha1',
  kind: 'ModelDeployment',
  metadata: { name: 'digits', namespace: 'default' },
  spec: { model: { uri: 'pvc://models/digits/', task: 'ImageClassification' }, access },
});

let home: string;
let session: Session;
const files: Record<'key' | 'other' | 'ca' | 'cert' | 'certKey', string> = {
  key: '',
  other: '',
  ca: '',
  cert: '',
  certKey: '',
};
let server: { 'tls.crt': string; 'tls.key': string; 'ca.crt': string };

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'modelyard-access-'));
  await cp(join(root, 'examples', 'digits', 'model'), join(home, '.modelyard', 'volumes', 'models', 'digits'), {
    recursive: true,
  });
  const authority = await certificateAuthority(new Date());
  const own = await authority.server(['digits.default.svc']);
  const client = await authority.client('carol');
  server = { 'tls.crt': own.certificate, 'tls.key': own.key, 'ca.crt': authority.certificate };
  const contents = {
    key: 'the-key\n',
    other: 'another-key\n',
    ca: authority.certificate,
    cert: client.certificate,
    certKey: client.key,
  };
  for (const [name, text] of Object.entries(contents)) {
    files[name as keyof typeof files] = join(home, name);
    await writeFile(join(home, name), text);
  }
  session = await Session.start({
    folder: join(home, '.modelyard'),
    appFolder: root,
    env: process.env,
    seed: process.pid,
    wholeLoopback: process.platform === 'linux',
    log: createLog('operator', 'error'),
    onLine: () => undefined,
  });
}, timeoutMs);

afterAll(async () => {
  await session.stop();
  await rm(home, { recursive: true, force: true });
}, timeoutMs);

const live = (): ModelDeployment =>
  session.cluster.get({
    apiVersion: 'modelyard.dev/v1alpha1',
    kind: 'ModelDeployment',
    name: 'digits',
    namespace: 'default',
  }) as ModelDeployment;

async function apply(access: object): Promise<void> {
  await session.apply(digits(access));
  await eventually(() => {
    const { status, metadata } = live();
    expect(status?.observedGeneration).toBe(metadata.generation);
    expect(status?.conditions?.find(({ type }) => type === 'Ready')?.status).toBe('True');
  }, 60_000);
}

/** The first line that the command prints of the answer. Rejects with its error. */
async function best(options: Partial<PredictOptions>): Promise<string | undefined> {
  const terminal = scriptedTerminal('', join(home, '.modelyard'));
  await predict(terminal, 'digits', { namespace: 'default', image, ...options });
  return terminal.printed.join('\n').split('\n')[1]?.slice(0, 1);
}

test(
  'the same Secrets let the same callers in as on a cluster, and are renewed while the pod runs',
  async () => {
    await session.apply(secret('digits-keys', { carol: hashed('the-key') }));
    await apply({ apiKeys: { secretRef: { name: 'digits-keys' } } });
    expect(live().status?.url).toMatch(/^http:/);
    for (const grpc of [false, true]) {
      expect(await best({ grpc, apiKeyFile: files.key })).toBe('7');
      await expect(best({ grpc })).rejects.toMatchObject({ code: 'Unauthenticated' });
      await expect(best({ grpc, apiKeyFile: files.other })).rejects.toMatchObject({ code: 'Unauthenticated' });
    }
    await session.apply(secret('digits-keys', { carol: hashed('another-key') }));
    await eventually(async () => expect(await best({ apiKeyFile: files.other })).toBe('7'), 20_000);
    await expect(best({ apiKeyFile: files.key })).rejects.toMatchObject({ code: 'Unauthenticated' });
  },
  timeoutMs,
);

test(
  'TLS with certificates of clients, by the name that the deployment has on a cluster',
  async () => {
    await session.apply(secret('digits-tls', server));
    await apply({ tls: { secretRef: { name: 'digits-tls' }, clientCertificates: 'Required' } });
    expect(live().status?.url).toMatch(/^https:/);
    const { ca, cert, certKey: key } = files;
    for (const grpc of [false, true]) {
      expect(await best({ grpc, ca, cert, key })).toBe('7');
      await expect(best({ grpc, cert, key })).rejects.toMatchObject({ code: 'Unavailable' });
      await expect(best({ grpc, ca, cert, key, serverName: 'another.svc' })).rejects.toMatchObject({
        code: 'Unavailable',
      });
    }
    const { http } = await session.endpoint('default', 'digits');
    expect(await best({ url: `https://${http}`, ca, cert, key, serverName: 'digits.default.svc' })).toBe('7');
  },
  timeoutMs,
);

test.each<[string, Partial<PredictOptions>]>([
  ['give one of --api-key-file and --token-file', { apiKeyFile: 'a', tokenFile: 'b' }],
  ['give both --cert and --key', { cert: 'a' }],
  ['--token-file /nowhere', { tokenFile: '/nowhere' }],
])('%s', async (says, options) => {
  await expect(best(options)).rejects.toMatchObject({
    code: 'BadInput',
    message: expect.stringContaining(says) as unknown,
  });
});
