import { randomUUID } from 'node:crypto';
import { Metadata, Server, ServerCredentials, status, type handleUnaryCall, type ServerUnaryCall } from '@grpc/grpc-js';
import type { Log } from '../../lib/log.ts';
import { RequestError, type RequestErrorCode } from '../errors.ts';
import { grpcRequest } from './grpc-request.ts';
import {
  readInferRequest,
  readModelReference,
  writeFlag,
  writeInferResponse,
  writeModelMetadata,
  writeServerMetadata,
} from './grpc-wire.ts';
import { withHttp2Sessions } from './http2-sessions.ts';
import { limits } from './limits.ts';
import { checkReference, modelMetadata, modelVersion, serverMetadata } from './metadata.ts';
import { requestIdOf } from './request-id.ts';
import type { ServedModel } from './served-model.ts';
import type { ServingMetrics } from './serving-metrics.ts';

export interface GrpcOptions {
  model: ServedModel;
  metrics: ServingMetrics;
  /** Milliseconds since the epoch. */
  now: () => number;
  log: Log;
  isDraining: () => boolean;
  host: string;
  port: number;
  /** A connection older than this is asked to move on, so that new pods get their share of the load. */
  maxConnectionAgeMs: number;
  /** How long a connection that must go may finish its requests. */
  graceMs: number;
}

export interface GrpcFront {
  port: number;
  /** Asks clients to connect again, while everything goes on being answered. */
  sayGoAway(): void;
  /** Resolves when every request is answered. */
  close(): Promise<void>;
}

const statusOf: Readonly<Record<RequestErrorCode, status>> = {
  InvalidArgument: status.INVALID_ARGUMENT,
  NotFound: status.NOT_FOUND,
  MethodNotAllowed: status.UNIMPLEMENTED,
  TooLarge: status.RESOURCE_EXHAUSTED,
  UnsupportedMediaType: status.INVALID_ARGUMENT,
  QueueFull: status.RESOURCE_EXHAUSTED,
  Cancelled: status.CANCELLED,
  ModelFailed: status.INTERNAL,
  NotReady: status.UNAVAILABLE,
  ModelCrashed: status.UNAVAILABLE,
  DeadlineExceeded: status.DEADLINE_EXCEEDED,
};

type Call = ServerUnaryCall<Buffer, Buffer>;
type Method = (call: Call, log: Log) => Buffer | Promise<Buffer>;

const identity = (bytes: Buffer): Buffer => bytes;

/** The Open Inference Protocol over gRPC, and the standard health check. Resolves when it listens. */
export async function startGrpcServer(options: GrpcOptions): Promise<GrpcFront> {
  const server = new Server({
    'grpc.max_receive_message_length': limits.requestBytes,
    'grpc.max_send_message_length': limits.grpcAnswerBytes,
    'grpc.max_connection_age_ms': options.maxConnectionAgeMs,
    'grpc.max_connection_age_grace_ms': options.graceMs,
  });
  for (const [path, method] of Object.entries(methods(options))) {
    server.register(path, unary(method, options), identity, identity, 'unary');
  }
  const address = options.host.includes(':') ? `[${options.host}]` : options.host;
  const bind = (): Promise<number> =>
    new Promise((resolve, reject) => {
      server.bindAsync(`${address}:${options.port}`, ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
  const { created: port, sessions } = await withHttp2Sessions(bind);
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(() => server.forceShutdown(), options.graceMs);
      server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  return { port, sayGoAway: () => sessions.sayGoAway(), close };
}

function methods({ model, metrics, now, isDraining }: GrpcOptions): Record<string, Method> {
  const service = '/inference.GRPCInferenceService';
  const isReady = (): boolean => model.whyNotReady() === undefined && !isDraining();
  const infer = async (call: Call, log: Log): Promise<Buffer> => {
    const begin = now();
    let code = 'ok';
    try {
      const message = readInferRequest(call.request);
      checkReference(model.name, message.modelName, message.modelVersion);
      const request = grpcRequest(message, model.requireSignature().outputs, call.request.byteLength);
      const left = new AbortController();
      call.on('cancelled', () => left.abort());
      const timeoutMs = Math.min(request.timeoutMs ?? Infinity, deadlineOf(call) - now());
      const outputs = await model.infer(request.inputs, request.outputs, {
        timeoutMs: Math.max(0, timeoutMs),
        signal: left.signal,
      });
      return writeInferResponse(model.name, modelVersion, message.id, outputs);
    } catch (error) {
      code = error instanceof RequestError ? error.code : 'Bug';
      throw error;
    } finally {
      const durationMs = now() - begin;
      metrics.requests.inc({ model: model.name, protocol: 'grpc', code });
      metrics.duration.observe({ model: model.name, protocol: 'grpc' }, durationMs / 1000);
      log.debug({ code, durationMs }, 'inference');
    }
  };
  return {
    [`${service}/ServerLive`]: () => writeFlag(true),
    [`${service}/ServerReady`]: () => writeFlag(isReady()),
    [`${service}/ModelReady`]: ({ request }) => {
      const { name, version } = readModelReference(request);
      checkReference(model.name, name, version);
      return writeFlag(isReady());
    },
    [`${service}/ServerMetadata`]: () => writeServerMetadata(serverMetadata),
    [`${service}/ModelMetadata`]: ({ request }) => {
      const { name, version } = readModelReference(request);
      checkReference(model.name, name, version);
      return writeModelMetadata({ name: model.name, ...modelMetadata, ...model.requireSignature() });
    },
    [`${service}/ModelInfer`]: infer,
    // HealthCheckResponse: field 1 is 1 for SERVING, 2 for NOT_SERVING.
    '/grpc.health.v1.Health/Check': () => Buffer.from([0x08, isReady() ? 1 : 2]),
  };
}

function deadlineOf(call: Call): number {
  const deadline = call.getDeadline();
  return typeof deadline === 'number' ? deadline : deadline.getTime();
}

/** The request id, the log line and the error's status, once for all methods. */
function unary(method: Method, { log }: GrpcOptions): handleUnaryCall<Buffer, Buffer> {
  return (call, callback) => {
    const text = (name: string): string | undefined => call.metadata.get(name)[0]?.toString();
    const requestId = requestIdOf(
      { 'x-request-id': text('x-request-id'), traceparent: text('traceparent') },
      randomUUID,
    );
    const requestLog = log.child({ requestId });
    const metadata = new Metadata();
    metadata.set('x-request-id', requestId);
    call.sendMetadata(metadata);
    const answer = async (): Promise<Buffer> => method(call, requestLog);
    answer().then(
      (response) => callback(null, response),
      (error: unknown) => callback(statusFor(error, requestLog)),
    );
  };
}

function statusFor(error: unknown, log: Log): { code: status; details: string; metadata?: Metadata } {
  if (!(error instanceof RequestError)) {
    log.error({ err: error }, 'a bug');
    return { code: status.INTERNAL, details: 'internal error; the log has more under this request id' };
  }
  const failure = { code: statusOf[error.code], details: error.message };
  if (error.retryAfterSeconds === undefined) return failure;
  const metadata = new Metadata();
  metadata.set('retry-after', String(error.retryAfterSeconds));
  // gRPC clients with a retry policy wait for this long.
  metadata.set('grpc-retry-pushback-ms', String(error.retryAfterSeconds * 1000));
  return { ...failure, metadata };
}
