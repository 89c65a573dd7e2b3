import { randomUUID } from 'node:crypto';
import { on } from 'node:events';
import {
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import type { Log } from '../../../lib/log.ts';
import { invalid, RequestError } from '../../errors.ts';
import type { Access, Authorize, Caller } from '../access/access.ts';
import { requestIdOf } from '../request-id.ts';
import { acceptedEncodings, decompressed, MessageDecoder, messagePrefix, type WireMessage } from './framing.ts';
import { GrpcSessions } from './sessions.ts';
import { failureTrailers, okTrailers, type Trailers } from './status.ts';

/** gRPC on Node's own HTTP/2. ADR 18 says why not by a library, with what was measured. */

/** What a method is told of its call beside the message. */
export interface GrpcCall {
  /** When the client gives up, in milliseconds since the epoch; Infinity where it does not say. */
  readonly deadline: number;
  /** Aborted when the client left before its answer. */
  readonly signal: AbortSignal;
  /** Aborted when the connection is to close: what was read is answered, and whoever only waits ends. */
  readonly closing: AbortSignal;
  readonly log: Log;
  readonly requestId: string;
  readonly headers: IncomingHttpHeaders;
  /** Undefined once the connection is gone. */
  readonly clientAddress: () => string | undefined;
  /** Undefined where nobody has to say who calls. */
  readonly caller: Caller | undefined;
}

/** A message in parts, which are sent one behind the other without being copied together. */
export type GrpcAnswer = readonly Uint8Array[];

export type UnaryMethod = (request: Buffer, call: GrpcCall) => GrpcAnswer | Promise<GrpcAnswer>;

/** Answers as many messages with as many as it likes; the call ends when it returns. `send` resolves when more may be sent. */
export type StreamMethod = (
  requests: AsyncIterable<Buffer>,
  call: GrpcCall,
  send: (answer: GrpcAnswer) => Promise<void>,
) => Promise<void>;

export interface GrpcMethods {
  /** By path, such as /package.Service/Method. */
  unary: Readonly<Record<string, UnaryMethod>>;
  streams: Readonly<Record<string, StreamMethod>>;
}

export interface GrpcServerOptions {
  methods: GrpcMethods;
  /** Absent: anybody may call, in the clear. */
  access?: Pick<Access, 'authorize' | 'tls'>;
  /** Paths of methods that anybody may call. */
  openPaths?: readonly string[];
  host: string;
  port: number;
  maxRequestBytes: number;
  /** A connection older than this is asked to move on, so that new pods get their share of the load. */
  maxConnectionAgeMs: number;
  /** How long a connection that must go may finish its requests. */
  graceMs: number;
  /** Milliseconds since the epoch. */
  now: () => number;
  random: () => number;
  log: Log;
}

export interface GrpcServer {
  port: number;
  /** Asks clients to connect again, while everything goes on being answered. */
  sayGoAway(): void;
  /** Resolves when every request is answered, or `graceMs` passed. */
  close(): Promise<void>;
}

/** Node's default of 64 KiB lets one tensor wait for many round trips: 1 MiB measured two to four times faster. */
const windowBytes = 1024 * 1024;

/** Of a message of somebody who does not say who calls, where the others have to. */
const openBytes = 4096;

/** Up to here the parts of an answer are copied together: one write costs less than several. */
const joinedBytes = 16 * 1024;

/** Resolves when it listens. */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { host, port, log } = options;
  const server = createHttp2Server(options);
  const sessions = new GrpcSessions(options);
  server.on('session', (session) => {
    session.setLocalWindowSize(windowBytes);
    sessions.add(session);
  });
  server.on('sessionError', (error) => log.debug({ err: error }, 'a gRPC connection failed'));
  server.on('connection', (socket: Socket) => sessions.addSocket(socket));
  server.on('stream', (stream, headers, _flags, rawHeaders) =>
    answer(stream, { headers, rawHeaders, closing: sessions.closing(stream.session) }, options),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    await sessions.close();
    await closed;
  };
  return { port: (server.address() as AddressInfo).port, sayGoAway: () => sessions.sayGoAway(), close };
}

function createHttp2Server({ access, log }: GrpcServerOptions): Http2Server {
  const options: ServerOptions = {
    settings: { initialWindowSize: windowBytes, maxConcurrentStreams: 1_000 },
    // Its default of 10 MB refuses streams while large answers leave; what is kept is bounded by requests and queue.
    maxSessionMemory: Number.MAX_SAFE_INTEGER,
  };
  const tls = access?.tls;
  if (!tls) return createServer(options);
  const server = createSecureServer({ ...options, ...tls.options });
  server.on('tlsClientError', (error) => log.debug({ err: error }, 'a TLS handshake failed'));
  tls.secure(server);
  return server;
}

interface Begun {
  headers: IncomingHttpHeaders;
  /** Names and values in turn, as they came. */
  rawHeaders: readonly string[];
  closing: AbortSignal;
}

function answer(stream: ServerHttp2Stream, { headers, rawHeaders, closing }: Begun, options: GrpcServerOptions): void {
  const { methods, now, log } = options;
  stream.on('error', (error) => log.debug({ err: error }, 'a gRPC stream failed'));
  const type = headers['content-type'];
  if (headers[':method'] !== 'POST' || !/^application\/grpc(?:$|[+;])/.test(type ?? '')) {
    stream.respond({ ':status': 415 }, { endStream: true });
    return;
  }
  const requestId = requestIdOf(headers, randomUUID);
  const left = new AbortController();
  const responder = new Responder(stream, { 'content-type': type, 'x-request-id': requestId });
  const requestLog = log.child({ requestId });
  stream.once('close', () => {
    // To abort costs a stack trace.
    if (!responder.isEnded) left.abort();
  });
  const fail = (error: unknown): void => {
    if (!left.signal.aborted) responder.end(failureTrailers(error, requestLog));
  };
  const begin = (path: string, caller: Caller | undefined, maxBytes: number): void => {
    if (stream.destroyed || left.signal.aborted) return;
    const call: GrpcCall = {
      deadline: deadlineOf(headers, now),
      signal: left.signal,
      closing,
      log: requestLog,
      requestId,
      headers,
      clientAddress: () => stream.session?.socket.remoteAddress,
      caller,
    };
    const [unary, streamed] = [own(methods.unary, path), own(methods.streams, path)];
    const source: Source = { stream, encoding: text(headers['grpc-encoding']), maxBytes };
    if (unary) answerUnary(source, unary, call, responder, fail);
    else if (streamed) answerStream(source, streamed, call, responder, now).catch(fail);
    else throw new RequestError('MethodNotAllowed', `there is no method ${path.slice(0, 200)}`);
  };
  try {
    const path = String(headers[':path']);
    const { access, openPaths, maxRequestBytes } = options;
    if (!access?.authorize) begin(path, undefined, maxRequestBytes);
    else if (openPaths?.includes(path)) begin(path, undefined, Math.min(openBytes, maxRequestBytes));
    else
      authorized(access.authorize, rawHeaders)
        .then((caller) => begin(path, caller, maxRequestBytes))
        .catch(fail);
  } catch (error) {
    fail(error);
  }
}

/** Nothing of the message is read meanwhile. */
const authorized = async (authorize: Authorize, rawHeaders: readonly string[]): Promise<Caller> =>
  authorize(rawHeaders);

interface Source {
  stream: ServerHttp2Stream;
  encoding: string | undefined;
  maxBytes: number;
}

function answerUnary(
  { stream, encoding, maxBytes }: Source,
  method: UnaryMethod,
  call: GrpcCall,
  responder: Responder,
  fail: (error: unknown) => void,
): void {
  const decoder = new MessageDecoder(maxBytes);
  let message: WireMessage | undefined;
  stream.on('data', (chunk: Buffer) => {
    try {
      for (const found of decoder.push(chunk)) {
        if (message) throw invalid('the method takes one message; the call has more');
        message = found;
      }
    } catch (error) {
      stream.removeAllListeners('data').removeAllListeners('end').resume();
      fail(error);
    }
  });
  const run = async (request: WireMessage): Promise<void> => {
    const data = request.isCompressed ? await decompressed(request, encoding, maxBytes) : request.data;
    responder.endWith(await method(data, call));
  };
  stream.on('end', () => {
    if (message && !decoder.isWithinMessage) run(message).catch(fail);
    else fail(invalid('the call ends before its message does'));
  });
}

async function answerStream(
  { stream, encoding, maxBytes }: Source,
  method: StreamMethod,
  call: GrpcCall,
  responder: Responder,
  now: () => number,
): Promise<void> {
  const requests = async function* (): AsyncGenerator<Buffer> {
    const decoder = new MessageDecoder(maxBytes);
    for await (const chunk of chunksOf(stream, call.closing)) {
      for (const message of decoder.push(chunk)) yield await decompressed(message, encoding, maxBytes);
    }
    if (decoder.isWithinMessage && !call.closing.aborted) throw invalid('the call ends within a message');
  };
  const over = new AbortController();
  const late = afterDeadline(call.deadline - now(), over.signal);
  try {
    const done = method(requests(), call, (message) => responder.send(message));
    await Promise.race([done, late]);
    // What the client said and nobody read it may say again, elsewhere.
    if (call.closing.aborted && !stream.readableEnded)
      throw new RequestError('NotReady', 'the connection is closing; call again');
    responder.end(okTrailers);
  } finally {
    over.abort();
  }
}

/** Until the client has said all, or the signal. */
async function* chunksOf(stream: ServerHttp2Stream, signal: AbortSignal): AsyncGenerator<Buffer> {
  const close = ['end', 'close'];
  try {
    for await (const [chunk] of on(stream, 'data', { close, signal, highWaterMark: 4, lowWaterMark: 1 })) yield chunk;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Rejects with RequestError `DeadlineExceeded` after so long, unless it is called off. */
function afterDeadline(milliseconds: number, over: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (milliseconds > longestTimerMs) return;
    const timer = setTimeout(
      () => reject(new RequestError('DeadlineExceeded', 'the deadline passed')),
      Math.max(0, milliseconds),
    );
    over.addEventListener('abort', () => clearTimeout(timer), { once: true });
  });
}

/** What a timer of Node can wait. */
const longestTimerMs = 2 ** 31 - 1;

/** The answering half of a stream. Whatever comes after its end, or after the client left, is dropped. */
class Responder {
  readonly #stream: ServerHttp2Stream;
  readonly #headers: Record<string, string | undefined>;
  #trailers: Trailers = okTrailers;
  #isEnded = false;

  constructor(stream: ServerHttp2Stream, headers: Record<string, string | undefined>) {
    this.#stream = stream;
    this.#headers = { ...headers, 'grpc-accept-encoding': acceptedEncodings };
  }

  /** Resolves when the client took so much that more may be sent. */
  async send(answer: GrpcAnswer): Promise<void> {
    if (this.#isOver()) return;
    this.#begin();
    if (this.#write(answer)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done).off('close', done);
        resolve();
      };
      this.#stream.on('drain', done).on('close', done);
    });
  }

  /** One message and the end. */
  endWith(answer: GrpcAnswer): void {
    if (this.#isOver()) return;
    this.#isEnded = true;
    this.#begin();
    this.#write(answer);
    this.#stream.end();
  }

  end(trailers: Trailers): void {
    if (this.#isOver()) return;
    this.#isEnded = true;
    this.#trailers = trailers;
    if (this.#stream.headersSent) {
      this.#stream.end();
      return;
    }
    this.#stream.respond({ ...this.#headers, ...trailers }, { endStream: true });
    // Nobody would read what a client goes on sending.
    if (!this.#stream.readableEnded) this.#stream.close(constants.NGHTTP2_NO_ERROR);
  }

  /** All that there is to say was said. Node ends a stream itself when its client leaves, so the stream cannot tell. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  #isOver(): boolean {
    return this.#stream.destroyed || this.#stream.closed || this.#stream.writableEnded || this.#isEnded;
  }

  #begin(): void {
    if (this.#stream.headersSent) return;
    this.#stream.once('wantTrailers', () => this.#stream.sendTrailers(this.#trailers));
    this.#stream.respond(this.#headers, { waitForTrailers: true });
  }

  #write(answer: GrpcAnswer): boolean {
    const parts = [messagePrefix(answer), ...answer];
    const bytes = parts.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (bytes <= joinedBytes) return this.#stream.write(Buffer.concat(parts, bytes));
    this.#stream.cork();
    for (const part of parts) if (part.byteLength > 0) this.#stream.write(part);
    this.#stream.uncork();
    return !this.#stream.writableNeedDrain;
  }
}

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/** From `grpc-timeout`, at most eight digits and a unit. */
function deadlineOf(headers: IncomingHttpHeaders, now: () => number): number {
  const given = text(headers['grpc-timeout']);
  if (given === undefined) return Infinity;
  const [, amount = '', unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(given) ?? [];
  const milliseconds = Number(amount) * (unitMs[unit] ?? NaN);
  if (Number.isNaN(milliseconds))
    throw invalid('grpc-timeout: must be at most eight digits and one of H, M, S, m, u, n');
  return now() + milliseconds;
}

const text = (value: string | string[] | undefined): string | undefined =>
  typeof value === 'string' ? value : undefined;

const own = <T>(methods: Readonly<Record<string, T>>, path: string): T | undefined =>
  Object.hasOwn(methods, path) ? methods[path] : undefined;
