import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectSecurely } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { dial } from '../../../../runtime/training/transport/dial.ts';
import type { Listener } from '../../../../runtime/training/transport/listener.ts';
import { tlsIdentity } from '../../../../runtime/training/transport/tls-identity.ts';
import { certificateAuthority, type Authority, type Identity } from '../../../cluster/certificates.ts';
import { dialing, listening, Recorder, timing } from './peers.ts';

const open: Listener[] = [];
let root: string;
let authority: Authority;
let stranger: Authority;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'modelyard-tls-'));
  authority = await certificateAuthority(new Date());
  stranger = await certificateAuthority(new Date());
});

afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close()));
});

afterAll(async () => {
  await rm(root, { recursive: true });
});

async function write(folder: string, { certificate, key }: Identity, ca: string): Promise<void> {
  await writeFile(join(folder, 'tls.crt'), certificate);
  await writeFile(join(folder, 'tls.key'), key);
  await writeFile(join(folder, 'ca.crt'), ca);
}

/** A folder as the Secret is mounted. */
async function secret(issuer: Authority, names: string[], trusts = issuer): Promise<string> {
  const folder = await mkdtemp(join(root, `${count++}-`));
  await write(folder, await issuer.peer(names), trusts.certificate);
  return folder;
}

async function start(folder: string) {
  const started = await listening({ tls: tlsIdentity(folder) });
  open.push(started.listener);
  return started;
}

const note = { type: 'note', value: 1 };

const lookup = (_: string, __: unknown, done: (error: null, found: { address: string; family: number }[]) => void) =>
  done(null, [{ address: '127.0.0.1', family: 4 }]);

const dialTls = (port: number, folder: string, host = 'job-ps-0.job', recorder = new Recorder()) =>
  dial(dialing(port, recorder, { peer: { host, port }, tls: tlsIdentity(folder), lookup: lookup }));

describe('mutual TLS', () => {
  it('joins pods whose certificates come from the same authority', async () => {
    const { listener, accepted } = await start(await secret(authority, ['job-ps-0.job']));
    const here = new Recorder();
    const connection = await dialTls(listener.port, await secret(authority, ['anything']), 'job-ps-0.job', here);
    const payload = Uint8Array.from({ length: 3_000_001 }, (_, index) => index % 253);
    void connection.send(note, payload);
    void accepted[0]?.connection.send(note, payload);
    await Promise.all([here.arrived(1), accepted[0]?.recorder.arrived(1)]);
    for (const { messages } of [here, ...accepted.map(({ recorder }) => recorder)]) {
      expect(Buffer.from(messages[0]?.payload ?? []).equals(payload)).toBe(true);
    }
    connection.end();
  });

  it('keeps out a client without a certificate, one of another authority, and one that speaks plainly', async () => {
    const { listener, accepted } = await start(await secret(authority, ['job-ps-0.job']));
    await expect(dialTls(listener.port, await secret(stranger, ['w'], authority))).rejects.toMatchObject({
      code: 'Untrusted',
    });
    await expect(
      dial(dialing(listener.port, new Recorder(), { timing: { ...timing, helloMs: 200 } })),
    ).rejects.toThrow();
    const bare = connectSecurely({ port: listener.port, host: '127.0.0.1', rejectUnauthorized: false });
    const failed = await new Promise<Error>((resolve) => {
      bare.on('error', resolve);
      bare.on('data', () => undefined);
    });
    expect(failed.message).toMatch(/certificate required/);
    expect(accepted).toEqual([]);
  });

  it('refuses a server of another authority, and one whose certificate names another host', async () => {
    const impostor = await start(await secret(stranger, ['job-ps-0.job'], authority));
    await expect(dialTls(impostor.listener.port, await secret(authority, ['w']))).rejects.toMatchObject({
      code: 'Untrusted',
    });
    const other = await start(await secret(authority, ['job-ps-1.job']));
    await expect(dialTls(other.listener.port, await secret(authority, ['w']))).rejects.toMatchObject({
      code: 'Untrusted',
      message: expect.stringContaining('job-ps-0.job') as unknown,
    });
  });

  it('speaks nothing older than TLS 1.3', async () => {
    const folder = await secret(authority, ['job-ps-0.job']);
    const { listener } = await start(folder);
    const socket = connectSecurely({
      port: listener.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      maxVersion: 'TLSv1.2',
    });
    const failed = await new Promise<Error>((resolve) => socket.once('error', resolve));
    expect(failed.message).toMatch(/version/);
  });

  it('uses a renewed certificate for the next connection, without a restart', async () => {
    const folder = await secret(authority, ['job-ps-0.job']);
    const { listener, accepted } = await start(folder);
    await write(folder, await stranger.peer(['job-ps-0.job']), stranger.certificate);
    await dialTls(listener.port, await secret(stranger, ['w']));
    expect(accepted).toHaveLength(1);
  });

  it('goes on with the certificate it has while the files of a renewal make no sense', async () => {
    const folder = await secret(authority, ['job-ps-0.job']);
    const { listener, accepted } = await start(folder);
    await writeFile(join(folder, 'tls.crt'), 'half a certifi');
    await dialTls(listener.port, await secret(authority, ['w']));
    expect(accepted).toHaveLength(1);
  });

  it('is refused at the start where the Secret lacks a file or holds something else', async () => {
    const folder = await secret(authority, ['job-ps-0.job']);
    await rm(join(folder, 'ca.crt'));
    await expect(start(folder)).rejects.toMatchObject({
      code: 'InvalidTransportSecret',
      message: expect.stringContaining('ca.crt') as unknown,
    });
    await writeFile(join(folder, 'ca.crt'), authority.certificate);
    await writeFile(join(folder, 'tls.key'), (await authority.peer(['x'])).key);
    await expect(start(folder)).rejects.toMatchObject({ code: 'InvalidTransportSecret' });
  });
});
