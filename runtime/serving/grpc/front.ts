import { healthMethods } from './health.ts';
import { inferenceMethods, inferenceService, type InferenceServiceOptions } from './inference-service.ts';
import { reflectionMethods } from './reflection.ts';
import { startGrpcServer, type GrpcServer, type GrpcServerOptions } from './transport.ts';

export type GrpcFrontOptions = InferenceServiceOptions & Omit<GrpcServerOptions, 'methods'>;

/** The Open Inference Protocol over gRPC, with gRPC's own health and reflection. Resolves when it listens. */
export function startGrpcFront(options: GrpcFrontOptions): Promise<GrpcServer> {
  const inference = inferenceMethods(options);
  const health = healthMethods({ ...options, services: [inferenceService] });
  const methods = {
    unary: { ...inference.unary, ...health.unary },
    streams: { ...inference.streams, ...health.streams, ...reflectionMethods() },
  };
  return startGrpcServer({ ...options, methods });
}
