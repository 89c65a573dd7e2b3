/** `node bench/serving/echo.ts HTTP_PORT GRPC_PORT`: the stacks of our fronts, with nothing behind them but the request itself. */
import { Server, ServerCredentials } from '@grpc/grpc-js';
import fastify from 'fastify';
import { inferPath } from './requests.ts';

const host = '127.0.0.1';
const [http = '', grpc = ''] = process.argv.slice(2);

const rest = fastify();
rest.removeAllContentTypeParsers();
rest.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
rest.post('/*', (request, reply) => reply.type(request.headers['content-type'] ?? '').send(request.body));
await rest.listen({ host, port: Number(http) });

const identity = (bytes: Buffer): Buffer => bytes;
const server = new Server();
server.register<Buffer, Buffer>(
  inferPath,
  (call: { request: Buffer }, callback: (error: null, message: Buffer) => void) => callback(null, call.request),
  identity,
  identity,
  'unary',
);
server.bindAsync(`${host}:${grpc}`, ServerCredentials.createInsecure(), (error) => {
  if (error) throw error;
});
