import { randomUUID } from 'node:crypto';
import type { Server as SecureServer } from 'node:tls';
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyRequest,
} from 'fastify';
import type { Log } from '../../../lib/log.ts';
import { RequestError } from '../../errors.ts';
import type { Access } from '../access/access.ts';
import type { FrontOptions } from '../front-options.ts';
import { requestIdOf } from '../request-id.ts';
import { addAuthorization } from './authorization.ts';
import { addContentEncodings } from './content-encodings.ts';
import { sendError } from './errors.ts';
import { addExplainRoutes } from './explain-routes.ts';
import { addInferenceRoutes } from './inference-routes.ts';
import { addRepositoryRoutes } from './repository-routes.ts';
import { readBody, type Payload } from './request-body.ts';
import { addV1Routes } from './v1-routes.ts';

export interface RestOptions extends FrontOptions {
  access: Pick<Access, 'authorize' | 'tls'>;
  log: Log;
}

/** The Open Inference Protocol over REST with its extensions, the protocol's first version, and `predict`. */
export function createRestServer(options: RestOptions): FastifyInstance {
  const baseLog: FastifyBaseLogger = options.log;
  const { authorize, tls } = options.access;
  const app = Fastify({
    ...secured(tls),
    loggerInstance: baseLog,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    genReqId: (request) => requestIdOf(request.headers, randomUUID),
    // Longer than a client or an ingress keeps a connection, so that the client is the one who closes it.
    keepAliveTimeout: 75_000,
    requestTimeout: 120_000,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100, ignoreTrailingSlash: true },
    frameworkErrors: (error, _request, reply) => void sendError(reply, error),
    clientErrorHandler: (error, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return;
      if (isOfTls(error)) {
        options.log.debug({ err: error }, 'a TLS handshake failed');
        socket.destroy();
        return;
      }
      const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
      const body = JSON.stringify({ error: 'not a valid HTTP request' });
      socket.end(
        `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (request: FastifyRequest, payload: Payload) =>
    readBody(payload, request.headers['content-length']),
  );
  app.setErrorHandler<FastifyError>((error, _request, reply) => sendError(reply, error));
  app.setNotFoundHandler((_request, reply) =>
    sendError(reply, new RequestError('NotFound', 'no such path; see GET /v2')),
  );
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  if (authorize) addAuthorization(app, authorize);
  app.addHook('onSend', (_request, reply, payload, done) => {
    // Every answer then asks the client to reconnect, which leads it elsewhere.
    if (options.isDraining()) void reply.header('connection', 'close');
    done(null, payload);
  });
  addContentEncodings(app);
  const methods = new Map<string, string[]>();
  app.addHook('onRoute', ({ url, method }) => {
    methods.set(url, [...(methods.get(url) ?? []), ...[method].flat()]);
  });
  addInferenceRoutes(app, options);
  addExplainRoutes(app, options);
  addRepositoryRoutes(app, options);
  addV1Routes(app, options);
  refuseOtherMethods(app, new Map(methods));
  tls?.secure(app.server as unknown as SecureServer);
  return app;
}

/** Fastify's type for a server in the clear serves for both: nothing here tells them apart. */
const secured = (tls: Access['tls']): object => (tls ? { https: tls.options } : {});

const isOfTls = ({ code = '' }: { code?: string }): boolean => /^ERR_(SSL|TLS)_/.test(code);

const standardMethods = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

function refuseOtherMethods(app: FastifyInstance, methods: ReadonlyMap<string, readonly string[]>): void {
  for (const [url, allowed] of methods) {
    app.route({
      url,
      method: standardMethods.filter((method) => !allowed.includes(method)),
      handler: (_request, reply) =>
        sendError(
          reply.header('allow', allowed.join(', ')),
          new RequestError('MethodNotAllowed', `this path takes ${allowed.join(', ')}`),
        ),
    });
  }
}
