import { setTimeout as sleep } from 'node:timers/promises';
import { RequestError } from '../../errors.ts';
import { isReady, type FrontOptions } from '../front-options.ts';
import { jsonMethod, methodOf, pathOf, readRequest, writeAnswer } from './definitions.ts';
import type { GrpcMethods } from './transport.ts';

export interface HealthOptions extends Pick<FrontOptions, 'repository' | 'isDraining'> {
  /** Full names of the services that are as healthy as the server. */
  services: readonly string[];
}

interface HealthRequest {
  service: string;
}

type ServingStatus = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

/** How soon a watcher learns of a change. */
const watchIntervalMs = 250;

/** gRPC's health service: for the server, for its services, and for each model under its name. */
export function healthMethods(options: HealthOptions): GrpcMethods {
  const service = 'grpc.health.v1.Health';
  const watch = methodOf(service, 'Watch');
  return {
    unary: jsonMethod(methodOf(service, 'Check'), (request) => {
      const { service } = request as HealthRequest;
      const status = statusOf(service, options);
      if (status === 'SERVICE_UNKNOWN')
        throw new RequestError('NotFound', `there is no service ${JSON.stringify(service.slice(0, 200))}`);
      return { status };
    }),
    streams: {
      [pathOf(watch)]: async (requests, { signal, closing }, send) => {
        const over = AbortSignal.any([signal, closing]);
        for await (const bytes of requests) {
          const { service } = readRequest(watch, bytes) as HealthRequest;
          for (let last: ServingStatus | undefined; !over.aborted;) {
            const status = statusOf(service, options);
            if (status !== last) await send([writeAnswer(watch, { status })]);
            last = status;
            await sleep(watchIntervalMs, undefined, { signal: over }).catch(() => undefined);
          }
        }
      },
    },
  };
}

function statusOf(service: string, options: HealthOptions): ServingStatus {
  const model = options.repository.models.find(({ name }) => name === service);
  if (!model && service !== '' && !options.services.includes(service)) return 'SERVICE_UNKNOWN';
  return isReady(options, model) ? 'SERVING' : 'NOT_SERVING';
}
