import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from '@jest/globals';
import { exitCodes } from '../../runtime/contract.ts';
import { eventually } from '../support/eventually.ts';
import { answer, bodyOf, scriptedServer } from './scripted-server.ts';

const program = join(import.meta.dirname, '..', '..', 'operator', 'main.ts');

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** The operator as a process: what it printed and its exit code, once it ended. */
function operator(args: string[]): { child: ChildProcess; ended: Promise<{ code: number | null; output: string }> } {
  const child = spawn(process.execPath, [program, ...args], { env: {}, stdio: ['ignore', 'pipe', 'pipe'] });
  closers.push(() => child.kill('SIGKILL'));
  const exit = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const ended = Promise.all([exit, text(child.stdout), text(child.stderr)]).then(([code, out, err]) => ({
    code,
    output: out + err,
  }));
  return { child, ended };
}

interface Lease {
  spec?: { holderIdentity?: string };
}

/** An API server with nothing in it but a Lease. With a rival, that one has the Lease by the first renewal. */
async function apiServer({ rival }: { rival: boolean }) {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-main-'));
  closers.push(() => rm(folder, { recursive: true }));
  const state: { lease: Lease | undefined } = { lease: undefined };
  const write = (response: ServerResponse, lease: Lease, renewal: boolean): void => {
    const lost = renewal && rival;
    const kept = { ...lease, metadata: { name: 'l', resourceVersion: '1' } };
    state.lease = lost ? { ...kept, spec: { holderIdentity: 'rival' } } : kept;
    answer(response, lost ? 409 : 200, kept);
  };
  const server = await scriptedServer((url, response, request) => {
    if (url.pathname === '/apis/coordination.k8s.io/v1') {
      answer(response, 200, { resources: [{ name: 'leases', kind: 'Lease', namespaced: true }] });
    } else if (url.pathname.includes('/leases')) {
      if (request.method === 'GET') answer(response, state.lease === undefined ? 404 : 200, state.lease ?? {});
      else void bodyOf(request).then((body) => write(response, body, request.method === 'PUT'));
    } else if (url.searchParams.has('watch')) response.writeHead(200).flushHeaders();
    else answer(response, 200, { metadata: { resourceVersion: '1' }, items: [] });
  });
  closers.push(() => server.close());
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, server.kubeconfig);
  const args = ['--runtime-image=registry.test/runtime:1', `--kubeconfig=${kubeconfig}`, '--admin-port=0'];
  return { args, state };
}

describe('the operator’s process', () => {
  test('ends with 1 and says why when it lost the lease, so that it is started anew', async () => {
    const { args } = await apiServer({ rival: true });
    const { code, output } = await operator(args).ended;
    expect(code).toBe(exitCodes.bug);
    expect(output).toContain('leadership is lost: another process holds the lease');
  }, 60_000);

  test('ends with 0 at SIGTERM, after it released the lease', async () => {
    const { args, state } = await apiServer({ rival: false });
    const { child, ended } = operator(args);
    await eventually(() => expect(state.lease).toBeDefined(), 50_000, 50);
    child.kill('SIGTERM');
    expect((await ended).code).toBe(exitCodes.ok);
    expect(state.lease?.spec?.holderIdentity).toBe('');
  }, 60_000);

  test('ends with 64 and names the flag where the configuration is wrong', async () => {
    const { code, output } = await operator(['--runtime-image=i', '--log-level=loud']).ended;
    expect(code).toBe(exitCodes.badConfiguration);
    expect(output).toBe(
      '--log-level ($MODELYARD_LOG_LEVEL): "loud" must be one of trace, debug, info, warn, error, silent\n',
    );
  }, 60_000);

  test('lists every flag with --help', async () => {
    const { code, output } = await operator(['--help']).ended;
    expect([code, output]).toEqual([0, expect.stringContaining('--runtime-log-level')]);
  }, 60_000);
});
