import { randomUUID } from 'node:crypto';
import { Agent, request, type IncomingMessage, type ServerResponse } from 'node:http';
import { basic } from './scripted-registry.ts';
import { serve, type Listening } from './workplace.ts';

export interface TokenProxy extends Listening {
  /** What was asked for, in order: `token SCOPE`, or the path of the registry. */
  asked: string[];
  /** Makes every token that was given worthless. */
  expire(): void;
}

/** A proxy before a registry that wants a token, which it gives for a name and a password, as Docker's token authentication has it. */
export async function tokenProxy(endpoint: string, user: string, password: string): Promise<TokenProxy> {
  const target = new URL(endpoint);
  const agent = new Agent({ keepAlive: true });
  const asked: string[] = [];
  const tokens = new Map<string, string>();
  const give = (url: URL, from: IncomingMessage, answer: ServerResponse): void => {
    const scope = url.searchParams.get('scope') ?? '';
    asked.push(`token ${scope}`);
    if (from.headers.authorization !== basic(user, password) || url.searchParams.get('service') !== 'test registry') {
      answer.writeHead(401).end();
      return;
    }
    const token = randomUUID();
    tokens.set(token, scope);
    answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ token, expires_in: 60 }));
  };
  const server = await serve((from, answer) => {
    const url = new URL(from.url ?? '/', `http://${from.headers.host ?? ''}`);
    if (url.pathname === '/token') {
      give(url, from, answer);
      return;
    }
    asked.push(url.pathname);
    const scope = tokens.get(/^Bearer (.+)$/.exec(from.headers.authorization ?? '')?.[1] ?? '');
    const repository = /^\/v2\/(.+)\/(?:manifests|blobs)\//.exec(url.pathname)?.[1] ?? '';
    if (!scope?.startsWith(`repository:${repository}:`)) {
      from.resume();
      const realm = `Bearer realm="${url.origin}/token",service="test registry",scope="repository:${repository}:pull,push"`;
      answer.writeHead(401, { 'www-authenticate': realm }).end();
      return;
    }
    const { method = 'GET', headers } = from;
    const to = request({ agent, host: target.hostname, port: target.port, method, path: from.url, headers }, (reply) =>
      reply.pipe(answer.writeHead(reply.statusCode ?? 502, reply.headers)),
    );
    to.on('error', () => from.socket.destroy());
    from.pipe(to);
  });
  return {
    port: server.port,
    asked,
    expire: () => tokens.clear(),
    async close() {
      agent.destroy();
      await server.close();
    },
  };
}
