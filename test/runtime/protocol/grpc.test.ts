import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client, credentials, type ClientDuplexStream, type ClientReadableStream } from '@grpc/grpc-js';
import { loadSync, type PackageDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import { messagePrefix } from '../../../runtime/serving/grpc/framing.ts';
import { grpcClient, type GrpcClient } from '../../support/inference-client.ts';
import { sumAndDifferenceModel } from '../../support/models.ts';
import { startServingProcess, until, type ServingProcess } from '../../support/serving.ts';

let serving: ServingProcess;
let grpc: GrpcClient;
let client: Client;

beforeAll(async () => {
  serving = startServingProcess({ files: { 'model.onnx': sumAndDifferenceModel() } });
  await serving.ready();
  grpc = grpcClient(serving.grpc);
  client = new Client(serving.grpc, credentials.createInsecure());
});
afterAll(async () => {
  grpc.close();
  client.close();
  await serving.stop();
});

const load = (file: string): PackageDefinition =>
  loadSync(fileURLToPath(new URL(`../../../runtime/proto/${file}`, import.meta.url)), {
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  });

function method(definitions: PackageDefinition, service: string, name: string) {
  const found = (definitions[service] as ServiceDefinition)[name];
  if (!found) throw new Error(`no ${name}`);
  return found;
}

function duplex(file: string, service: string, name: string): ClientDuplexStream<object, object> {
  const { path, requestSerialize, responseDeserialize } = method(load(file), service, name);
  return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
}

const request = (id: string, a: number[], rest: object = {}): object => ({
  model_name: 'model',
  id,
  inputs: ['a', 'b'].map((name) => ({
    name,
    datatype: 'FP32',
    shape: [1, a.length],
    contents: { fp32_contents: a },
  })),
  ...rest,
});

describe('what REST says of a model', () => {
  const rest = async (path: string, method = 'GET'): Promise<unknown> =>
    (await fetch(`${serving.url}${path}`, { method })).json();
  const numbers = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value), (_key, item: unknown) =>
      typeof item === 'string' && /^-?\d+$/.test(item) ? Number(item) : item,
    );

  test.each([
    ['ServerMetadata', '/v2', {}],
    ['ModelMetadata', '/v2/models/model', { name: 'model' }],
    ['ModelStatistics', '/v2/models/model/stats', { name: 'model' }],
    ['ModelStatistics', '/v2/models/stats', {}],
  ])('%s says too, as %s', async (name, path, message) => {
    expect(numbers(await grpc.call(name, message))).toMatchObject(numbers(await rest(path)) as object);
  });

  test('ModelConfig and RepositoryIndex say too', async () => {
    const { config } = await grpc.call<{ config: object }>('ModelConfig', { name: 'model' });
    expect(numbers(config)).toMatchObject({
      max_batch_size: 32,
      input: [{ name: 'a', dims: [2] }, { name: 'b' }],
      version_policy: { latest: { num_versions: 1 } },
    });
    expect(await grpc.call('RepositoryIndex', {})).toEqual({ models: await rest('/v2/repository/index', 'POST') });
  });

  test('a model that is not there is not found by any method', async () => {
    for (const name of ['ModelReady', 'ModelMetadata', 'ModelConfig', 'ModelStatistics'])
      await expect(grpc.call(name, { name: 'other' })).rejects.toMatchObject({ code: 5 });
  });
});

describe('streamed inference', () => {
  const open = (): ClientDuplexStream<object, object> =>
    duplex('open_inference.proto', 'inference.GRPCInferenceService', 'ModelStreamInfer');

  test('answers in the order of the requests, and a failed one does not end the stream', async () => {
    const stream = open();
    const answers: { error_message: string; infer_response: { id: string; outputs: object[] } }[] = [];
    stream.on('data', (answer: (typeof answers)[number]) => answers.push(answer));
    const ended = new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
    const count = 200;
    for (let index = 0; index < count; index++)
      stream.write(index % 10 === 3 ? request(String(index), [1]) : request(String(index), [index, 1]));
    stream.end();
    await ended;
    expect(answers.map(({ infer_response: { id } }) => id)).toEqual(
      Array.from({ length: count }, (_, index) => String(index)),
    );
    answers.forEach(({ error_message: message, infer_response: { outputs } }, index) => {
      if (index % 10 === 3) expect(message).toMatch(/^inputs\[0\]\.shape: /);
      else expect([message, outputs.length]).toEqual(['', 2]);
    });
  });

  test('answers one request while the client has not said its next', async () => {
    const stream = open();
    const answered = (): Promise<object> => new Promise((resolve) => stream.once('data', resolve));
    for (const id of ['1', '2']) {
      stream.write(request(id, [1, 2]));
      expect(await answered()).toMatchObject({ infer_response: { id } });
    }
    stream.cancel();
    stream.on('error', () => undefined);
  });
});

describe('the health service', () => {
  const health = (): PackageDefinition => load('health.proto');
  const check = (service: string): Promise<object> => {
    const { path, requestSerialize, responseDeserialize } = method(health(), 'grpc.health.v1.Health', 'Check');
    return new Promise((resolve, reject) =>
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, { service }, (error, answer) =>
        error ? reject(error) : resolve(answer ?? {}),
      ),
    );
  };

  test.each(['', 'inference.GRPCInferenceService', 'model'])('knows %p', async (service) => {
    expect(await check(service)).toEqual({ status: 'SERVING' });
  });

  test('does not know others', async () => {
    await expect(check('other')).rejects.toMatchObject({ code: 5 });
  });

  test('tells a watcher of the status and of its changes, and lets the server go', async () => {
    const own = startServingProcess({
      files: { 'model.onnx': sumAndDifferenceModel() },
      settings: { drainDelayMs: '1500' },
    });
    const watcher = new Client(own.grpc, credentials.createInsecure());
    try {
      await own.ready();
      const { path, requestSerialize, responseDeserialize } = method(health(), 'grpc.health.v1.Health', 'Watch');
      const watch = (service: string): ClientReadableStream<object> =>
        watcher.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { service });
      const seen: unknown[] = [];
      const unknown: unknown[] = [];
      watch('')
        .on('data', (answer: { status: string }) => seen.push(answer.status))
        .on('error', () => undefined);
      watch('other')
        .on('data', (answer: { status: string }) => unknown.push(answer.status))
        .on('error', () => undefined);
      await until(() => seen.length === 1 && unknown.length === 1);
      const begin = performance.now();
      expect(await own.stop()).toBe(0);
      expect(performance.now() - begin).toBeLessThan(15_000);
      expect(seen).toEqual(['SERVING', 'NOT_SERVING']);
      expect(unknown).toEqual(['SERVICE_UNKNOWN']);
    } finally {
      watcher.close();
    }
  });
});

describe('reflection', () => {
  interface Answer {
    list_services_response?: { service: { name: string }[] };
    file_descriptor_response?: { file_descriptor_proto: Buffer[] };
    error_response?: { error_code: number };
  }
  async function ask(questions: object[]): Promise<Answer[]> {
    const stream = duplex('reflection.proto', 'grpc.reflection.v1.ServerReflection', 'ServerReflectionInfo');
    const answers: Answer[] = [];
    const ended = new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
    stream.on('data', (answer: Answer) => answers.push(answer));
    for (const question of questions) stream.write(question);
    stream.end();
    await ended;
    return answers;
  }

  test('lists the services, and describes a type with the files that it needs', async () => {
    const [services, byType, byMethod, byName] = await ask([
      { list_services: '*' },
      { file_containing_symbol: 'inference.ModelInferRequest' },
      { file_containing_symbol: 'inference.GRPCInferenceService.ModelInfer' },
      { file_by_filename: 'model_config.proto' },
    ]);
    expect(services?.list_services_response?.service.map(({ name }) => name).sort()).toEqual([
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'inference.GRPCInferenceService',
    ]);
    expect(byType?.file_descriptor_response?.file_descriptor_proto).toHaveLength(2);
    expect(byMethod?.file_descriptor_response).toEqual(byType?.file_descriptor_response);
    expect(byName?.file_descriptor_response?.file_descriptor_proto).toHaveLength(1);
  });

  test('says what it does not know', async () => {
    const answers = await ask([{ file_containing_symbol: 'no.Such' }, { file_by_filename: 'no.proto' }, {}]);
    expect(answers.map(({ error_response: error }) => error?.error_code)).toEqual([5, 5, 3]);
  });
});

describe('a call that is not as gRPC has it', () => {
  let session: ClientHttp2Session;
  beforeAll(() => {
    session = connect(`http://${serving.grpc}`);
  });
  afterAll(() => session.close());

  const path = '/inference.GRPCInferenceService/ServerLive';
  const message = messagePrefix([]);
  const framed = (bytes: Buffer): Buffer => Buffer.concat([messagePrefix([bytes]), bytes]);

  async function send(headers: Record<string, string>, body: Uint8Array): Promise<IncomingHttpHeaders> {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    });
    return new Promise((resolve, reject) => {
      let answer: IncomingHttpHeaders = {};
      stream.on('response', (received) => (answer = { ...answer, ...received }));
      stream.on('trailers', (received: IncomingHttpHeaders) => (answer = { ...answer, ...received }));
      stream.on('close', () => resolve(answer)).on('error', reject);
      stream.resume().end(body);
    });
  }

  test('is answered all the same where it is', async () => {
    expect(await send({}, message)).toMatchObject({
      ':status': 200,
      'grpc-status': '0',
      'grpc-accept-encoding': 'identity,gzip,deflate',
    });
    const compressed = gzipSync(Buffer.alloc(0));
    const prefix = Buffer.from([1, 0, 0, 0, compressed.byteLength]);
    const answer = await send({ 'grpc-encoding': 'gzip' }, Buffer.concat([prefix, compressed]));
    expect(answer['grpc-status']).toBe('0');
  });

  test.each([
    ['an unknown method', { ':path': '/inference.GRPCInferenceService/Nothing' }, message, '12', /no method/],
    ['no message', {}, Buffer.alloc(0), '3', /ends before its message/],
    ['half a message', {}, Buffer.from([0, 0, 0, 0, 9, 1]), '3', /ends before its message/],
    ['two messages', {}, Buffer.concat([message, message]), '3', /takes one message/],
    ['another protocol', {}, Buffer.from('hello, are you there?'), '3', /does not begin/],
    ['a message of 4 GiB', {}, Buffer.from([0, 255, 255, 255, 255]), '8', /larger than/],
    [
      'an unknown compression',
      { 'grpc-encoding': 'zstd' },
      Buffer.from([1, 0, 0, 0, 1, 1]),
      '12',
      /identity,gzip,deflate/,
    ],
    ['a broken compression', { 'grpc-encoding': 'gzip' }, Buffer.from([1, 0, 0, 0, 1, 1]), '3', /not compressed/],
    ['a deadline of no unit', { 'grpc-timeout': '10' }, message, '3', /grpc-timeout/],
    ['no protobuf', {}, Buffer.from([0, 0, 0, 0, 1, 0xff]), '3', /not valid protobuf/],
    [
      'a message of a million fields',
      {},
      framed(Buffer.alloc(2_000_000, Buffer.from([0x78, 1]))),
      '8',
      /larger than the 65536/,
    ],
  ])('%s is refused', async (_, headers, body, status, text) => {
    const answer = await send(headers, body);
    expect(answer[':status']).toBe(200);
    expect(answer['grpc-status']).toBe(status);
    expect(answer['grpc-message']).toMatch(text);
  });

  test('a client that has not said all is told to stop where it was refused', async () => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const answered = new Promise<IncomingHttpHeaders>((resolve) => stream.on('response', resolve));
    const closed = new Promise((resolve) => stream.on('close', resolve));
    stream.resume().write(Buffer.from([0, 255, 255, 255, 255, 1, 2, 3]));
    expect((await answered)['grpc-status']).toBe('8');
    await closed;
    expect(stream.rstCode).toBe(0);
  });

  test('another media type gets an answer of HTTP', async () => {
    expect(await send({ 'content-type': 'application/json' }, message)).toMatchObject({ ':status': 415 });
  });

  test('the connection outlives all of it', async () => {
    expect(await send({}, message)).toMatchObject({ 'grpc-status': '0' });
  });
});
