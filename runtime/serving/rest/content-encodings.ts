import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { promisify } from 'node:util';
import { createGunzip, createInflate, deflate, gzip } from 'node:zlib';
import { RequestError } from '../../errors.ts';

/** By name, as Content-Encoding and Accept-Encoding have them. */
const encodings = {
  gzip: { decompress: () => createGunzip(), compress: promisify(gzip) },
  deflate: { decompress: () => createInflate(), compress: promisify(deflate) },
} as const;

type Encoding = keyof typeof encodings;

const isEncoding = (name: string): name is Encoding => Object.hasOwn(encodings, name);

/** Smaller answers gain nothing by it. */
const minCompressedBytes = 1024;

/**
 * Bodies that clients compressed are read, within the limit of a body that is not; answers are compressed where the client
 * asks for it by an Accept-Encoding that names nothing else, as Triton's clients do.
 */
export function addContentEncodings(app: FastifyInstance): void {
  app.addHook('preParsing', (request, reply, payload, done) => {
    const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
    if (encoding === 'identity' || !hasBody(request.headers)) {
      done(null, payload);
      return;
    }
    if (!isEncoding(encoding)) {
      const known = Object.keys(encodings).join(' or ');
      done(new RequestError('UnsupportedMediaType', `Content-Encoding: must be ${known}`));
      return;
    }
    const decompressor = Object.assign(encodings[encoding].decompress(), { receivedEncodedLength: 0 });
    // What fastify compares with the announced length, which is the compressed one.
    payload.on('data', (chunk: Buffer) => (decompressor.receivedEncodedLength += chunk.byteLength));
    payload.once('error', (error) => decompressor.destroy(error));
    // An error after the body was given up has no other listener, and without one it ends the process.
    decompressor.on('error', () => payload.unpipe(decompressor));
    reply.raw.once('close', () => decompressor.destroy());
    payload.pipe(decompressor);
    done(null, decompressor);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const wanted = request.headers['accept-encoding']?.trim().toLowerCase() ?? '';
    if (!isEncoding(wanted) || !isLarge(payload)) return payload;
    void reply.header('content-encoding', wanted).removeHeader('content-length');
    return encodings[wanted].compress(payload);
  });
}

const hasBody = (headers: IncomingHttpHeaders): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

const isLarge = (payload: unknown): payload is string | Buffer =>
  (typeof payload === 'string' || Buffer.isBuffer(payload)) && payload.length >= minCompressedBytes;
