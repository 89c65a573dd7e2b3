import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { binaries } from '../cluster/binaries.ts';
import { freePort } from './free-port.ts';

const run = promisify(execFile);

export interface RegistryServer {
  /** `127.0.0.1:PORT`, as references name it. */
  host: string;
  /** `http://127.0.0.1:PORT`. */
  endpoint: string;
  /** Runs a client's command in a folder; gives what it prints. */
  crane(folder: string, ...args: string[]): Promise<string>;
  oras(folder: string, ...args: string[]): Promise<string>;
  close(): Promise<void>;
}

/** A real registry, go-containerregistry's, with the clients crane and oras; its first start on a machine builds them, in a minute. */
export async function startRegistry(): Promise<RegistryServer> {
  const built = await binaries('registry');
  const home = await mkdtemp(join(tmpdir(), 'modelyard-registry-'));
  const host = `127.0.0.1:${await freePort()}`;
  const env = { HOME: home, PATH: '' };
  const child = spawn(built.path('crane'), ['registry', 'serve', '--address', host], {
    cwd: home,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)));
  let failure: Error | undefined;
  child.once('error', (error) => (failure = error));
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const endpoint = `http://${host}`;
  const answers = (): Promise<boolean> =>
    fetch(`${endpoint}/v2/`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await answers())) {
    if (failure || child.exitCode !== null) throw new Error(`the registry did not start: ${failure?.message ?? said}`);
    await sleep(50);
  }
  const client =
    (name: 'crane' | 'oras') =>
    async (folder: string, ...args: string[]): Promise<string> =>
      (await run(built.path(name), args, { cwd: folder, env })).stdout.trim();
  return {
    host,
    endpoint,
    crane: client('crane'),
    oras: client('oras'),
    async close() {
      child.kill('SIGTERM');
      await gone;
      await rm(home, { recursive: true, force: true });
    },
  };
}
