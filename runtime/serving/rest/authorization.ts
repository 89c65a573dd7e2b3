import type { FastifyInstance } from 'fastify';
import type { Authorize } from '../access/access.ts';

/** What a load balancer may ask without being known. */
const openPaths: readonly (string | undefined)[] = ['/v2/health/live', '/v2/health/ready'];

/** Before anything of a body is read. The path is the route's own, so that no spelling of another path is taken for an open one. */
export function addAuthorization(app: FastifyInstance, authorize: Authorize): void {
  app.addHook('onRequest', async (request) => {
    if (openPaths.includes(request.routeOptions.url)) return;
    const { by, name } = await authorize(request.raw.rawHeaders);
    request.log = request.log.child({ caller: name, by });
  });
}
