import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { KubeClient } from '../../operator/kube/client.ts';
import { KubeError } from '../../operator/kube/errors.ts';
import type { KubeObject, ObjectRef, ResourceKind } from '../../operator/kube/object.ts';
import { CliError } from '../errors.ts';
import type { PodLogs } from './pod-logs.ts';
import type { Endpoint } from './service.ts';

/** What one command asks of the session that runs: one JSON request, one JSON answer. */
export type ControlRequest =
  | { method: 'list'; kind: ResourceKind; namespace?: string }
  | { method: 'apply'; object: KubeObject }
  | { method: 'replace'; object: KubeObject }
  | { method: 'remove'; ref: ObjectRef }
  | { method: 'endpoint'; namespace: string; name: string };

/** Answers by method. Errors come as `{ error: { code, message } }` with HTTP status 400. */
export interface ControlAnswers {
  list: KubeObject[];
  apply: KubeObject;
  replace: KubeObject;
  remove: null;
  endpoint: Endpoint;
}

/** Path of the log stream: `?namespace=…&deployment=…&follow=true`, lines as they appear. */
export const logsPath = '/logs';

export interface ControlOptions {
  client: KubeClient;
  logs: PodLogs;
  apply: (object: KubeObject) => Promise<KubeObject>;
  endpoint: (namespace: string, name: string) => Promise<Endpoint>;
}

/** Answers the other commands over a unix socket, which only the person who started the session can open. */
export class Control {
  readonly #server: Server;
  readonly #options: ControlOptions;

  constructor(options: ControlOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        const known = error instanceof CliError || error instanceof KubeError;
        const code = known ? error.code : 'Bug';
        const message = known ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error);
        response
          .writeHead(400, { 'content-type': 'application/json' })
          .end(JSON.stringify({ error: { code, message } }));
      });
    });
  }

  async listen(socket: string): Promise<void> {
    await rm(socket, { force: true });
    this.#server.listen(socket);
    await once(this.#server, 'listening');
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://session');
    if (url.pathname === logsPath) {
      this.#logs(url, response);
      return;
    }
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const result = await this.#run(JSON.parse(body) as ControlRequest);
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result));
  }

  async #run(request: ControlRequest): Promise<ControlAnswers[ControlRequest['method']]> {
    const { client, apply, endpoint } = this.#options;
    switch (request.method) {
      case 'list':
        return (
          await client.list(request.kind, request.namespace === undefined ? {} : { namespace: request.namespace })
        ).items;
      case 'apply':
        return apply(request.object);
      case 'replace':
        return client.replace(request.object);
      case 'remove':
        await client.remove(request.ref);
        return null;
      case 'endpoint':
        return endpoint(request.namespace, request.name);
    }
  }

  #logs(url: URL, response: ServerResponse): void {
    const { logs } = this.#options;
    const about = `${url.searchParams.get('namespace') ?? ''}/${url.searchParams.get('deployment') ?? ''}`;
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
    for (const line of logs.of(about)) response.write(`${line}\n`);
    if (url.searchParams.get('follow') !== 'true') {
      response.end();
      return;
    }
    const stop = logs.follow(about, (line) => response.write(`${line}\n`));
    response.on('close', stop);
  }
}
