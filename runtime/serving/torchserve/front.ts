import type { FastifyInstance } from 'fastify';
import type { Log } from '../../../lib/log.ts';
import type { TorchServeToken } from '../../contract.ts';
import type { FrontOptions } from '../front-options.ts';
import { addExactRoutes, createHttpFront } from '../http-front.ts';
import { limits } from '../limits.ts';
import { apiDescription } from './api-description.ts';
import { badRequest, errorBody, invalidKey, notAllowed, resourceNotFound, sendError } from './errors.ts';
import { addInferenceRoutes } from './inference-routes.ts';
import { addManagementRoutes, type ManagementOptions } from './management-routes.ts';
import type { Tokens } from './tokens.ts';

export type TorchServeOptions = FrontOptions & ManagementOptions & { tokens: Tokens; log: Log };

/** TorchServe's inference and management calls on one port, each with its own token. */
export function createTorchServeServer(options: TorchServeOptions): FastifyInstance {
  const { log, isDraining, tokens } = options;
  const { metrics } = options.observers;
  const count = (call: string, status: number): void => metrics.torchServeRequests.inc({ call, status });
  const app = createHttpFront({
    log,
    isDraining,
    own: { bodyLimit: limits.requestBytes, routerOptions: { maxParamLength: 100 } },
    sendError,
    unreadable: errorBody(badRequest('not a valid HTTP request')),
    onUnrouted: (status) => count(unknownCall, status),
  });
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setNotFoundHandler((_request, reply) => sendError(reply, resourceNotFound()));
  app.addHook('onRequest', (request, _reply, done) => {
    const { rawHeaders } = request.raw;
    const isRefused =
      request.is404 && !tokens.allow('inference', rawHeaders) && !tokens.allow('management', rawHeaders);
    done(isRefused ? invalidKey() : undefined);
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
    addExactRoutes(
      scope,
      () => addRoutes(scope),
      (reply) => sendError(reply, notAllowed('Requested method is not allowed, please refer to API document.')),
    );
    done();
  });
}
