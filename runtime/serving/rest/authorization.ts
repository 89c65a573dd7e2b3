import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Authorize, Caller } from '../access/access.ts';

const callers = new WeakMap<FastifyRequest, Caller>();

/** Who was let in with a request; undefined where nobody was asked. */
export const callerOf = (request: FastifyRequest): Caller | undefined => callers.get(request);

/** What a load balancer may ask without being known. Other methods of these paths would bring a body. */
const openPaths: readonly (string | undefined)[] = ['/v2/health/live', '/v2/health/ready'];
const openMethods: readonly string[] = ['GET', 'HEAD'];

/** Before anything of a body is read. The path is the route's own, so that no spelling of another path is taken for an open one. */
export function addAuthorization(app: FastifyInstance, authorize: Authorize): void {
  app.addHook('onRequest', async (request) => {
    if (openMethods.includes(request.method) && openPaths.includes(request.routeOptions.url)) return;
    callers.set(request, await authorize(request.raw.rawHeaders));
  });
}
