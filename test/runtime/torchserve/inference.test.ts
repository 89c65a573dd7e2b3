import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import { ports } from '../../../runtime/contract.ts';
import { initializer, onnxModel } from '../../support/onnx-builder.ts';
import { restCall } from '../../support/raw-calls.ts';
import { startServingProcess, until } from '../../support/serving.ts';
import { tokenModel, wordTokenizer } from '../../support/text-models.ts';
import { failure, startLaptop, tokens, type Answer, type CallOptions, type World } from './world.ts';

const input = { a: [[1, 2]], b: [[3, 5]] };
const answer = { sum: [[4, 7]], difference: [[-2, -3]] };

describe('the port for TorchServe', () => {
  let world: World;
  beforeAll(async () => {
    world = startLaptop();
    await world.ready();
  });
  afterAll(() => world.stop());

  const predict = (
    body: string | Uint8Array,
    options: CallOptions = {},
    path = '/predictions/model',
  ): Promise<Answer> => world.call('POST', path, { token: 'inference', body, ...options });

  test('says that it is healthy', async () => {
    const { status, json, headers } = await world.call('GET', '/ping', { token: 'inference' });
    expect([status, json]).toEqual([200, { status: 'Healthy' }]);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(headers['x-request-id']).toMatch(/^[-0-9a-f]{36}$/);
  });

  test('describes its calls to everybody', async () => {
    const { status, json } = await world.call('OPTIONS', '/');
    expect(status).toBe(200);
    expect(json).toMatchObject({ openapi: '3.0.1', paths: { '/predictions/{model_name}': { post: {} } } });
    expect((await world.call('GET', '/api-description')).json).toEqual(json);
  });

  test('reads no body of those whom it does not know', async () => {
    const statusOf = async (method: string, path: string, announcedBytes: number): Promise<number> =>
      (await restCall(world.host, [], { port: ports.torchServe, method, path, announcedBytes })).status;
    for (const path of ['/', '/nowhere', '/api-description', '/predictions/model', '/models'])
      expect(await statusOf('POST', path, 10)).toBe(400);
    expect(await statusOf('OPTIONS', '/', 1_025)).toBe(413);
  });

  test.each(['/predictions/model', '/predictions/model/1.0', '/predictions/model/1'])(
    'predicts at %s, by POST and by PUT',
    async (path) => {
      const json = JSON.stringify(input);
      const posted = await predict(json, { headers: { 'content-type': 'application/json' } }, path);
      expect([posted.status, Object.keys(posted.json as object)]).toEqual([200, Object.keys(answer)]);
      const put = await world.call('PUT', path, { token: 'inference', body: json });
      expect(put.json).toEqual(posted.json);
    },
  );

  test.each([
    ['/predictions/none', 404, 'ModelNotFoundException'],
    ['/predictions/model/9.9', 404, 'ModelVersionNotFoundException'],
    ['/predictions', 404, 'ResourceNotFoundException'],
    ['/explanations/none', 404, 'ModelNotFoundException'],
  ])('has nothing at %s', async (path, status, type) => {
    expect((await predict('{}', {}, path)).json).toEqual(failure(status, type));
  });

  test.each([
    ['no JSON', '{bad', 'not valid JSON'],
    ['no object', '3', 'the model has 2 inputs'],
    ['an unknown input', '{"c":[1]}', 'the model has no input "c"'],
    ['no body', '', 'not valid JSON'],
  ])('refuses %s and says why', async (_what, body, message) => {
    const { status, json } = await predict(body);
    expect([status, json]).toEqual([400, failure(400, 'BadRequestException')]);
    expect((json as { message: string }).message).toContain(message);
  });

  test('takes another method for a mistake', async () => {
    const { json, headers } = await world.call('DELETE', '/predictions/model', { token: 'inference' });
    expect(json).toEqual(failure(405, 'MethodNotAllowedException'));
    expect(headers.allow).toBe('POST, PUT');
  });

  test('explains what version 1 of the protocol explains', async () => {
    const { status, json } = await predict('{"instances":[]}', {}, '/explanations/model');
    expect([status, json]).toEqual([400, failure(400, 'BadRequestException')]);
  });

  test.each<[string, CallOptions, string]>([
    ['without a token', {}, '/ping'],
    ['with a wrong one', { headers: { authorization: 'Bearer wrong' } }, '/ping'],
    ['with another scheme', { headers: { authorization: `Basic ${tokens.inference}` } }, '/ping'],
    [
      'with the scheme in lower case, as TorchServe',
      { headers: { authorization: `bearer ${tokens.inference}` } },
      '/ping',
    ],
    ['with the token alone', { headers: { authorization: tokens.inference } }, '/ping'],
    ['with the token of management', { token: 'management' }, '/ping'],
    ['with the token of inference', { token: 'inference' }, '/models'],
    ['without a token, at a path that is not there', {}, '/nothing'],
  ])('lets nobody in %s', async (_how, options, path) => {
    const { status, json } = await world.call('GET', path, options);
    expect([status, json]).toEqual([400, failure(400, 'InvalidKeyException')]);
  });

  test('lets nobody in with two tokens, one of which is right', async () => {
    const right = `Bearer ${tokens.inference}`;
    for (const authorization of [
      [right, 'Bearer wrong'],
      ['Bearer wrong', right],
    ])
      expect((await world.call('GET', '/ping', { headers: { authorization } })).status).toBe(400);
  });

  test('takes renewed tokens without a restart, also by their digest, and drops the old ones', async () => {
    const file = join(world.tokenFolder, 'inference');
    const ping = async (token: string): Promise<number> =>
      (await world.call('GET', '/ping', { headers: { authorization: `Bearer ${token}` } })).status;
    // printf %s renewed | sha256sum
    writeFileSync(file, 'sha256:b50946a2af60a94cb1c8546d31bd44be5b3991a5591b336f2e7bb26a30df9baa\n');
    await until(async () => (await ping('renewed')) === 200);
    expect(await ping(tokens.inference)).toBe(400);
    writeFileSync(file, '');
    await until(async () => (await ping('renewed')) === 400);
    writeFileSync(file, `${tokens.inference}\n`);
    await until(async () => (await ping(tokens.inference)) === 200);
  });

  test('has no token in its log', () => {
    for (const token of Object.values(tokens)) expect(world.log()).not.toContain(token);
  });
});

test('the port is closed unless tokens are named', async () => {
  const serving = startServingProcess({ files: { 'model.onnx': onnxModel({ nodes: [], inputs: [], outputs: [] }) } });
  await until(async () => (await fetch(`${serving.url}/v2/health/live`).catch(() => undefined))?.status === 200);
  await expect(fetch(`http://${serving.host}:${ports.torchServe}/ping`)).rejects.toThrow();
  await serving.stop();
});

describe('what TorchServe clients send and get', () => {
  const words = ['good', 'bad'];
  const table = [...new Array<number[]>(4).fill([0, 0]), [9, 0], [0, 9]];
  const texts = {
    'model.onnx': tokenModel({ table, sums: true, output: 'logits' }),
    ...wordTokenizer(words),
    'config.json': JSON.stringify({ id2label: { 0: 'positive', 1: '1' } }),
  };
  let world: World;
  beforeAll(async () => {
    world = startLaptop({ files: texts, settings: { task: 'TextClassification' } });
    await world.ready();
  });
  afterAll(() => world.stop());

  const of = async (body: string | Uint8Array, type?: string): Promise<unknown> =>
    (
      await world.call('POST', '/predictions/model', {
        token: 'inference',
        body,
        headers: type === undefined ? {} : { 'content-type': type },
      })
    ).json;
  const part = (name: string, text: string, more = ''): string =>
    `--XX\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${text}\r\n`;
  const form = 'multipart/form-data; boundary=XX';
  const good = { positive: expect.closeTo(1, 3) as unknown, 1: expect.closeTo(0, 3) as unknown };
  const bad = { 1: expect.closeTo(1, 3) as unknown, positive: expect.closeTo(0, 3) as unknown };

  test.each([
    ['a text', 'good', undefined],
    ['a text that says so', 'good', 'text/plain'],
    ['JSON of a text', '"good"', 'application/json'],
    ['the natural body', '{"inputs":"good"}', 'application/json'],
    ['what curl -d sends', '{"inputs":["good"]}', 'application/x-www-form-urlencoded'],
    ['a field', 'data=good&x=1', 'application/x-www-form-urlencoded'],
    ['a form', `${part('x', 'bad')}${part('data', 'good')}--XX--\r\n`, form],
    ['a file of a form', `${part('body', 'good', '; filename="a.txt"')}--XX--\r\n`, form],
  ])('%s gets its labels by score', async (_what, body, type) => {
    expect(await of(body, type)).toEqual(good);
  });

  test('several get a list', async () => {
    expect(await of('["good","bad"]')).toEqual([good, bad]);
  });

  test('labels come by falling score, also those that are numbers', async () => {
    const { text } = await world.call('POST', '/predictions/model', { token: 'inference', body: 'good' });
    expect(text).toMatch(/^\{"positive":.*,"1":/);
  });

  test.each([
    ['a form without an input', `${part('x', 'good')}--XX--\r\n`, form, 'has no part called data or body'],
    ['a form of many parts', `${part('x', 'y').repeat(50)}${part('data', 'good')}--XX--\r\n`, form, 'has no part'],
    ['a form without a boundary', part('data', 'good'), 'multipart/form-data', 'is no multipart/form-data'],
    ['a form that is cut', part('data', 'good').slice(0, 30), form, 'body'],
    ['what is no UTF-8', Uint8Array.of(0xff, 0xfe), undefined, 'is not UTF-8'],
  ])('%s is refused', async (_what, body, type, message) => {
    const json = await of(body, type);
    expect(json).toEqual(failure(400, 'BadRequestException'));
    expect((json as { message: string }).message).toContain(message);
  });
});

test('rows get a number each, by their values alone or by the natural body', async () => {
  const model = onnxModel({
    nodes: [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
    initializers: [initializer.float('w', [1, 10], [2, 1])],
    inputs: [{ name: 'x', type: 'FLOAT', shape: ['n', 2] }],
    outputs: [{ name: 'y', type: 'FLOAT', shape: ['n', 1] }],
  });
  const world = startLaptop({ files: { 'model.onnx': model }, settings: { task: 'Tabular' } });
  await world.ready();
  const of = async (body: string): Promise<unknown> =>
    (await world.call('POST', '/predictions/model', { token: 'inference', body })).json;
  expect(await of('[[1,2],[3,4]]')).toEqual([21, 43]);
  expect(await of('{"inputs":[[1,2]]}')).toBe(21);
  await world.stop();
});

test('the bytes of an image get its labels, by themselves or as a file of a form', async () => {
  const model = onnxModel({
    nodes: [
      {
        op: 'ReduceMean',
        inputs: ['pixels'],
        outputs: ['logits'],
        attributes: [
          { name: 'axes', ints: [2, 3] },
          { name: 'keepdims', int: 0 },
        ],
      },
    ],
    inputs: [{ name: 'pixels', type: 'FLOAT', shape: ['n', 3, 4, 4] }],
    outputs: [{ name: 'logits', type: 'FLOAT', shape: ['n', 3] }],
  });
  const files = {
    'model.onnx': model,
    'config.json': JSON.stringify({ id2label: { 0: 'red', 1: 'green', 2: 'blue' } }),
    'preprocessor_config.json': JSON.stringify({ do_normalize: false }),
  };
  const world = startLaptop({ files, settings: { task: 'ImageClassification' } });
  await world.ready();
  const png = await sharp({ create: { width: 4, height: 4, channels: 3, background: 'blue' } })
    .png()
    .toBuffer();
  const raw = await world.call('POST', '/predictions/model', { token: 'inference', body: png });
  expect([raw.status, Object.keys(raw.json as object)]).toEqual([200, ['blue', 'red', 'green']]);
  const form = new FormData();
  form.set('data', new Blob([Uint8Array.from(png)]), 'blue.png');
  const encoded = new Response(form);
  const headers = { 'content-type': encoded.headers.get('content-type') ?? '' };
  const body = new Uint8Array(await encoded.arrayBuffer());
  expect((await world.call('POST', '/predictions/model', { token: 'inference', body, headers })).json).toEqual(
    raw.json,
  );
  await world.stop();
});
