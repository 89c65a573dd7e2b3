import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { parse } from 'yaml';

/** When the operator is hit, relative to one of its writes. */
export type FaultMode =
  /** It ends when the write arrives, which is dropped. */
  | 'before'
  /** It ends when the write is done, before it learns so. */
  | 'after'
  /** The write is done, and the connection breaks instead of an answer. It lives on. */
  | 'lost';

export interface Fault {
  /** Counted from 1 in the order of arrival. */
  write: number;
  mode: FaultMode;
}

export interface SeenWrite {
  /** Such as `PATCH /api/v1/namespaces/x/services/y`. */
  what: string;
  atMs: number;
}

export interface FaultProxyOptions {
  /** Of a user that may do what the operator does; its server is the target. */
  kubeconfig: string;
  fault?: Fault;
  /** Ends the process whose requests these are; resolves when it has ended. */
  kill: () => Promise<void>;
}

export interface FaultProxy {
  /** `http://127.0.0.1:PORT`; only this machine reaches it. */
  url: string;
  /** Every write so far, the dropped one too. */
  writes(): readonly SeenWrite[];
  /** Whether the fault has happened. */
  struck(): boolean;
  close(): Promise<void>;
}

interface KubeConfigFile {
  clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
  users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
}

const writeMethods = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const pem = (data: string) => Buffer.from(data, 'base64');

/** A proxy before an API server that counts writes and strikes at one of them. Watches stream through. */
export async function startFaultProxy({ kubeconfig, fault, kill }: FaultProxyOptions): Promise<FaultProxy> {
  const file = parse(readFileSync(kubeconfig, 'utf8')) as KubeConfigFile;
  const { cluster } = file.clusters[0];
  const { user } = file.users[0];
  const agent = new Agent({
    keepAlive: true,
    ca: pem(cluster['certificate-authority-data']),
    cert: pem(user['client-certificate-data']),
    key: pem(user['client-key-data']),
  });
  const target = new URL(cluster.server);
  const writes: SeenWrite[] = [];
  let struck = false;

  /** The answer of the API server, its body still unread. */
  const forward = (from: IncomingMessage, body?: Buffer) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { ...from.headers, host: target.host };
      const to = request(
        { agent, host: target.hostname, port: target.port, method: from.method, path: from.url, headers },
        resolve,
      );
      to.once('error', reject);
      if (body === undefined) from.pipe(to);
      else to.end(body);
    });

  const answer = (from: IncomingMessage, to: ServerResponse) => {
    to.writeHead(from.statusCode ?? 502, from.headers);
    from.pipe(to);
    to.once('close', () => from.destroy());
  };

  const write = async (from: IncomingMessage, to: ServerResponse) => {
    writes.push({ what: `${from.method ?? ''} ${from.url?.replace(/\?.*/, '') ?? ''}`, atMs: performance.now() });
    const mode = fault?.write === writes.length ? fault.mode : undefined;
    const body = await buffer(from);
    if (mode === undefined) {
      answer(await forward(from, body), to);
      return;
    }
    if (mode !== 'before') await buffer(await forward(from, body));
    if (mode !== 'lost') await kill();
    to.destroy();
    struck = true;
  };

  const server = createServer((from, to) => {
    const done = writeMethods.has(from.method ?? '')
      ? write(from, to)
      : forward(from).then((response) => answer(response, to));
    // Either side may leave at any time; the other one sees its connection break.
    done.catch(() => to.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    writes: () => writes,
    struck: () => struck,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      agent.destroy();
    },
  };
}
