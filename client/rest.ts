import { Agent, request, type Dispatcher } from 'undici';
import { elementSize, encodeTensor, isDataType, type TensorElements } from '../lib/tensor-codec.ts';
import { accessHeaders, type ClientAccess, type ClientTls } from './access.ts';
import { ModelClientError, type ModelClientErrorCode } from './errors.ts';
import {
  metadataOf,
  Refused,
  type CallOptions,
  type OipTensor,
  type Prediction,
  type RawTensor,
  type Transport,
} from './transport.ts';

const codes: Readonly<Record<number, ModelClientErrorCode>> = {
  401: 'Unauthenticated',
  403: 'Forbidden',
  404: 'NotFound',
  429: 'TooManyRequests',
  499: 'Cancelled',
  503: 'Unavailable',
  504: 'DeadlineExceeded',
};

const headerLength = 'inference-header-content-length';

interface Sent {
  method: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: Uint8Array;
}

interface Answer {
  status: number;
  headers: Dispatcher.ResponseData['headers'];
  body: Buffer;
}

/** Open Inference Protocol over REST, with tensors as raw bytes behind the JSON. */
export function restTransport(url: string, model: string, access: ClientAccess): Transport {
  const agent = new Agent({ keepAliveTimeout: 30_000, ...(access.tls && { connect: connectOptions(access.tls) }) });
  const base = `${url.replace(/\/+$/, '')}/v2/models/${encodeURIComponent(model)}`;

  const send = async (path: string, { method, headers = {}, body }: Sent, call: CallOptions): Promise<Answer> => {
    const who = await accessHeaders(access);
    try {
      const answer = await request(`${base}${path}`, {
        method,
        dispatcher: agent,
        signal: call.signal,
        headers: {
          ...headers,
          ...who,
          'request-timeout': String(call.timeoutMs / 1000),
          ...(call.requestId !== undefined && { 'x-request-id': call.requestId }),
        },
        ...(body && { body }),
      });
      const content = Buffer.from(await answer.body.arrayBuffer());
      return { status: answer.statusCode, headers: answer.headers, body: content };
    } catch (error) {
      throw unanswered(error, url);
    }
  };
  const ok = async (path: string, sent: Sent, call: CallOptions): Promise<Answer> => {
    const answer = await send(path, sent, call);
    if (answer.status !== 200) throw failure(answer);
    return answer;
  };

  return {
    async predictImage(image, call) {
      const headers = { 'content-type': mediaType(image) };
      const { body } = await ok('/predict', { method: 'POST', headers, body: image }, call);
      return (parsed(body) as { predictions: Prediction[] }).predictions;
    },
    async infer(inputs, call) {
      const json = Buffer.from(
        JSON.stringify({
          parameters: { binary_data_output: true },
          inputs: inputs.map(({ name, dataType, shape, data }) => ({
            name,
            datatype: dataType,
            shape,
            parameters: { binary_data_size: data.byteLength },
          })),
        }),
      );
      const body = Buffer.concat([json, ...inputs.map(({ data }) => data)]);
      const headers = { 'content-type': 'application/octet-stream', [headerLength]: String(json.byteLength) };
      return readOutputs(await ok('/infer', { method: 'POST', headers, body }, call));
    },
    async metadata(call) {
      const { body } = await ok('', { method: 'GET' }, call);
      return metadataOf(parsed(body) as Parameters<typeof metadataOf>[0]);
    },
    async ready(call) {
      const answer = await send('/ready', { method: 'GET' }, call);
      if (answer.status !== 200 && answer.status !== 503) throw failure(answer);
      return answer.status === 200;
    },
    close: () => agent.close(),
  };
}

const connectOptions = ({ ca, certificate, key, serverName }: ClientTls) => ({
  ...(ca !== undefined && { ca }),
  ...(certificate !== undefined && { cert: certificate }),
  ...(key !== undefined && { key }),
  ...(serverName !== undefined && { servername: serverName }),
});

function readOutputs({ headers, body }: Answer): RawTensor[] {
  const length = headers[headerLength];
  const jsonLength = length === undefined ? body.byteLength : Number(length);
  const { outputs } = parsed(body.subarray(0, jsonLength)) as {
    outputs: (OipTensor & { parameters?: { binary_data_size?: number }; data?: TensorElements })[];
  };
  let offset = jsonLength;
  return outputs.map(({ name, datatype, shape, parameters, data }) => {
    if (!isDataType(datatype)) {
      throw new ModelClientError(
        'ProtocolError',
        `the output ${name} is none of ${Object.keys(elementSize).join(', ')}`,
      );
    }
    const size = parameters?.binary_data_size;
    if (size === undefined) return { name, dataType: datatype, shape, data: encodeTensor(datatype, data ?? []) };
    if (offset + size > body.byteLength) throw new ModelClientError('ProtocolError', `the output ${name} was cut`);
    offset += size;
    return { name, dataType: datatype, shape, data: body.subarray(offset - size, offset) };
  });
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw new ModelClientError('ProtocolError', 'the answer is not JSON', { cause: error });
  }
}

/** Only a refused connection and the statuses that say so are certain to have begun nothing. */
function unanswered(error: unknown, url: string): Error {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const failed = new ModelClientError('Unavailable', `no answer from ${new URL(url).host} (${code})`, { cause: error });
  return code === 'ECONNREFUSED' ? new Refused(failed) : failed;
}

function failure({ status, headers, body }: Answer): Error {
  const code = codes[status] ?? (status < 500 ? 'InvalidArgument' : 'ServerError');
  const error = new ModelClientError(code, messageIn(body) ?? `the server answered ${status}`, { status });
  const seconds = Number(headers['retry-after']);
  const retryAfterMs = seconds >= 0 ? seconds * 1000 : undefined;
  // A 503 without Retry-After may come from a model that died under the request.
  return status === 429 || (status === 503 && retryAfterMs !== undefined) ? new Refused(error, retryAfterMs) : error;
}

function messageIn(body: Buffer): string | undefined {
  try {
    const { error } = JSON.parse(body.toString()) as { error?: unknown };
    return typeof error === 'string' ? error : undefined;
  } catch {
    return undefined;
  }
}

function mediaType(image: Uint8Array): string {
  if (image[0] === 0xff && image[1] === 0xd8) return 'image/jpeg';
  if (image[0] === 0x89 && image[1] === 0x50 && image[2] === 0x4e && image[3] === 0x47) return 'image/png';
  throw new ModelClientError('InvalidArgument', 'the image is neither a JPEG nor a PNG');
}
