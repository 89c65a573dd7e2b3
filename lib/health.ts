import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

export interface Answer {
  status: number;
  contentType: string;
  body: string;
}

/** Path → what to answer. A route that throws answers 500 with the message. */
export type Routes = Record<string, () => Answer | Promise<Answer>>;

export interface HealthServer {
  /** The bound port; of use where port 0 was asked for. */
  port: number;
  close(): Promise<void>;
}

const text = (status: number, body: string): Answer => ({
  status,
  contentType: 'text/plain; charset=utf-8',
  body: `${body}\n`,
});
export const json = (value: unknown): Answer => ({
  status: 200,
  contentType: 'application/json',
  body: JSON.stringify(value),
});

/** 200 `ok`, or 503 and why not. */
export const probe = (whyNot: string | undefined): Answer =>
  whyNot === undefined ? text(200, 'ok') : text(503, whyNot);

export async function metrics(registry: Registry): Promise<Answer> {
  return { status: 200, contentType: registry.contentType, body: await registry.metrics() };
}

async function answer(routes: Routes, request: IncomingMessage): Promise<Answer> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  const route = Object.hasOwn(routes, path) ? routes[path] : undefined;
  if (route === undefined) return text(404, `no such path; there are: ${Object.keys(routes).join(', ')}`);
  if (request.method !== 'GET' && request.method !== 'HEAD') return text(405, 'only GET and HEAD');
  try {
    return await route();
  } catch (error) {
    return text(500, error instanceof Error ? error.message : String(error));
  }
}

function send(response: ServerResponse, head: boolean, { status, contentType, body }: Answer): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(head ? undefined : body);
}

/** Probes, metrics and reports over plain HTTP/1.1: GET and HEAD of exact paths, nothing else. */
export async function startHealthServer(options: {
  host?: string;
  port: number;
  routes: Routes;
}): Promise<HealthServer> {
  const server = createServer(
    { headersTimeout: 5_000, requestTimeout: 5_000, maxHeaderSize: 8_192 },
    (request, response) => {
      request.resume();
      void answer(options.routes, request).then((result) => send(response, request.method === 'HEAD', result));
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
