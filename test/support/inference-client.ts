import { fileURLToPath } from 'node:url';
import {
  type Client,
  type ClientDuplexStream,
  credentials,
  loadPackageDefinition,
  Metadata,
  type CallOptions,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

/** A gRPC client made by a general protobuf library from the proto file: it knows nothing of our own codec. */

const protoFile = fileURLToPath(new URL('../../runtime/proto/open_inference.proto', import.meta.url));
const loaded = loadPackageDefinition(
  loadSync(protoFile, { keepCase: true, longs: String, defaults: true, oneofs: true }),
);
const { GRPCInferenceService } = loaded.inference as unknown as {
  GRPCInferenceService: new (...options: ConstructorParameters<typeof Client>) => Client;
};

interface GrpcTensor {
  name: string;
  datatype: string;
  shape: string[];
  contents?: Record<string, unknown[]>;
}

export interface GrpcAnswer {
  model_name: string;
  id: string;
  outputs: GrpcTensor[];
  raw_output_contents: Buffer[];
}

export interface GrpcClient {
  /** Any method with any message. Rejects with ServiceError. */
  call<T>(method: string, message: object, options?: CallOptions & { metadata?: Record<string, string> }): Promise<T>;
  infer(message: object, options?: CallOptions): Promise<GrpcAnswer>;
  /** Opens a stream in both directions. */
  stream(method: string): ClientDuplexStream<object, object>;
  close(): void;
}

type Unary = (
  message: object,
  metadata: Metadata,
  options: CallOptions,
  callback: (error: ServiceError | null, answer: unknown) => void,
) => void;

export function grpcClient(address: string, options: Record<string, string | number> = {}): GrpcClient {
  const client = new GRPCInferenceService(address, credentials.createInsecure(), options);
  const methods = client as unknown as Record<string, Unary>;
  const streams = client as unknown as Record<string, () => ClientDuplexStream<object, object>>;
  const call: GrpcClient['call'] = (method, message, { metadata = {}, ...rest } = {}) =>
    new Promise((resolve, reject) => {
      const sent = new Metadata();
      for (const [key, value] of Object.entries(metadata)) sent.set(key, value);
      methods[method]?.call(client, message, sent, rest, (error, answer) =>
        error ? reject(error) : resolve(answer as never),
      );
    });
  const stream: GrpcClient['stream'] = (method) => {
    const opened = streams[method]?.call(client);
    if (!opened) throw new Error(`there is no method ${method}`);
    return opened;
  };
  return { call, stream, infer: (message, rest) => call('ModelInfer', message, rest), close: () => client.close() };
}

interface GrpcFailure {
  code: number;
  details: string;
  metadata: Metadata;
}

/** What a call failed with; undefined where it was answered. */
export const grpcFailure = (call: Promise<unknown>): Promise<GrpcFailure | undefined> =>
  call.then(
    () => undefined,
    (error: unknown) => error as ServiceError,
  );
