import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { credentials, Client } from '@grpc/grpc-js';
import type { Payload } from './payloads.ts';
import { grpcFrame, inferPath, type BenchRequest } from './requests.ts';

/** The core of all that is measured; the load has the other one. */
export const onServerCore = ['--cpu-list', '0'];

/** A request that a server was seen to answer well. */
export interface Asked {
  request: BenchRequest;
  answerBytes: number;
  /** Of one answer to one client. */
  tookMs: number;
}

/** A server that runs, and all the ways in which it can be asked. */
export interface Server {
  name: string;
  asked: Asked[];
  /** CPU time of all its processes so far. */
  cpuMs: () => number;
  stop: () => Promise<void>;
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

/** Groups of their own outlive a terminal's Ctrl-C, so all are ended with this process. */
function endAll(): void {
  for (const child of running) signal(child, 'SIGKILL');
}
const leave = (): never => process.exit(1);

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
  if (running.size === 0) {
    process.on('exit', endAll);
    process.on('SIGINT', leave);
    process.on('SIGTERM', leave);
  }
  running.add(child);
  const server: Server = { name, asked: [], cpuMs: () => cpuMsOf(child), stop: () => stop(child) };
  try {
    for (const request of requests) {
      const body = await firstAnswer(child, request);
      const asked = performance.now();
      await ask(request);
      const tookMs = performance.now() - asked;
      const element = request.read(body);
      if (!(Math.abs(element - answer) < 1e-5))
        throw new Error(`${request.protocol} was answered with ${element} instead of ${answer}`);
      server.asked.push({ request, answerBytes: body.byteLength, tookMs });
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

/** Of all processes of its group, from fields that proc(5) numbers 5, 14 and 15, in hundredths of a second. */
function cpuMsOf({ pid }: ChildProcess): number {
  const ticks = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const [, , group, , , , , , , , , user, system] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return Number(group) === pid ? Number(user) + Number(system) : 0;
      } catch {
        // It ended meanwhile.
        return 0;
      }
    });
  return ticks.reduce((sum, count) => sum + count, 0) * 10;
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
  if (running.size > 0) return;
  process.off('exit', endAll);
  process.off('SIGINT', leave);
  process.off('SIGTERM', leave);
}

/** Ports that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}
