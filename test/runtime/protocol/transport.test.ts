import { connect as connectHttp2, constants, type IncomingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { createLog } from '../../../lib/log.ts';
import type { Caller } from '../../../runtime/serving/access/access.ts';
import { messagePrefix } from '../../../runtime/serving/grpc/framing.ts';
import {
  startGrpcServer,
  type GrpcCall,
  type GrpcMethods,
  type GrpcServer,
  type GrpcServerOptions,
} from '../../../runtime/serving/grpc/transport.ts';
import { until } from '../../support/serving.ts';

const start = (methods: Partial<GrpcMethods>, options: Partial<GrpcServerOptions> = {}): Promise<GrpcServer> =>
  startGrpcServer({
    methods: { unary: {}, streams: {}, ...methods },
    host: '127.0.0.1',
    port: 0,
    maxRequestBytes: 1_000,
    maxConnectionAgeMs: 3_600_000,
    graceMs: 300,
    now: Date.now,
    random: Math.random,
    log: createLog('test', 'silent'),
    ...options,
  });

const headers = (path: string): Record<string, string> => ({
  ':method': 'POST',
  ':path': path,
  'content-type': 'application/grpc',
  te: 'trailers',
});

test('a call knows that its client left, by a reset and by a lost connection', async () => {
  const calls: GrpcCall[] = [];
  const wait = (call: GrpcCall): Promise<void> => {
    calls.push(call);
    return new Promise((resolve) => call.signal.addEventListener('abort', () => resolve()));
  };
  const server = await start({
    unary: { '/s/Unary': (_message, call) => wait(call).then(() => []) },
    streams: { '/s/Stream': (_requests, call) => wait(call) },
  });
  for (const leave of ['reset', 'connection']) {
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    const streams = ['/s/Unary', '/s/Stream'].map((path) => session.request(headers(path)));
    for (const stream of streams) stream.on('error', () => undefined).end(messagePrefix([]));
    const before = calls.length;
    await until(() => calls.length === before + 2);
    expect(calls.slice(before).map(({ signal }) => signal.aborted)).toEqual([false, false]);
    if (leave === 'reset') for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    else session.destroy();
    await until(() => calls.every(({ signal }) => signal.aborted));
    session.destroy();
  }
  await server.close();
});

test('a call that was answered is not told that its client left', async () => {
  const calls: GrpcCall[] = [];
  const server = await start({
    unary: {
      '/s/Unary': (_message, call) => {
        calls.push(call);
        return [Buffer.from('x')];
      },
    },
  });
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  const stream = session.request(headers('/s/Unary'));
  const closed = new Promise((resolve) => stream.on('close', resolve));
  stream.resume().end(messagePrefix([]));
  await closed;
  session.destroy();
  await sleep(50);
  expect(calls[0]?.signal.aborted).toBe(false);
  await server.close();
});

/** Lets everybody in, when it is told to. */
function slowAccess(): { access: NonNullable<GrpcServerOptions['access']>; asked: () => number; letIn: () => void } {
  const { promise, resolve } = Promise.withResolvers<Caller>();
  let asked = 0;
  const authorize = (): Promise<Caller> => {
    asked += 1;
    return promise;
  };
  return {
    access: { authorize, tls: undefined },
    asked: () => asked,
    letIn: () => resolve({ by: 'ApiKey', name: 'alice' }),
  };
}

test('a call whose client left before it was let in never begins', async () => {
  let begun = 0;
  const { access, asked, letIn } = slowAccess();
  const server = await start(
    {
      streams: {
        '/s/Stream': () => {
          begun += 1;
          return Promise.resolve();
        },
      },
    },
    { access },
  );
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  const [gone, there] = [session.request(headers('/s/Stream')), session.request(headers('/s/Stream'))];
  for (const stream of [gone, there]) stream.on('error', () => undefined).resume();
  await until(() => asked() === 2);
  gone.close(constants.NGHTTP2_CANCEL);
  await new Promise((resolve) => session.ping(resolve));
  letIn();
  await until(() => there.destroyed);
  expect(begun).toBe(1);
  session.destroy();
  await server.close();
});

test('who is not asked who calls may send little where the others are', async () => {
  const unary = { '/s/Open': () => [], '/s/Closed': () => [] };
  const { access, letIn } = slowAccess();
  letIn();
  const statusOf = async (path: string, bytes: number, options: Partial<GrpcServerOptions>): Promise<unknown> => {
    const server = await start({ unary }, { maxRequestBytes: 10_000, openPaths: ['/s/Open'], ...options });
    const session = connectHttp2(`http://127.0.0.1:${server.port}`);
    const stream = session.request(headers(path));
    const end = new Promise<IncomingHttpHeaders>((resolve) => {
      stream.on('response', (given) => given['grpc-status'] !== undefined && resolve(given)).on('trailers', resolve);
    });
    const message = Buffer.alloc(bytes);
    stream.on('error', () => undefined).resume();
    stream.end(Buffer.concat([messagePrefix([message]), message]));
    const status = (await end)['grpc-status'];
    session.destroy();
    await server.close();
    return status;
  };
  expect(await statusOf('/s/Open', 4_096, { access })).toBe('0');
  expect(await statusOf('/s/Open', 4_097, { access })).toBe('8');
  expect(await statusOf('/s/Closed', 4_097, { access })).toBe('0');
  expect(await statusOf('/s/Open', 4_097, {})).toBe('0');
});

test('a peer that does not close its side holds up the end for the grace alone', async () => {
  const server = await start({});
  const settings = Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
  ]);
  const silent = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  silent.on('error', () => undefined).on('data', () => undefined);
  await new Promise<void>((resolve) => silent.write(settings, () => resolve()));
  await sleep(100);
  const begin = performance.now();
  await server.close();
  expect(performance.now() - begin).toBeLessThan(5_000);
  silent.destroy();
});

test('a stream that is cut by the end of its server is told to call again, after what it asked was answered', async () => {
  const server = await start(
    {
      streams: {
        '/s/Echo': async (requests, _call, send) => {
          for await (const message of requests) await send([message]);
        },
      },
    },
    { graceMs: 5_000 },
  );
  const session = connectHttp2(`http://127.0.0.1:${server.port}`);
  const stream = session.request(headers('/s/Echo'));
  const trailers = new Promise<IncomingHttpHeaders>((resolve) => stream.on('trailers', resolve));
  let received = 0;
  stream.on('data', (chunk: Buffer) => (received += chunk.byteLength)).on('error', () => undefined);
  const message = Buffer.from('hello');
  stream.write(Buffer.concat([messagePrefix([message]), message]));
  await until(() => received === 10);
  const closed = server.close();
  expect(await trailers).toMatchObject({ 'grpc-status': '14' });
  session.destroy();
  await closed;
});
