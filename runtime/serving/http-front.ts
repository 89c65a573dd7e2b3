import { randomUUID } from 'node:crypto';
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyHttpOptions,
  type FastifyInstance,
  type FastifyReply,
} from 'fastify';
import type { Server } from 'node:http';
import type { Log } from '../../lib/log.ts';
import { requestIdOf } from './request-id.ts';

export interface HttpFrontOptions {
  log: Log;
  isDraining: () => boolean;
  /** What this front has beside what all have. */
  own: Pick<FastifyHttpOptions<Server>, 'bodyLimit' | 'routerOptions'> & object;
  sendError: (reply: FastifyReply, error: FastifyError) => FastifyReply;
  /** The body of an answer to what is no HTTP. */
  unreadable: object;
  /** Told of each answer that no route gives. */
  onUnrouted?: (status: number) => void;
}

/** A server of HTTP/1.1 without routes and parsers of bodies. Its requests have ids, and while it drains clients are asked to connect elsewhere. */
export function createHttpFront(options: HttpFrontOptions): FastifyInstance {
  const { log, isDraining, own, sendError, unreadable, onUnrouted } = options;
  const baseLog: FastifyBaseLogger = log;
  const app = Fastify({
    ...own,
    loggerInstance: baseLog,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: (request) => requestIdOf(request.headers, randomUUID),
    // Longer than a client or an ingress keeps a connection, so that the client is the one who closes it.
    keepAliveTimeout: 75_000,
    requestTimeout: 120_000,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    frameworkErrors: (error, _request, reply) => {
      void sendError(reply, error);
      onUnrouted?.(reply.statusCode);
    },
    clientErrorHandler: (error, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return;
      if (isOfTls(error)) {
        log.debug({ err: error }, 'a TLS handshake failed');
        socket.destroy();
        return;
      }
      const isTooLong = error.code === 'HPE_HEADER_OVERFLOW';
      const status = isTooLong ? '431 Request Header Fields Too Large' : '400 Bad Request';
      const body = JSON.stringify(unreadable);
      onUnrouted?.(isTooLong ? 431 : 400);
      socket.end(
        `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
    },
  });
  app.removeAllContentTypeParsers();
  app.setErrorHandler<FastifyError>((error, _request, reply) => sendError(reply, error));
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    // Every answer then asks the client to reconnect, which leads it elsewhere.
    if (isDraining()) void reply.header('connection', 'close');
    done(null, payload);
  });
  return app;
}

const isOfTls = ({ code = '' }: { code?: string }): boolean => /^ERR_(SSL|TLS)_/.test(code);

const standardMethods = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

/** Adds routes, and has the other methods of their paths refused, with those that are allowed in the header. */
export function addExactRoutes(
  scope: FastifyInstance,
  addRoutes: () => void,
  refuse: (reply: FastifyReply, allowed: string) => FastifyReply,
): void {
  const methods = new Map<string, string[]>();
  scope.addHook('onRoute', ({ url, method }) => {
    methods.set(url, [...(methods.get(url) ?? []), ...[method].flat()]);
  });
  addRoutes();
  // Those that are added now are noted, too.
  for (const [url, allowed] of new Map(methods)) {
    const names = allowed.join(', ');
    scope.route({
      url,
      method: standardMethods.filter((method) => !allowed.includes(method)),
      handler: (_request, reply) => refuse(reply.header('allow', names), names),
    });
  }
}
