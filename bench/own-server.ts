import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { adminPaths, ports, servingEnv } from '../runtime/contract.ts';

export interface OwnServer {
  pid: number;
  /** Of REST: `http://HOST:PORT`. */
  url: string;
  /** Of gRPC: `HOST:PORT`. */
  grpc: string;
  /** Of probes and metrics. */
  admin: string;
}

/**
 * Works with a serving process of ours, which then ends.
 *
 * @param host an address of the loopback network that no other one has: its ports are fixed
 * @param settings variables beside those of every benchmark
 */
export async function withOwnServer<T>(
  host: string,
  settings: Readonly<Record<string, string>>,
  work: (server: OwnServer) => Promise<T>,
): Promise<T> {
  const child = spawn(process.execPath, ['runtime/serve.ts'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      POD_IP: host,
      [servingEnv.allowFileUris]: 'true',
      [servingEnv.drainDelayMs]: '0',
      [servingEnv.logLevel]: 'warn',
      ...settings,
    },
  });
  const exited = once(child, 'exit');
  const admin = `http://${host}:${ports.admin}`;
  try {
    while (!(await fetch(`${admin}${adminPaths.ready}`).catch(() => undefined))?.ok) {
      if (child.exitCode !== null) throw new Error(`the server ended with code ${child.exitCode}`);
      await sleep(50);
    }
    return await work({
      pid: child.pid ?? 0,
      url: `http://${host}:${ports.http}`,
      grpc: `${host}:${ports.grpc}`,
      admin,
    });
  } finally {
    child.kill('SIGTERM');
    await exited;
  }
}
