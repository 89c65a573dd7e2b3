import { randomUUID } from 'node:crypto';
import Fastify, { LogController, type FastifyBaseLogger, type FastifyError, type FastifyInstance } from 'fastify';
import type { Log } from '../../../lib/log.ts';
import type { TorchServeToken } from '../../contract.ts';
import type { FrontOptions } from '../front-options.ts';
import { limits } from '../limits.ts';
import { requestIdOf } from '../request-id.ts';
import { apiDescription } from './api-description.ts';
import { badRequest, errorBody, invalidKey, notAllowed, resourceNotFound, sendError } from './errors.ts';
import { addInferenceRoutes } from './inference-routes.ts';
import { addManagementRoutes, type ManagementOptions } from './management-routes.ts';
import type { Tokens } from './tokens.ts';

export type TorchServeOptions = FrontOptions & ManagementOptions & { tokens: Tokens; log: Log };

/** TorchServe's inference and management calls on one port, each with its own token. */
export function createTorchServeServer(options: TorchServeOptions): FastifyInstance {
  const baseLog: FastifyBaseLogger = options.log;
  const { tokens } = options;
  const { metrics } = options.observers;
  const count = (call: string, status: number): void => metrics.torchServeRequests.inc({ call, status });
  const app = Fastify({
    loggerInstance: baseLog,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: limits.requestBytes,
    genReqId: (request) => requestIdOf(request.headers, randomUUID),
    // Longer than a client or an ingress keeps a connection, so that the client is the one who closes it.
    keepAliveTimeout: 75_000,
    requestTimeout: 120_000,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100 },
    frameworkErrors: (error, _request, reply) => {
      void sendError(reply, error);
      count(unknownCall, reply.statusCode);
    },
    clientErrorHandler: (error, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return;
      const isTooLong = error.code === 'HPE_HEADER_OVERFLOW';
      const body = JSON.stringify(errorBody(badRequest('not a valid HTTP request')));
      const status = isTooLong ? '431 Request Header Fields Too Large' : '400 Bad Request';
      count(unknownCall, isTooLong ? 431 : 400);
      socket.end(
        `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler<FastifyError>((error, _request, reply) => sendError(reply, error));
  app.setNotFoundHandler((_request, reply) => sendError(reply, resourceNotFound()));
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    const { rawHeaders } = request.raw;
    const isRefused =
      request.is404 && !tokens.allow('inference', rawHeaders) && !tokens.allow('management', rawHeaders);
    done(isRefused ? invalidKey() : undefined);
  });
  app.addHook('onSend', (_request, reply, payload, done) => {
    // Every answer then asks the client to reconnect, which leads it elsewhere.
    if (options.isDraining()) void reply.header('connection', 'close');
    done(null, payload);
  });
  app.addHook('onResponse', (request, reply, done) => {
    const { url } = request.routeOptions;
    count(url === undefined ? unknownCall : `${request.method} ${url}`, reply.statusCode);
    done();
  });
  app.options('/', { bodyLimit: openBodyBytes }, () => apiDescription);
  app.get('/api-description', () => apiDescription);
  guarded(app, tokens, 'inference', (scope) => addInferenceRoutes(scope, options));
  guarded(app, tokens, 'management', (scope) => addManagementRoutes(scope, options));
  return app;
}

const unknownCall = 'unknown';

/** What is read of those who show no token. */
const openBodyBytes = 1024;

const standardMethods = ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT'];

/** Every route that is added here needs the token, which is asked for before anything of a body is read. */
function guarded(
  app: FastifyInstance,
  tokens: Tokens,
  kind: TorchServeToken,
  addRoutes: (scope: FastifyInstance) => void,
): void {
  void app.register((scope, _options, done) => {
    scope.addHook('onRequest', (request, _reply, next) => {
      next(tokens.allow(kind, request.raw.rawHeaders) ? undefined : invalidKey());
    });
    const methods = new Map<string, string[]>();
    scope.addHook('onRoute', ({ url, method }) => {
      methods.set(url, [...(methods.get(url) ?? []), ...[method].flat()]);
    });
    addRoutes(scope);
    refuseOtherMethods(scope, new Map(methods));
    done();
  });
}

function refuseOtherMethods(scope: FastifyInstance, methods: ReadonlyMap<string, readonly string[]>): void {
  for (const [url, allowed] of methods) {
    scope.route({
      url,
      method: standardMethods.filter((method) => !allowed.includes(method)),
      handler: (_request, reply) =>
        sendError(
          reply.header('allow', allowed.join(', ')),
          notAllowed('Requested method is not allowed, please refer to API document.'),
        ),
    });
  }
}
