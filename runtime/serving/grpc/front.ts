import type { FrontOptions } from '../front-options.ts';
import { healthMethods } from './health.ts';
import { inferenceMethods, inferenceService } from './inference-service.ts';
import { reflectionMethods } from './reflection.ts';
import { startGrpcServer, type GrpcServer, type GrpcServerOptions } from './transport.ts';

export type GrpcFrontOptions = FrontOptions &
  Omit<GrpcServerOptions, 'methods' | 'openPaths'> &
  Required<Pick<GrpcServerOptions, 'access'>>;

/** What a load balancer may ask without being known. */
const openMethods = ['ServerLive', 'ServerReady'].map((name) => `/${inferenceService}/${name}`);

/** The Open Inference Protocol over gRPC, with gRPC's own health and reflection. Resolves when it listens. */
export function startGrpcFront(options: GrpcFrontOptions): Promise<GrpcServer> {
  const inference = inferenceMethods(options);
  const health = healthMethods({ ...options, services: [inferenceService] });
  const methods = {
    unary: { ...inference.unary, ...health.unary },
    streams: { ...inference.streams, ...health.streams, ...reflectionMethods() },
  };
  const openPaths = [...openMethods, ...Object.keys({ ...health.unary, ...health.streams })];
  return startGrpcServer({ ...options, methods, openPaths });
}
