import { Agent, request, type IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { serve, type Listening } from './workplace.ts';

/** What becomes of a request: it goes through, goes through while its answer is lost, or is answered here. */
export type Fate = 'pass' | 'lost' | { status: number; code: string };

/** A proxy before an S3 server. `fate` is asked of each request, which is counted from 1. */
export async function s3Proxy(
  endpoint: string,
  fate: (request: IncomingMessage, count: number) => Fate,
): Promise<Listening> {
  const target = new URL(endpoint);
  const agent = new Agent({ keepAlive: true });
  let count = 0;
  const server = await serve((from, answer) => {
    const chosen = fate(from, ++count);
    if (typeof chosen === 'object') {
      from.resume();
      answer.writeHead(chosen.status, { 'content-type': 'application/xml' });
      answer.end(`<?xml version="1.0"?><Error><Code>${chosen.code}</Code><Message>on purpose</Message></Error>`);
      return;
    }
    const { method = 'GET', url = '/', headers } = from;
    const to = request({ agent, host: target.hostname, port: target.port, method, path: url, headers }, (reply) => {
      if (chosen === 'lost') void buffer(reply).then(() => from.socket.destroy());
      else reply.pipe(answer.writeHead(reply.statusCode ?? 502, reply.headers));
    });
    to.on('error', () => from.socket.destroy());
    from.pipe(to);
  });
  return {
    port: server.port,
    async close() {
      agent.destroy();
      await server.close();
    },
  };
}
