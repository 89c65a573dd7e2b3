import { fileURLToPath } from 'node:url';
import {
  credentials,
  makeClientConstructor,
  Metadata,
  status,
  type ChannelCredentials,
  type Client,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import { isDataType } from '../lib/tensor-codec.ts';
import { accessHeaders, type ClientAccess, type ClientTls } from './access.ts';
import { ModelClientError, type ModelClientErrorCode } from './errors.ts';
import {
  metadataOf,
  predictionsOf,
  Refused,
  type CallOptions,
  type OipTensor,
  type RawTensor,
  type Transport,
} from './transport.ts';

const proto = fileURLToPath(new URL('../runtime/proto/open_inference.proto', import.meta.url));

const codes: Partial<Record<status, ModelClientErrorCode>> = {
  [status.INVALID_ARGUMENT]: 'InvalidArgument',
  [status.UNIMPLEMENTED]: 'InvalidArgument',
  [status.UNAUTHENTICATED]: 'Unauthenticated',
  [status.PERMISSION_DENIED]: 'Forbidden',
  [status.NOT_FOUND]: 'NotFound',
  [status.RESOURCE_EXHAUSTED]: 'TooManyRequests',
  [status.UNAVAILABLE]: 'Unavailable',
  [status.DEADLINE_EXCEEDED]: 'DeadlineExceeded',
  [status.CANCELLED]: 'Cancelled',
};

interface InferResponse {
  outputs: OipTensor[];
  raw_output_contents: Buffer[];
}

/** Open Inference Protocol over gRPC, with tensors as raw contents. */
export function grpcTransport(address: string, model: string, access: ClientAccess): Transport {
  const loaded = loadSync(proto, { keepCase: true, longs: Number, defaults: true });
  const service = loaded['inference.GRPCInferenceService'] as ServiceDefinition;
  const client: Client = new (makeClientConstructor(service, 'GRPCInferenceService'))(
    address,
    access.tls ? channelCredentials(access.tls) : credentials.createInsecure(),
    { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1, ...nameOptions(access.tls) },
  );

  const send = async <T>(name: string, message: object, { signal, timeoutMs, requestId }: CallOptions): Promise<T> => {
    const headers = new Metadata();
    for (const [key, value] of Object.entries(await accessHeaders(access))) headers.set(key, value);
    return new Promise((resolve, reject) => {
      const method = service[name];
      if (!method) throw new Error(`the protocol has no ${name}`);
      if (requestId !== undefined) headers.set('x-request-id', requestId);
      const done = (error: ServiceError | null, answer?: unknown): void => {
        signal.removeEventListener('abort', cancel);
        if (error) reject(failure(error));
        else resolve(answer as T);
      };
      const call = client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize as (bytes: Buffer) => unknown,
        message,
        headers,
        { deadline: Date.now() + timeoutMs },
        done,
      );
      const cancel = (): void => call.cancel();
      signal.addEventListener('abort', cancel, { once: true });
      if (signal.aborted) cancel();
    });
  };

  const infer = async (inputs: RawTensor[], call: CallOptions): Promise<RawTensor[]> => {
    const message = {
      model_name: model,
      id: call.requestId ?? '',
      inputs: inputs.map(({ name, dataType, shape }) => ({ name, datatype: dataType, shape })),
      raw_input_contents: inputs.map(({ data }) => data),
    };
    const answer = await send<InferResponse>('ModelInfer', message, call);
    return answer.outputs.map(({ name, datatype, shape }, index) => {
      const data = answer.raw_output_contents[index];
      if (!data || !isDataType(datatype)) {
        throw new ModelClientError('ProtocolError', `the output ${name} came without raw contents`);
      }
      return { name, dataType: datatype, shape, data };
    });
  };

  return {
    async predictImage(image, call) {
      const data = new Uint8Array(4 + image.byteLength);
      new DataView(data.buffer).setUint32(0, image.byteLength, true);
      data.set(image, 4);
      return predictionsOf(await infer([{ name: 'image', dataType: 'BYTES', shape: [1], data }], call));
    },
    infer,
    metadata: async (call) => metadataOf(await send('ModelMetadata', { name: model }, call)),
    ready: async (call) => (await send<{ ready: boolean }>('ModelReady', { name: model }, call)).ready,
    close() {
      client.close();
      return Promise.resolve();
    },
  };
}

function channelCredentials({ ca, certificate, key }: ClientTls): ChannelCredentials {
  const bytes = (pem: string | Buffer | undefined): Buffer | null => (pem === undefined ? null : Buffer.from(pem));
  return credentials.createSsl(bytes(ca), bytes(key), bytes(certificate));
}

const nameOptions = ({ serverName }: ClientTls = {}): Record<string, string> =>
  serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName };

function failure(error: ServiceError): Error {
  const own = new ModelClientError(codes[error.code] ?? 'ServerError', error.details, {
    status: error.code,
    cause: error,
  });
  const seconds = Number(error.metadata.get('retry-after')[0]);
  const retryAfterMs = seconds >= 0 ? seconds * 1000 : undefined;
  // UNAVAILABLE may also mean a connection that broke under a request which had begun: only what says "later" is safe.
  const isSafe =
    retryAfterMs !== undefined && (error.code === status.RESOURCE_EXHAUSTED || error.code === status.UNAVAILABLE);
  return isSafe || error.details.includes('ECONNREFUSED') ? new Refused(own, retryAfterMs) : own;
}
