import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ServerTls } from '../../../runtime/serving/access/server-tls.ts';
import { certificateAuthority, type Authority, type Identity } from '../../cluster/certificates.ts';
import { secretFolder, type SecretFolder } from '../../support/secret-folder.ts';
import { until } from '../../support/serving.ts';

let authority: Authority;
let own: Identity;
const ends: (() => void)[] = [];

beforeAll(async () => {
  authority = await certificateAuthority(new Date());
});
beforeEach(async () => {
  own = await authority.server(['model.test']);
});
afterEach(() => ends.splice(0).forEach((end) => end()));

const filesOf = ({ certificate, key }: Identity, ca?: string): Record<string, string> => ({
  'tls.crt': certificate,
  'tls.key': key,
  ...(ca === undefined ? {} : { 'ca.crt': ca }),
});

function mounted(files: Record<string, string>): SecretFolder {
  const folder = secretFolder(files);
  ends.push(() => folder.remove());
  return folder;
}

function tlsOf(folder: SecretFolder, clientCa?: SecretFolder): ServerTls {
  const clientCertificates = clientCa ? 'Required' : 'None';
  const tls = new ServerTls({ dir: folder.path, clientCertificates, clientCaDir: (clientCa ?? folder).path }, 5);
  ends.push(() => tls.close());
  return tls;
}

async function listening(tls: ServerTls): Promise<number> {
  const server: Server = createServer(tls.options, (socket) => socket.on('error', () => undefined).end('hello'));
  tls.secure(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ends.push(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** What the server says, and the serial number of its certificate. Rejects where there is no connection. */
function greeting(port: number, shown?: Identity): Promise<{ text: string; serial: string }> {
  return new Promise((resolve, reject) => {
    const client = shown ? { cert: shown.certificate, key: shown.key } : {};
    const socket = connect({ port, host: '127.0.0.1', ca: authority.certificate, servername: 'model.test', ...client });
    let text = '';
    let serial = '';
    socket.on('secureConnect', () => (serial = socket.getPeerCertificate().serialNumber));
    socket.on('data', (bytes: Buffer) => (text += bytes.toString())).on('error', reject);
    socket.on('close', () => (text === '' ? reject(new Error('nothing was said')) : resolve({ text, serial })));
  });
}

describe('a certificate', () => {
  test('that is renewed is used from the next connection on', async () => {
    const folder = mounted(filesOf(own));
    const port = await listening(tlsOf(folder));
    const before = await greeting(port);
    expect(before.text).toBe('hello');
    folder.write(filesOf(await authority.server(['model.test'])));
    await until(async () => (await greeting(port)).serial !== before.serial);
  });

  test.each<[string, (good: Record<string, string>) => Promise<Record<string, string>> | Record<string, string>]>([
    ['is gone', () => ({})],
    ['is empty', (good) => ({ ...good, 'tls.crt': '' })],
    ['is no PEM', (good) => ({ ...good, 'tls.crt': 'certificate' })],
    ['has no key', ({ 'tls.crt': cert = '' }) => ({ 'tls.crt': cert })],
    ['has the key of another', async (good) => ({ ...good, 'tls.key': (await authority.server(['model.test'])).key })],
  ])('that %s leaves the one before in use, and says so', async (_, spoilt) => {
    const good = filesOf(own);
    const folder = mounted(good);
    const tls = tlsOf(folder);
    const port = await listening(tls);
    const { serial } = await greeting(port);
    folder.write(await spoilt(good));
    await until(() => tls.problem !== undefined);
    expect([(await greeting(port)).serial, tls.isUsable]).toEqual([serial, true]);
    expect(tls.problem).not.toContain(own.key.slice(40, 80));
    folder.write(good);
    await until(() => tls.problem === undefined);
  });

  test('that is not there yet keeps all out until it is', async () => {
    const folder = mounted({});
    const tls = tlsOf(folder);
    const port = await listening(tls);
    expect([tls.isUsable, tls.problem]).toEqual([false, 'it has no tls.crt']);
    await expect(greeting(port)).rejects.toThrow();
    folder.write(filesOf(own));
    await until(() => tls.isUsable);
    expect((await greeting(port)).text).toBe('hello');
  });
});

test('a key that is not that of the certificate is not listened with from the start', async () => {
  const { key } = await authority.server(['model.test']);
  const tls = tlsOf(mounted({ 'tls.crt': own.certificate, 'tls.key': key }));
  const port = await listening(tls);
  expect([tls.isUsable, tls.problem]).toEqual([false, expect.stringContaining('key values mismatch')]);
  await expect(greeting(port)).rejects.toThrow();
});

describe('the authority of clients', () => {
  test.each([
    ['is empty', { 'ca.crt': ' \n' }],
    ['is no certificate', { 'ca.crt': 'nobody' }],
    ['is not there', {}],
  ])('that %s lets nobody in, least of all by a public one', async (_, files: Record<string, string>) => {
    const tls = tlsOf(mounted(filesOf(own, authority.certificate)), mounted(files));
    const port = await listening(tls);
    expect(tls.isUsable).toBe(false);
    expect(tls.problem).toContain('ca.crt');
    await expect(greeting(port, await authority.client('carol'))).rejects.toThrow();
  });

  test('that is another one lets in its own clients from then on, and no earlier ones', async () => {
    const stranger = await certificateAuthority(new Date());
    const [old, fresh] = [await authority.client('carol'), await stranger.client('carol')];
    const clientCa = mounted({ 'ca.crt': authority.certificate });
    const port = await listening(tlsOf(mounted(filesOf(own)), clientCa));
    expect((await greeting(port, old)).text).toBe('hello');
    await expect(greeting(port, fresh)).rejects.toThrow();
    clientCa.write({ 'ca.crt': stranger.certificate });
    await until(() =>
      greeting(port, fresh).then(
        () => true,
        () => false,
      ),
    );
    await expect(greeting(port, old)).rejects.toThrow();
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'that is another one ends the sessions that the former let in, by %s',
    async (maxVersion) => {
      const stranger = await certificateAuthority(new Date(), 'another');
      const clientCa = mounted({ 'ca.crt': authority.certificate });
      const port = await listening(tlsOf(mounted(filesOf(own)), clientCa));
      const { certificate, key } = await authority.client('carol');
      const options = { port, host: '127.0.0.1', ca: authority.certificate, servername: 'model.test', maxVersion };
      const visit = (session?: Buffer): Promise<{ session?: Buffer; isReused: boolean; text: string }> =>
        new Promise((resolve) => {
          const socket = connect({ ...options, cert: certificate, key, ...(session && { session }) });
          const seen: { session?: Buffer; isReused: boolean; text: string } = { isReused: false, text: '' };
          socket.on('session', (ticket: Buffer) => (seen.session = ticket));
          socket.on('secureConnect', () => (seen.isReused = socket.isSessionReused()));
          socket.on('data', (bytes: Buffer) => (seen.text += bytes.toString())).on('error', () => undefined);
          socket.on('close', () => resolve(seen));
        });
      const { session } = await visit();
      expect(await visit(session)).toMatchObject({ isReused: true, text: 'hello' });
      clientCa.write({ 'ca.crt': stranger.certificate });
      await until(async () => (await visit()).text === '');
      expect(await visit(session)).toMatchObject({ isReused: false, text: '' });
    },
  );

  test('may be several', async () => {
    const stranger = await certificateAuthority(new Date(), 'another');
    const clientCa = mounted({ 'ca.crt': `${authority.certificate}\n${stranger.certificate}` });
    const port = await listening(tlsOf(mounted(filesOf(own)), clientCa));
    for (const each of [authority, stranger])
      expect((await greeting(port, await each.client('carol'))).text).toBe('hello');
  });
});
