import { rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { KubeClient } from '../../operator/kube/client.ts';
import { KubeError } from '../../operator/kube/errors.ts';
import type { KubeObject, ObjectRef, ResourceKind } from '../../operator/kube/object.ts';
import { CliError } from '../errors.ts';
import { modelDeploymentKind, podKind, trainingJobKind } from '../../operator/controllers/kinds.ts';
import type { LogLine, LogQuery, PodLogs } from './pod-logs.ts';
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

/** Path of the log stream: `?namespace=…&kind=…&name=…&follow=true`, without a kind for any; lines as they appear. */
export const logsPath = '/logs';

/** What has logs. */
const loggedKinds = [modelDeploymentKind, trainingJobKind, podKind];

export interface ControlOptions {
  client: KubeClient;
  logs: PodLogs;
  apply: (object: KubeObject) => Promise<KubeObject>;
  endpoint: (namespace: string, name: string) => Promise<Endpoint>;
}

const choice = new Intl.ListFormat('en', { type: 'disjunction' });
const kindList = (kinds: readonly ResourceKind[]): string => choice.format(kinds.map(({ kind }) => kind));

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
      await this.#logs(url, response);
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

  async #logs(url: URL, response: ServerResponse): Promise<void> {
    const { logs } = this.#options;
    const { namespace = '', name = '', kind } = Object.fromEntries(url.searchParams) as Partial<LogQuery>;
    const query = { namespace, name, ...(kind === undefined ? {} : { kind }) };
    const before = logs.of(query);
    if (before.length === 0) await this.#requireLogged(query);
    const write = ({ pod, text }: LogLine): boolean =>
      response.write(pod === name ? `${text}\n` : `${pod} | ${text}\n`);
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
    before.forEach(write);
    if (url.searchParams.get('follow') !== 'true') {
      response.end();
      return;
    }
    const stop = logs.follow(query, write);
    response.on('close', stop);
  }

  /** @throws CliError NotFound where nothing has this name */
  async #requireLogged({ namespace, kind, name }: LogQuery): Promise<void> {
    const wanted = loggedKinds.filter((each) => kind === undefined || each.kind === kind);
    if (wanted.length === 0) throw new CliError('BadInput', `only ${kindList(loggedKinds)} have logs`);
    const lists = await Promise.all(wanted.map((each) => this.#options.client.list(each, { namespace })));
    const there = lists.flatMap(({ items }) => items);
    if (there.some(({ metadata }) => metadata.name === name)) return;
    const others = there.map((object) => `${object.kind.toLowerCase()}/${object.metadata.name}`).join(', ');
    const cure = others === '' ? '' : `; there is ${others}`;
    throw new CliError('NotFound', `no ${kindList(wanted)} "${name}" in namespace ${namespace}${cure}`);
  }
}
