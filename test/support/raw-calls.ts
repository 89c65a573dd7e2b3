import { connect as connectHttp2, type ClientHttp2Session, type SecureClientSessionOptions } from 'node:http2';
import { request as plainRequest, type IncomingHttpHeaders, type RequestOptions } from 'node:http';
import { request as secureRequest } from 'node:https';
import { ports } from '../../runtime/contract.ts';
import { messagePrefix } from '../../runtime/serving/grpc/framing.ts';

/** Headers in their order, also several of a name, with values that no usual client sends. */
export type RawHeaders = readonly (readonly [name: string, value: string])[];

/** How to connect; absent: in the clear. */
export type ClientTls = Pick<
  SecureClientSessionOptions,
  'ca' | 'cert' | 'key' | 'minVersion' | 'maxVersion' | 'servername' | 'ciphers'
>;

export interface RestAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/**
 * One REST call of a connection of its own. Rejects where no answer comes.
 *
 * @param announcedBytes of a body that never comes
 */
export function restCall(
  host: string,
  headers: RawHeaders = [],
  {
    path = '/v2/models/model',
    tls,
    method = 'GET',
    port = ports.http,
    announcedBytes,
  }: { path?: string; tls?: ClientTls; method?: string; port?: number; announcedBytes?: number } = {},
): Promise<RestAnswer> {
  return new Promise((resolve, reject) => {
    const announced = announcedBytes === undefined ? [] : ['content-length', String(announcedBytes)];
    const options: RequestOptions = {
      host,
      port,
      path,
      method,
      agent: false,
      headers: ['host', 'model', ...headers.flat(), ...announced],
    };
    const call = tls ? secureRequest({ ...options, ...tls }) : plainRequest(options);
    call.on('error', reject).on('response', (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('error', reject).on('data', (text: string) => (body += text));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        call.destroy();
      });
    });
    if (announcedBytes === undefined) call.end();
    else call.flushHeaders();
  });
}

export interface GrpcEnd {
  status: number;
  message: string;
}

/** ModelMetadataRequest and others whose first field is the model's name. */
const modelName = Buffer.from([0x0a, 5, ...Buffer.from('model')]);

/**
 * One gRPC call of a connection of its own. Rejects where no answer comes.
 *
 * @param says false: the call's message never comes
 */
export async function grpcCall(
  host: string,
  headers: RawHeaders = [],
  {
    path = '/inference.GRPCInferenceService/ModelMetadata',
    tls,
    says = true,
  }: { path?: string; tls?: ClientTls; says?: boolean } = {},
): Promise<GrpcEnd> {
  // The types do not know the option that lets a header come twice.
  const options: SecureClientSessionOptions = Object.assign({ ...tls }, { strictSingleValueFields: false });
  const session: ClientHttp2Session = connectHttp2(`${tls ? 'https' : 'http'}://${host}:${ports.grpc}`, options);
  try {
    return await new Promise<GrpcEnd>((resolve, reject) => {
      const failed = new Error('the connection ended without an answer');
      session.on('error', reject).on('close', () => reject(failed));
      const pseudo = [':method', 'POST', ':path', path, ':scheme', 'http', ':authority', host];
      const stream = session.request([
        ...pseudo,
        'content-type',
        'application/grpc',
        'te',
        'trailers',
        ...headers.flat(),
      ]);
      const end = (given: IncomingHttpHeaders): void => {
        if (given['grpc-status'] === undefined) return;
        resolve({ status: Number(given['grpc-status']), message: String(given['grpc-message'] ?? '') });
      };
      stream
        .on('response', end)
        .on('trailers', end)
        .on('error', reject)
        .on('close', () => reject(failed))
        .resume();
      if (says) stream.end(Buffer.concat([messagePrefix([modelName]), modelName]));
    });
  } finally {
    session.destroy();
  }
}
