/** `node bench/serving/echo.ts HTTP_PORT GRPC_PORT`: the stacks of our fronts, with nothing behind them but the request itself. */
import fastify, { type FastifyRequest } from 'fastify';
import { createLog } from '../../lib/log.ts';
import { startGrpcServer } from '../../runtime/serving/grpc/transport.ts';
import { limits } from '../../runtime/serving/limits.ts';
import { readBody, type Payload } from '../../runtime/serving/rest/request-body.ts';
import { inferPath } from './requests.ts';

const host = '127.0.0.1';
const [http = '', grpc = ''] = process.argv.slice(2);

const rest = fastify();
rest.removeAllContentTypeParsers();
rest.addContentTypeParser('*', (request: FastifyRequest, payload: Payload) =>
  readBody(payload, request.headers['content-length']),
);
rest.post('/*', (request, reply) => reply.type(request.headers['content-type'] ?? '').send(request.body));
await rest.listen({ host, port: Number(http) });

await startGrpcServer({
  methods: { unary: { [inferPath]: (request) => [request] }, streams: {} },
  host,
  port: Number(grpc),
  maxRequestBytes: limits.requestBytes,
  maxConnectionAgeMs: limits.grpcConnectionAgeMs,
  graceMs: 1_000,
  now: Date.now,
  random: Math.random,
  log: createLog('echo', 'error'),
});
