import { randomUUID } from 'node:crypto';
import Fastify, {
  LogController,
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { Log } from '../../lib/log.ts';
import { RequestError, invalid, type RequestErrorCode } from '../errors.ts';
import { limits } from './limits.ts';
import { requestIdOf } from './request-id.ts';
import { parseRestRequest, restAnswer } from './rest-codec.ts';
import type { ServedModel } from './served-model.ts';
import { checkReference, modelMetadata, serverMetadata } from './metadata.ts';
import type { ServingMetrics } from './serving-metrics.ts';

export interface RestOptions {
  model: ServedModel;
  metrics: ServingMetrics;
  now: () => number;
  log: Log;
  /** True once the pod was told to stop: every answer then asks the client to reconnect, which leads it elsewhere. */
  isDraining: () => boolean;
}

const statusOf: Readonly<Record<RequestErrorCode, number>> = {
  InvalidArgument: 400,
  NotFound: 404,
  MethodNotAllowed: 405,
  TooLarge: 413,
  UnsupportedMediaType: 415,
  QueueFull: 429,
  Cancelled: 499,
  ModelFailed: 500,
  NotReady: 503,
  ModelCrashed: 503,
  DeadlineExceeded: 504,
};

interface ModelParams {
  model: string;
  version?: string;
}
type ModelRequest = FastifyRequest<{ Params: ModelParams }>;

/** The Open Inference Protocol over REST, and `predict` with the task's natural body. */
export function createRestServer({ model, metrics, now, log, isDraining }: RestOptions): FastifyInstance {
  const baseLog: FastifyBaseLogger = log;
  const app = Fastify({
    loggerInstance: baseLog,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    bodyLimit: limits.requestBytes,
    genReqId: (request) => requestIdOf(request.headers, randomUUID),
    // Longer than a client or an ingress keeps a connection, so that the client is the one who closes it.
    keepAliveTimeout: 75_000,
    requestTimeout: 120_000,
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100 },
    frameworkErrors: (error, _request, reply) => void sendError(reply, error),
    clientErrorHandler: (error, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return;
      const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
      const body = JSON.stringify({ error: 'not a valid HTTP request' });
      socket.end(
        `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler<FastifyError>((error, _request, reply) => sendError(reply, error));
  app.setNotFoundHandler((_request, reply) =>
    sendError(reply, new RequestError('NotFound', 'no such path; see GET /v2')),
  );
  app.addHook('onRequest', (request, reply, done) => {
    void reply.header('x-request-id', request.id);
    done();
  });
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isDraining()) void reply.header('connection', 'close');
    done();
  });

  const find = ({ model: name, version }: ModelParams): void => checkReference(model.name, name, version);

  /** Runs one inference request, counts it and logs it. */
  const infer = async (
    request: ModelRequest,
    reply: FastifyReply,
    work: (body: Buffer, signal: AbortSignal) => Promise<unknown>,
  ): Promise<unknown> => {
    const begin = now();
    const left = new AbortController();
    reply.raw.once('close', () => left.abort());
    let code = 'ok';
    try {
      find(request.params);
      return await work(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0), left.signal);
    } catch (error) {
      code = error instanceof RequestError ? error.code : 'Bug';
      throw error;
    } finally {
      const durationMs = now() - begin;
      metrics.requests.inc({ model: model.name, protocol: 'rest', code });
      metrics.duration.observe({ model: model.name, protocol: 'rest' }, durationMs / 1000);
      request.log.debug({ code, durationMs }, 'inference');
    }
  };

  app.get('/v2', () => serverMetadata);
  app.get('/v2/health/live', () => ({ live: true }));
  app.get('/v2/health/ready', (_request, reply) => {
    const ready = model.whyNotReady() === undefined && !isDraining();
    return reply.code(ready ? 200 : 503).send({ ready });
  });

  for (const path of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    app.get(path, (request: ModelRequest) => {
      find(request.params);
      const { inputs, outputs } = model.requireSignature();
      const described = (tensors: typeof inputs): object[] =>
        tensors.map(({ name, dataType, shape }) => ({ name, datatype: dataType, shape }));
      return {
        name: model.name,
        ...modelMetadata,
        inputs: described(inputs),
        outputs: described(outputs),
      };
    });
    app.get(`${path}/ready`, (request: ModelRequest, reply) => {
      find(request.params);
      const ready = model.whyNotReady() === undefined && !isDraining();
      return reply.code(ready ? 200 : 503).send({ name: model.name, ready });
    });
    app.post(`${path}/infer`, (request: ModelRequest, reply) =>
      infer(request, reply, async (body, signal) => {
        const { outputs: known } = model.requireSignature();
        const parsed = parseRestRequest(body, header(request, 'inference-header-content-length'), known);
        const timeoutMs = parsed.timeoutMs ?? requestTimeoutMs(request);
        const outputs = await model.infer(parsed.inputs, parsed.outputs, { timeoutMs, signal });
        const answer = restAnswer(model.name, parsed.id, outputs, parsed.isBinary);
        if (answer.headerLength === undefined) return reply.type('application/json').send(answer.body);
        void reply.header('inference-header-content-length', answer.headerLength);
        return reply.type('application/octet-stream').send(answer.body);
      }),
    );
    app.post(`${path}/predict`, (request: ModelRequest, reply) =>
      infer(request, reply, async (body, signal) => {
        const signature = model.requireSignature();
        checkMediaType(request, model.task.bodyTypes);
        const inputs = model.task.toInputs(body, signature);
        const outputs = await model.infer(inputs, undefined, { timeoutMs: requestTimeoutMs(request), signal });
        const text = `{"model_name":${JSON.stringify(model.name)},"predictions":${model.task.toPredictions(outputs)}}`;
        return reply.type('application/json').send(text);
      }),
    );
  }
  return app;
}

function checkMediaType(request: FastifyRequest, allowed: readonly string[]): void {
  const given = header(request, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
  if (given === undefined || !allowed.includes(given)) {
    throw new RequestError('UnsupportedMediaType', `Content-Type: must be ${allowed.join(' or ')}`);
  }
}

function header(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === 'string' ? value : undefined;
}

/** The client's patience in whole or broken seconds. */
function requestTimeoutMs(request: FastifyRequest): number | undefined {
  const value = header(request, 'request-timeout');
  if (value === undefined) return undefined;
  const seconds = /^\d{1,9}(\.\d{1,6})?$/.test(value) ? Number(value) : 0;
  if (seconds <= 0) throw invalid('Request-Timeout: must be seconds above 0');
  return seconds * 1000;
}

/** Fastify's own errors by their codes; their messages may name internals, so ours replace them. */
const ofFastify: Readonly<Record<string, RequestError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: new RequestError('TooLarge', `body: at most ${limits.requestBytes} bytes are allowed`),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: new RequestError('InvalidArgument', 'Content-Length: does not match the body'),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: new RequestError('UnsupportedMediaType', 'Content-Type: not a media type'),
  FST_ERR_BAD_URL: new RequestError('InvalidArgument', 'the path is not a valid URL'),
  FST_ERR_MAX_PARAM_LENGTH: new RequestError('NotFound', 'no such path; see GET /v2'),
};

function sendError(reply: FastifyReply, error: Error & { code?: string; statusCode?: number }): FastifyReply {
  const known = error instanceof RequestError ? error : ofFastify[error.code ?? ''];
  if (known) {
    // Fastify would close the connection under a client that still sends, which then sees no answer.
    if (known.code === 'TooLarge') void reply.removeHeader('connection');
    if (known.retryAfterSeconds !== undefined) void reply.header('retry-after', known.retryAfterSeconds);
    return reply.code(statusOf[known.code]).send({ error: known.message });
  }
  const status = error.statusCode ?? 500;
  if (status < 500) return reply.code(status).send({ error: 'the request cannot be read' });
  reply.log.error({ err: error }, 'a bug');
  return reply.code(500).send({ error: 'internal error; the log has more under this request id' });
}
