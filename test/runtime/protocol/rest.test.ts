import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { gunzipSync, gzipSync, inflateSync, deflateSync } from 'node:zlib';
import { request } from 'node:http';
import { sumAndDifferenceModel } from '../../support/models.ts';
import { startServingProcess, type ServingProcess } from '../../support/serving.ts';

let serving: ServingProcess;

beforeAll(async () => {
  serving = startServingProcess({
    files: { 'model.onnx': sumAndDifferenceModel() },
    settings: { batchMaxSize: '8', batchMaxDelayMs: '2' },
  });
  await serving.ready();
});
afterAll(() => serving.stop());

interface Answer {
  status: number;
  headers: Headers;
  json: unknown;
}

async function call(method: string, path: string, body?: string | Uint8Array, headers = {}): Promise<Answer> {
  const answer = await fetch(`${serving.url}${path}`, { method, headers, ...(body !== undefined && { body }) });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, json: text === '' ? undefined : JSON.parse(text) };
}

const input = (name: string, data: number[]): object => ({ name, shape: [data.length / 2, 2], datatype: 'FP32', data });
const infer = (a: number[], b: number[], rest = {}): string =>
  JSON.stringify({ inputs: [input('a', a), input('b', b)], ...rest });

describe('what a server says of itself and its models', () => {
  test('is the same with and without a slash at the end', async () => {
    const { json } = await call('GET', '/v2/');
    expect(json).toEqual((await call('GET', '/v2')).json);
    expect(json).toMatchObject({
      name: 'modelyard',
      extensions: [
        'binary_tensor_data',
        'classification',
        'model_configuration',
        'model_repository',
        'parameters',
        'schedule_policy',
        'statistics',
      ],
    });
  });

  test('is the configuration of a model that batches, without its first dimension', async () => {
    const { json } = await call('GET', '/v2/models/model/config');
    expect(json).toEqual({
      name: 'model',
      platform: 'onnxruntime_onnx',
      backend: 'onnxruntime',
      version_policy: { latest: { num_versions: 1 } },
      max_batch_size: 8,
      input: ['a', 'b'].map((name) => ({ name, data_type: 'TYPE_FP32', dims: [2] })),
      output: ['sum', 'difference'].map((name) => ({ name, data_type: 'TYPE_FP32', dims: [2] })),
      instance_group: [{ name: 'model', count: 1, kind: 'KIND_CPU' }],
      dynamic_batching: { preferred_batch_size: [], max_queue_delay_microseconds: 2_000 },
    });
  });

  test('counts what it did, by model and altogether', async () => {
    const stats = async (path: string): Promise<Record<string, never>> => {
      const { json } = await call('GET', path);
      return (json as { model_stats: Record<string, never>[] }).model_stats[0] ?? {};
    };
    const before = (await stats('/v2/models/model/stats')) as Record<string, number>;
    await call('POST', '/v2/models/model/infer', infer([1, 2, 3, 4], [1, 2, 3, 4]));
    await call('POST', '/v2/models/model/infer', JSON.stringify({ inputs: [input('a', [1, 2])] }));
    const after = await stats('/v2/models/stats');
    expect(after).toMatchObject({
      name: 'model',
      version: '1',
      inference_count: (before.inference_count ?? NaN) + 2,
      execution_count: (before.execution_count ?? NaN) + 1,
    });
    const { inference_stats: requests } = after as unknown as {
      inference_stats: Record<string, { count: number; ns: number }>;
    };
    expect(requests.success?.ns).toBeGreaterThanOrEqual(requests.compute_infer?.ns ?? NaN);
    expect(requests.fail?.count).toBeGreaterThanOrEqual(1);
    expect(after.batch_stats).toContainEqual(expect.objectContaining({ batch_size: 2 }));
    expect(after.last_inference).toBeGreaterThan(Date.now() - 60_000);
  });
});

describe('inference', () => {
  test('answers with the classes that an output’s parameter asks for', async () => {
    const outputs = [{ name: 'sum', parameters: { classification: 1 } }, { name: 'difference' }];
    const { json } = await call('POST', '/v2/models/model/infer', infer([1, 2, 9, 4], [0, 0, 0, 0], { outputs }));
    expect(json).toMatchObject({
      outputs: [
        { name: 'sum', datatype: 'BYTES', shape: [2, 1], data: ['2:1', '9:0'] },
        { name: 'difference', datatype: 'FP32', shape: [2, 2] },
      ],
    });
  });

  test.each([0, 1.5, 'two', true])('refuses %p classes', async (classification) => {
    const outputs = [{ name: 'sum', parameters: { classification } }];
    const { status, json } = await call('POST', '/v2/models/model/infer', infer([1, 2], [1, 2], { outputs }));
    expect(status).toBe(400);
    expect(json).toEqual({ error: 'outputs[0].parameters.classification: must be a whole number of at least 1' });
  });

  test('says which version answered', async () => {
    const { json } = await call('POST', '/v2/models/model/versions/1/infer', infer([1, 2], [1, 2], { id: 'mine' }));
    expect(json).toMatchObject({ model_name: 'model', model_version: '1', id: 'mine' });
    expect((await call('POST', '/v2/models/model/versions/2/infer', infer([1, 2], [1, 2]))).status).toBe(404);
  });

  test('takes raw data alone only where it can belong to one input', async () => {
    const headers = { 'inference-header-content-length': '0' };
    const { status, json } = await call('POST', '/v2/models/model/infer', new Uint8Array(16), headers);
    expect(status).toBe(400);
    expect(json).toEqual({
      error: 'Inference-Header-Content-Length: can be 0 for a model with one input; this has 2',
    });
  });
});

describe('the first version of the protocol', () => {
  test('lists models, and says whether one is ready', async () => {
    expect((await call('GET', '/v1/models')).json).toEqual({ models: ['model'] });
    expect(await call('GET', '/v1/models/model')).toMatchObject({ status: 200, json: { name: 'model', ready: true } });
    expect((await call('GET', '/v1/models/other')).status).toBe(404);
  });

  test('predicts rows', async () => {
    const instances = [{ a: [1, 2], b: [3, 4] }, { a: [5, 6], b: [1, 1] }]; // prettier-ignore
    const { status, json } = await call('POST', '/v1/models/model:predict', JSON.stringify({ instances }));
    expect(status).toBe(200);
    expect(json).toEqual({
      predictions: [
        { sum: [4, 6], difference: [-2, -2] },
        { sum: [6, 7], difference: [4, 5] },
      ],
    });
  });

  test.each([
    ['/v1/models/other:predict', 404, /model "other" is not here/],
    ['/v1/models/model:classify', 404, /POST \/v1\/models\/NAME:predict/],
    ['/v1/models/model', 404, /POST \/v1\/models\/NAME:predict/],
    ['/v1/models/model:predict', 400, /^body: /],
  ])('refuses POST %s with %d', async (path, status, message) => {
    const answer = await call('POST', path, '{}');
    expect(answer.status).toBe(status);
    expect((answer.json as { error: string }).error).toMatch(message);
  });
});

describe('the model repository', () => {
  test('is listed with and without a body', async () => {
    const index = [{ name: 'model', version: '1', state: 'READY', reason: '' }];
    expect((await call('POST', '/v2/repository/index')).json).toEqual(index);
    expect((await call('POST', '/v2/repository/index', '{"ready":true}')).json).toEqual(index);
    expect((await call('POST', '/v2/repository/index', '{"ready":1}')).status).toBe(400);
  });

  test.each(['load', 'unload'])('is not changed by clients unless the deployment says so: %s', async (verb) => {
    const { status, json } = await call('POST', `/v2/repository/models/model/${verb}`);
    expect(status).toBe(403);
    expect((json as { error: string }).error).toMatch(/spec\.serving\.modelControl: Explicit/);
    expect((await call('GET', '/v2/models/model/ready')).status).toBe(200);
  });
});

test.each([
  ['GET', '/v2/models/model/infer', 'POST'],
  ['POST', '/v2', 'GET, HEAD'],
  ['PUT', '/v2/models/model', 'GET, HEAD'],
  ['DELETE', '/v2/repository/index', 'POST'],
])('%s %s says that it takes %s', async (method, path, allowed) => {
  const { status, headers, json } = await call(method, path);
  expect(status).toBe(405);
  expect(headers.get('allow')).toBe(allowed);
  expect(json).toEqual({ error: `this path takes ${allowed}` });
});

describe('bodies that are compressed', () => {
  const path = '/v2/models/model/infer';

  test.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('by %s are read', async (encoding, compress) => {
    const { status, json } = await call('POST', path, compress(infer([1, 2], [3, 4])), {
      'content-encoding': encoding,
    });
    expect(status).toBe(200);
    expect(json).toMatchObject({ outputs: [{ data: [4, 6] }, { data: [-2, -2] }] });
  });

  test('by anything else, or not as they claim, are refused', async () => {
    const body = infer([1, 2], [3, 4]);
    expect(await call('POST', path, body, { 'content-encoding': 'br' })).toMatchObject({
      status: 415,
      json: { error: 'Content-Encoding: must be gzip or deflate' },
    });
    expect(await call('POST', path, body, { 'content-encoding': 'gzip' })).toMatchObject({
      status: 400,
      json: { error: 'body: is not compressed as Content-Encoding says' },
    });
  });

  test('in name only, or given up, do no harm', async () => {
    const encoded = { 'content-encoding': 'gzip' };
    expect((await call('GET', '/v2', undefined, encoded)).status).toBe(200);
    expect((await call('GET', '/nowhere', undefined, encoded)).status).toBe(404);
    expect((await call('POST', path, '', encoded)).status).toBe(400);
    expect((await call('POST', path, 'garbage', { ...encoded, 'content-type': '?' })).status).toBe(415);
    const left = request(`${serving.url}${path}`, { method: 'POST', headers: { ...encoded, 'content-length': 1_000 } });
    left.on('error', () => undefined).write(gzipSync('{').subarray(0, 5));
    await new Promise((resolve) => setTimeout(resolve, 100));
    left.destroy();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect((await call('GET', '/v2/health/ready')).status).toBe(200);
  });

  test('that grow beyond what a body may hold are refused, and the server goes on', async () => {
    const bomb = gzipSync(Buffer.alloc(100 * 1024 * 1024));
    expect((await call('POST', path, bomb, { 'content-encoding': 'gzip' })).status).toBe(413);
    expect((await call('GET', '/v2/health/ready')).status).toBe(200);
  });

  test.each([
    ['gzip', gunzipSync],
    ['deflate', inflateSync],
  ])('by %s are sent to a client that asks for nothing else', async (encoding, decompress) => {
    const numbers = Array.from({ length: 400 }, (_, index) => index);
    const answer = await new Promise<{ encoding: string | undefined; body: Buffer }>((resolve, reject) => {
      const sent = request(
        `${serving.url}${path}`,
        { method: 'POST', headers: { 'accept-encoding': encoding } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () =>
            resolve({ encoding: response.headers['content-encoding'], body: Buffer.concat(chunks) }),
          );
        },
      );
      sent.on('error', reject).end(infer(numbers, numbers));
    });
    expect(answer.encoding).toBe(encoding);
    expect(JSON.parse(decompress(answer.body).toString())).toMatchObject({ model_name: 'model' });
  });
});
