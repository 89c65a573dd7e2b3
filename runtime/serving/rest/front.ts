import type { Server as SecureServer } from 'node:tls';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Log } from '../../../lib/log.ts';
import { RequestError } from '../../errors.ts';
import type { Access } from '../access/access.ts';
import type { FrontOptions } from '../front-options.ts';
import { addExactRoutes, createHttpFront } from '../http-front.ts';
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
  const { log, isDraining } = options;
  const { authorize, tls } = options.access;
  const app = createHttpFront({
    log,
    isDraining,
    own: { ...secured(tls), routerOptions: { maxParamLength: 100, ignoreTrailingSlash: true } },
    sendError,
    unreadable: { error: 'not a valid HTTP request' },
  });
  app.addContentTypeParser('*', (request: FastifyRequest, payload: Payload) =>
    readBody(payload, request.headers['content-length']),
  );
  app.setNotFoundHandler((_request, reply) =>
    sendError(reply, new RequestError('NotFound', 'no such path; see GET /v2')),
  );
  if (authorize) addAuthorization(app, authorize);
  addContentEncodings(app);
  const addRoutes = (): void => {
    addInferenceRoutes(app, options);
    addExplainRoutes(app, options);
    addRepositoryRoutes(app, options);
    addV1Routes(app, options);
  };
  addExactRoutes(app, addRoutes, (reply, allowed) =>
    sendError(reply, new RequestError('MethodNotAllowed', `this path takes ${allowed}`)),
  );
  tls?.secure(app.server as unknown as SecureServer);
  return app;
}

/** Fastify's type for a server in the clear serves for both: nothing here tells them apart. */
const secured = (tls: Access['tls']): object => (tls ? { https: tls.options } : {});
