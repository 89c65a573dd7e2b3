import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { processBytes } from '../../../runtime/serving/process-memory.ts';
import { identityModel, sumAndDifferenceModel } from '../../support/models.ts';
import { until } from '../../support/serving.ts';
import { failure, startClusterPod, startLaptop, type Answer, type World } from './world.ts';

const body = JSON.stringify({ a: [[1, 2]], b: [[3, 5]] });

const manage = (world: World, method: string, path: string): Promise<Answer> =>
  world.call(method, path, { token: 'management' });
const predict = async (world: World, name = 'model', text = body): Promise<number> =>
  (await world.call('POST', `/predictions/${name}`, { token: 'inference', body: text })).status;

interface Described {
  workers: { pid: number; memoryUsage: number; status: string; startTime: string }[];
}
const described = async (world: World, path = '/models/model'): Promise<Described> =>
  ((await manage(world, 'GET', path)).json as [Described])[0];

/** The fields that TorchServe 0.12 gives for a model. */
const fieldsOfTorchServe = [
  ...['modelName', 'modelVersion', 'modelUrl', 'runtime', 'minWorkers', 'maxWorkers', 'batchSize', 'maxBatchDelay'],
  ...['responseTimeout', 'startupTimeout', 'maxRetryTimeoutInSec', 'clientTimeoutInMills', 'parallelType'],
  ...['parallelLevel', 'deviceType', 'continuousBatching', 'useJobTicket', 'useVenv', 'stateful'],
  ...['sequenceMaxIdleMSec', 'sequenceTimeoutMSec', 'maxNumSequence', 'maxSequenceJobQueueSize', 'loadedAtStartup'],
  ...['workers', 'jobQueueStatus'],
];

describe('a pod of a cluster whose spec allows control', () => {
  let world: World;
  beforeAll(async () => {
    world = startClusterPod({ settings: { modelControl: 'Explicit', timeoutMs: '1500', queueMaxLength: '9' } });
    await world.ready();
  });
  afterAll(() => world.stop());

  test('lists what the spec names', async () => {
    const { status, json } = await manage(world, 'GET', '/models');
    expect([status, json]).toEqual([200, { models: [{ modelName: 'model', modelUrl: 'pvc://models/model.onnx' }] }]);
  });

  test.each(['/models/model', '/models/model/1.0', '/models/model/all', '/models/model?customized=true'])(
    '%s describes the model as it is',
    async (path) => {
      const { status, json } = await manage(world, 'GET', path);
      const [model] = json as [Described & Record<string, unknown>];
      expect(status).toBe(200);
      expect(model).toMatchObject({
        ...{ modelName: 'model', modelVersion: '1.0', minWorkers: 1, maxWorkers: 1, batchSize: 32, maxBatchDelay: 0 },
        ...{ responseTimeout: 2, deviceType: 'cpu', loadedAtStartup: true },
        jobQueueStatus: { remainingCapacity: 9, pendingRequests: 0 },
      });
      expect(fieldsOfTorchServe).toEqual(expect.arrayContaining(Object.keys(model)));
      const [worker] = model.workers;
      expect(worker?.status).toBe('READY');
      const bytes = (await processBytes(worker?.pid ?? 0)) ?? 0;
      expect(Math.abs((worker?.memoryUsage ?? 0) - bytes)).toBeLessThan(bytes / 2);
      expect(Math.abs(Date.parse(worker?.startTime ?? '') - Date.now())).toBeLessThan(120_000);
    },
  );

  test('scaled to none the model is gone from memory, and scaled to one it is back', async () => {
    const { pid } = (await described(world)).workers[0] ?? { pid: 0 };
    expect((await manage(world, 'PUT', '/models/model?min_worker=0&synchronous=true')).json).toEqual({
      status: 'Workers scaled to 0 for model: model',
    });
    expect(await processBytes(pid)).toBeUndefined();
    expect(await described(world)).toMatchObject({ workers: [], minWorkers: 0, maxWorkers: 0 });
    expect(await predict(world)).toBe(503);
    expect((await manage(world, 'PUT', '/models/model/1.0?min_worker=1&synchronous=true')).json).toEqual({
      status: 'Workers scaled to 1 for model: model, version: 1.0',
    });
    expect(await predict(world)).toBe(200);
  });

  test('a model that is there already is not loaded again', async () => {
    const before = await described(world);
    expect((await manage(world, 'PUT', '/models/model?min_worker=1&synchronous=true')).status).toBe(200);
    expect((await described(world)).workers[0]?.pid).toBe(before.workers[0]?.pid);
  });

  test('says that more workers are one', async () => {
    expect((await manage(world, 'PUT', '/models/model?min_worker=4&max_worker=8&synchronous=true')).json).toEqual({
      status: 'Workers scaled to 1 for model: model (one process serves a model; 4 were asked for)',
    });
  });

  test('does in the background what nobody waits for', async () => {
    const answer = await manage(world, 'PUT', '/models/model?min_worker=0');
    expect([answer.status, answer.json]).toEqual([202, { status: 'Processing worker updates...' }]);
    await until(async () => (await described(world)).workers.length === 0);
    expect((await manage(world, 'PUT', '/models/model')).status).toBe(202);
    await until(async () => (await described(world)).workers.length === 1);
  });

  test('unregistering unloads, and says that the spec goes on', async () => {
    const { status, text } = await manage(world, 'DELETE', '/models/model/1.0');
    expect([status, text]).toEqual([200, expect.stringContaining('unloaded; the spec goes on naming it')]);
    expect((await manage(world, 'GET', '/models')).json).toMatchObject({ models: [{ modelName: 'model' }] });
    expect(await predict(world)).toBe(503);
    expect((await manage(world, 'PUT', '/models/model?synchronous=true')).status).toBe(200);
  });

  test('the default version is the only one', async () => {
    expect((await manage(world, 'PUT', '/models/model/1.0/set-default')).json).toEqual({
      status: 'Default version successfully updated for model "model" to "1.0"',
    });
  });

  test.each([
    ['GET', '/models/none', 404, 'ModelNotFoundException'],
    ['GET', '/models/none/all', 404, 'ModelNotFoundException'],
    ['GET', '/models/model/2.0', 404, 'ModelVersionNotFoundException'],
    ['PUT', '/models/none?min_worker=0', 404, 'ModelNotFoundException'],
    ['PUT', '/models/model/9?min_worker=0', 404, 'ModelVersionNotFoundException'],
    ['PUT', '/models/model/9/set-default', 404, 'ModelVersionNotFoundException'],
    ['DELETE', '/models/none', 404, 'ModelNotFoundException'],
    ['DELETE', '/models/model/7', 404, 'ModelVersionNotFoundException'],
    ['PATCH', '/models/model', 405, 'MethodNotAllowedException'],
    ['POST', '/models/model', 405, 'MethodNotAllowedException'],
    ['PUT', '/models', 405, 'MethodNotAllowedException'],
    ['GET', '/models?limit=abc', 400, 'BadRequestException'],
    ['GET', '/models?limit=0', 400, 'BadRequestException'],
    ['GET', '/models?next_page_token=-1', 400, 'BadRequestException'],
    ['GET', '/models?limit=1&limit=2', 400, 'BadRequestException'],
    ['GET', '/models?who=me', 400, 'BadRequestException'],
    ['PUT', '/models/model?min_worker=abc', 400, 'BadRequestException'],
    ['PUT', '/models/model?min_worker=3&max_worker=2', 400, 'BadRequestException'],
    ['PUT', '/models/model?synchronous=yes', 400, 'BadRequestException'],
  ])('%s %s is answered by %d', async (method, path, status, type) => {
    const answer = await manage(world, method, path);
    expect([answer.status, answer.json]).toEqual([status, failure(status, type)]);
    expect(await predict(world)).toBe(200);
  });
});

test('the models of a list come in pages, by name', async () => {
  const models = Object.fromEntries(['c', 'a', 'b'].map((name) => [name, 'model.onnx']));
  const world = startLaptop({ models });
  await world.ready();
  const names = async (path: string): Promise<unknown> => {
    const { models: page, nextPageToken } = (await manage(world, 'GET', path)).json as {
      models: { modelName: string }[];
      nextPageToken?: string;
    };
    return [page.map(({ modelName }) => modelName), nextPageToken];
  };
  expect(await names('/models')).toEqual([['a', 'b', 'c'], undefined]);
  expect(await names('/models?limit=2')).toEqual([['a', 'b'], '2']);
  expect(await names('/models?limit=2&next_page_token=2')).toEqual([['c'], undefined]);
  expect(await names('/models?next_page_token=7')).toEqual([[], undefined]);
  expect(await predict(world, 'b')).toBe(200);
  await world.stop();
});

describe('a laptop', () => {
  let server: Server;
  let origin: string;
  const authorizations: (string | undefined)[] = [];
  let world: World;
  beforeAll(async () => {
    server = createServer(({ url = '', headers: { authorization } }, response) => {
      authorizations.push(authorization);
      if (url === '/identity.onnx') response.end(identityModel('FLOAT', ['n', 2]));
      else if (url === '/broken.onnx') response.end('no model');
      else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    world = startLaptop({
      files: { 'model.onnx': sumAndDifferenceModel(), 'beside.onnx': identityModel('FLOAT', ['n', 2]) },
      settings: { storageAllowedCidrs: '127.0.0.1/32' },
      environment: { HTTP_AUTHORIZATION: "Bearer the-spec's" },
    });
    await world.ready();
  });
  afterAll(async () => {
    server.close();
    expect(await world.stop()).toBe(0);
  });
  const register = (query: Record<string, string>): Promise<Answer> =>
    manage(world, 'POST', `/models?${new URLSearchParams(query).toString()}`);

  test('serves a model that a client registers by its URI, under every protocol, until it is unregistered', async () => {
    const { status, json } = await register({ url: `${origin}/identity.onnx`, initial_workers: '1', batch_size: '2' });
    expect([status, json]).toEqual([
      200,
      { status: 'Model "identity" Version: 1.0 registered with 1 initial workers' },
    ]);
    expect(await predict(world, 'identity', '[[1,2]]')).toBe(200);
    expect((await fetch(`${world.url}/v2/models/identity`)).status).toBe(200);
    expect(await described(world, '/models/identity')).toMatchObject({
      ...{ modelUrl: `${origin}/identity.onnx`, batchSize: 2, loadedAtStartup: false },
      workers: [{ status: 'READY' }],
    });
    const again = await register({ url: `${origin}/identity.onnx` });
    expect([again.status, again.json]).toEqual([409, failure(409, 'ConflictStatusException')]);
    const { pid } = (await described(world, '/models/identity')).workers[0] ?? { pid: 0 };
    expect((await manage(world, 'DELETE', '/models/identity')).json).toEqual({
      status: 'Model "identity" unregistered',
    });
    expect(await processBytes(pid)).toBeUndefined();
    expect((await manage(world, 'GET', '/models/identity')).status).toBe(404);
  });

  test('serves one without workers once it is scaled, though the spec allows no control of its own', async () => {
    const { json } = await register({ url: `${origin}/identity.onnx`, model_name: 'later' });
    expect(json).toEqual({
      status:
        'Model "later" Version: 1.0 registered with 0 initial workers. Use scale workers API to add workers for the model.',
    });
    expect(await predict(world, 'later', '[[1,2]]')).toBe(503);
    expect((await fetch(`${world.admin}/readyz`)).status).toBe(200);
    expect((await manage(world, 'PUT', '/models/later?min_worker=1&synchronous=true')).status).toBe(200);
    expect(await predict(world, 'later', '[[1,2]]')).toBe(200);
    expect((await manage(world, 'DELETE', '/models/later')).status).toBe(200);
    expect((await manage(world, 'DELETE', '/models/model')).status).toBe(405);
  });

  test('shows no server that a client names the credentials of the spec', async () => {
    expect((await register({ url: `${origin}/identity.onnx` })).status).toBe(200);
    expect((await manage(world, 'DELETE', '/models/identity')).status).toBe(200);
    expect(authorizations.length).toBeGreaterThan(0);
    expect(authorizations.filter((value) => value !== undefined)).toEqual([]);
  });

  test('reads files beside the model of the spec', async () => {
    const { uri } = (await world.report()).model;
    const url = uri.replace('model.onnx', 'beside.onnx');
    expect((await register({ url, initial_workers: '1' })).status).toBe(200);
    expect((await manage(world, 'DELETE', '/models/beside')).status).toBe(200);
    const missing = await register({ url: uri.replace('model.onnx', 'missing.onnx') });
    expect(missing.json).toEqual(failure(404, 'ModelNotFoundException'));
  });

  test.each([
    ['without a URI', {}, 400, 'BadRequestException', 'Parameter url is required.'],
    ['of nothing', { url: '/missing.onnx' }, 404, 'ModelNotFoundException', 'missing.onnx'],
    ['of no model', { url: '/broken.onnx' }, 400, 'InvalidModelException', 'InvalidModel'],
    ['of an archive for TorchServe', { url: '/a.mar' }, 400, 'InvalidModelException', 'torch.onnx.export'],
    ['with an unknown task', { url: '/identity.onnx', task: 'x' }, 400, 'BadRequestException', 'task: must be one of'],
    ['with too large a batch', { url: '/identity.onnx', batch_size: '9999' }, 400, 'BadRequestException', 'batch_size'],
    ['under a taken name', { url: '/identity.onnx', model_name: 'model' }, 409, 'ConflictStatusException', 'model'],
  ])('refuses a model %s, and nothing is left of it', async (_what, query, status, type, message) => {
    const url = 'url' in query ? { url: origin + query.url } : {};
    const answer = await register({ ...query, ...url });
    expect([answer.status, answer.json]).toEqual([status, failure(status, type)]);
    expect(answer.text).toContain(message);
    expect((await manage(world, 'GET', '/models')).json).toMatchObject({ models: [{ modelName: 'model' }] });
  });
});
