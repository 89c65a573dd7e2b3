import { fileURLToPath } from 'node:url';
import { loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import type { Payload } from './payloads.ts';

/** What the rows tell apart. */
export type Protocol = 'REST JSON' | 'REST binary' | 'gRPC';

/** One request as bytes, for a load generator that knows nothing of tensors. A gRPC body carries its five bytes of prefix. */
export interface BenchRequest {
  protocol: Protocol;
  url: string;
  headers: Record<string, string>;
  body: Buffer;
  /** The first element of the output in the answer's body; throws where there is none. */
  read: (body: Buffer) => number;
}

const proto = fileURLToPath(new URL('../../runtime/proto/open_inference.proto', import.meta.url));
const service = loadSync(proto, { keepCase: true, arrays: true })[
  'inference.GRPCInferenceService'
] as ServiceDefinition;

/** The path of the method that all gRPC servers here have. */
export const inferPath = '/inference.GRPCInferenceService/ModelInfer';

/** A message as gRPC puts it into a stream: not compressed, its length, itself. */
export function grpcFrame(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([prefix, message]);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

function first(value: unknown): number {
  let inner = value;
  while (Array.isArray(inner)) inner = inner[0] as unknown;
  if (typeof inner !== 'number') throw new Error('the answer holds no number');
  return inner;
}

interface OipJson {
  outputs: { data?: unknown; parameters?: { binary_data_size?: number } }[];
}

/** Open Inference Protocol, the tensor as a list of numbers. */
export const oipJson = ({ shape, data }: Payload, url: string, model: string): BenchRequest => ({
  protocol: 'REST JSON',
  url: `${url}/v2/models/${model}/infer`,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify({ inputs: [{ name: 'x', shape, datatype: 'FP32', data: Array.from(data) }] })),
  read: (body) => first((JSON.parse(body.toString()) as OipJson).outputs[0]?.data),
});

/** Open Inference Protocol with its binary tensor extension, both ways. */
export function oipBinary({ shape, data }: Payload, url: string, model: string): BenchRequest {
  const parameters = { binary_data_size: data.byteLength };
  const inputs = [{ name: 'x', shape, datatype: 'FP32', parameters }];
  const head = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }));
  return {
    protocol: 'REST binary',
    url: `${url}/v2/models/${model}/infer`,
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.byteLength),
    },
    body: Buffer.concat([head, bytesOf(data)]),
    read: (body) => {
      const end = body.lastIndexOf('}') + 1;
      const { outputs } = JSON.parse(body.subarray(0, end).toString()) as OipJson;
      if (outputs[0]?.parameters?.binary_data_size !== body.byteLength - end)
        throw new Error('the answer is not binary');
      return body.readFloatLE(end);
    },
  };
}

/** Open Inference Protocol over gRPC, with raw contents. */
export function oipGrpc({ shape, data }: Payload, url: string, model: string): BenchRequest {
  const method = service.ModelInfer;
  if (!method) throw new Error('the protocol has no ModelInfer');
  const inputs = [{ name: 'x', shape, datatype: 'FP32' }];
  return {
    protocol: 'gRPC',
    url: `${url}${inferPath}`,
    headers: { 'content-type': 'application/grpc', te: 'trailers' },
    body: grpcFrame(method.requestSerialize({ model_name: model, inputs, raw_input_contents: [bytesOf(data)] })),
    read: (body) => {
      const { outputs, raw_output_contents: raw } = method.responseDeserialize(body.subarray(5)) as {
        outputs: { contents?: { fp32_contents: number[] } }[];
        raw_output_contents: Buffer[];
      };
      return raw[0] ? raw[0].readFloatLE() : first(outputs[0]?.contents?.fp32_contents);
    },
  };
}

/** For servers with JSON of their own: the nested list alone, in an object under `data`. */
export const plainJson = ({ shape, data }: Payload, url: string): BenchRequest => ({
  protocol: 'REST JSON',
  url,
  headers: { 'content-type': 'application/json' },
  body: Buffer.from(JSON.stringify({ shape, data: Array.from(data) })),
  read: (body) => first((JSON.parse(body.toString()) as { data: unknown }).data),
});

/** For servers that hand a body on as it is. */
export const plainBytes = ({ data }: Payload, url: string): BenchRequest => ({
  protocol: 'REST binary',
  url,
  headers: { 'content-type': 'application/octet-stream' },
  body: bytesOf(data),
  read: (body) => body.readFloatLE(),
});
