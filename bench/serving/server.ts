import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { credentials, Client } from '@grpc/grpc-js';
import type { Payload } from './payloads.ts';
import { grpcFrame, inferPath, type BenchRequest } from './requests.ts';

/** The core of all that is measured; the load has the other one. */
export const onServerCore = ['--cpu-list', '0'];

/** A request that a server was seen to answer well. */
interface Asked {
  request: BenchRequest;
  answerBytes: number;
}

/** A server that runs, and all the ways in which it can be asked. */
export interface Server {
  name: string;
  asked: Asked[];
  stop(): Promise<void>;
}

export interface Program {
  command: string;
  args: readonly string[];
  environment?: Record<string, string | undefined>;
  /** Where it may write. */
  folder: string;
}

const startWithinMs = 120_000;
const stopWithinMs = 10_000;
const running = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of running) signal(child, 'SIGKILL');
});
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(1));

/** Starts a server on its core and waits until it gives the right answer to each kind of request. */
export async function startServer(
  name: string,
  { command, args, environment = {}, folder }: Program,
  { answer }: Payload,
  requests: readonly BenchRequest[],
): Promise<Server> {
  const log = join(folder, 'log');
  const output = openSync(log, 'a');
  const child = spawn('taskset', [...onServerCore, command, ...args], {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: ['ignore', output, output],
    // A group of its own, so that all its processes can be ended.
    detached: true,
  });
  running.add(child);
  const server: Server = { name, asked: [], stop: () => stop(child) };
  try {
    for (const request of requests) {
      const body = await firstAnswer(child, request);
      const element = request.read(body);
      if (!(Math.abs(element - answer) < 1e-5))
        throw new Error(`${request.protocol} was answered with ${element} instead of ${answer}`);
      server.asked.push({ request, answerBytes: body.byteLength });
    }
    return server;
  } catch (error) {
    await server.stop();
    throw new Error(`${name}: ${String(error)}\n${readFileSync(log, 'utf8').slice(-4_000)}`, { cause: error });
  }
}

async function firstAnswer(child: ChildProcess, request: BenchRequest): Promise<Buffer> {
  const giveUpAt = performance.now() + startWithinMs;
  for (;;) {
    try {
      return await ask(request);
    } catch (error) {
      if (child.exitCode !== null || performance.now() > giveUpAt) throw error;
    }
    await sleep(100);
  }
}

async function ask(request: BenchRequest): Promise<Buffer> {
  const { protocol, url, headers, body } = request;
  if (protocol === 'gRPC') return askGrpc(url, body);
  const response = await fetch(url, {
    method: 'POST',
    headers: { ...headers, 'accept-encoding': 'identity' },
    body: new Uint8Array(body),
  });
  const answer = Buffer.from(await response.arrayBuffer());
  if (!response.ok) throw new Error(`${request.protocol}: ${response.status} ${answer.toString().slice(0, 1_000)}`);
  return answer;
}

function askGrpc(url: string, frame: Buffer): Promise<Buffer> {
  const identity = (bytes: Buffer): Buffer => bytes;
  const client = new Client(new URL(url).host, credentials.createInsecure());
  return new Promise<Buffer>((resolve, reject) => {
    client.makeUnaryRequest(inferPath, identity, identity, frame.subarray(5), (error, message) => {
      if (error) reject(error);
      else resolve(grpcFrame(message ?? Buffer.alloc(0)));
    });
  }).finally(() => client.close());
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Ends all processes of a server, at first gently. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    signal(child, 'SIGTERM');
    await Promise.race([once(child, 'exit'), sleep(stopWithinMs)]);
  }
  signal(child, 'SIGKILL');
  running.delete(child);
}

/** Ports that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
