import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HttpClient, type HttpClientOptions } from '../../operator/kube/http-client.ts';
import { connect } from '../../operator/kube/kube-config.ts';

export type Handler = (url: URL, response: ServerResponse, request: IncomingMessage) => void;

export interface ScriptedServer {
  /** With a token and this server as its only cluster. */
  kubeconfig: string;
  connections: () => number;
  client(options?: Partial<HttpClientOptions>): Promise<HttpClient>;
  close(): Promise<void>;
}

/** An HTTP server on loopback that answers as the handler says, and clients for it. */
export async function scriptedServer(handler: Handler): Promise<ScriptedServer> {
  let connections = 0;
  const server = createServer((request, response) =>
    handler(new URL(request.url ?? '/', 'http://x'), response, request),
  );
  server.on('connection', () => (connections += 1));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const kubeconfig = JSON.stringify({
    clusters: [{ name: 'c', cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'u', user: { token: 't' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
  const clients: HttpClient[] = [];
  return {
    kubeconfig,
    connections: () => connections,
    client: async (options = {}) => {
      const client = new HttpClient(await connect({ text: kubeconfig }), { fieldManager: 'm', ...options });
      clients.push(client);
      return client;
    },
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const answer = (response: ServerResponse, status: number, body: object, headers = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
};

/** What was sent, as JSON. */
export async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as Record<string, unknown>;
}
