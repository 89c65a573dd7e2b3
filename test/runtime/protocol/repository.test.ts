import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { adminPaths } from '../../../runtime/contract.ts';
import { grpcClient, type GrpcClient } from '../../support/inference-client.ts';
import { sumAndDifferenceModel } from '../../support/models.ts';
import { modelProcesses } from '../../support/serving-observation.ts';
import { startServingProcess, until, type ServingProcess } from '../../support/serving.ts';

let serving: ServingProcess;
let grpc: GrpcClient;

beforeAll(async () => {
  serving = startServingProcess({
    files: { 'model.onnx': sumAndDifferenceModel() },
    settings: { modelControl: 'Explicit' },
  });
  await serving.ready();
  grpc = grpcClient(serving.grpc);
});
afterAll(async () => {
  grpc.close();
  await serving.stop();
});

const change = (verb: 'load' | 'unload', body?: string): Promise<Response> =>
  fetch(`${serving.url}/v2/repository/models/model/${verb}`, { method: 'POST', ...(body !== undefined && { body }) });

async function infer(): Promise<number> {
  const input = (name: string): object => ({ name, shape: [1, 2], datatype: 'FP32', data: [1, 2] });
  const body = JSON.stringify({ inputs: [input('a'), input('b')] });
  return (await fetch(`${serving.url}/v2/models/model/infer`, { method: 'POST', body })).status;
}

async function index(): Promise<unknown> {
  return (await fetch(`${serving.url}/v2/repository/index`, { method: 'POST' })).json();
}

test('a model that a client unloads leaves memory, refuses requests and says so; loaded again it serves', async () => {
  expect(modelProcesses(serving)).toHaveLength(1);
  expect((await change('unload')).status).toBe(200);
  expect(modelProcesses(serving)).toHaveLength(0);
  expect(await infer()).toBe(503);
  expect(await index()).toEqual([
    {
      name: 'model',
      version: '1',
      state: 'UNAVAILABLE',
      reason: 'the model is unloaded; POST /v2/repository/models/model/load loads it',
    },
  ]);
  expect((await serving.report()).model.phase).toBe('Unloaded');
  // The pod stays behind its Service: else nobody could reach it to load the model again.
  expect((await fetch(`${serving.admin}${adminPaths.ready}`)).status).toBe(200);
  expect((await change('unload')).status).toBe(200);
  expect((await change('load')).status).toBe(200);
  expect(await infer()).toBe(200);
  expect(modelProcesses(serving)).toHaveLength(1);
});

test('a model that is loaded again while requests come answers all of them', async () => {
  const before = serving.log().match(/the model is ready/g)?.length ?? 0;
  let stop = false;
  const statuses: number[] = [];
  const loops = Array.from({ length: 4 }, async () => {
    while (!stop) statuses.push(await infer());
  });
  await until(() => statuses.length > 20);
  for (let times = 0; times < 3; times++) expect((await change('load')).status).toBe(200);
  const loaded = statuses.length;
  await until(() => statuses.length > loaded + 20);
  stop = true;
  await Promise.all(loops);
  expect(statuses.every((status) => status === 200)).toBe(true);
  expect(serving.log().match(/the model is ready/g)).toHaveLength(before + 3);
});

test('a model that cannot be loaded again refuses requests at once, and serves when it can', async () => {
  await serving.withModel(undefined, async () => {
    const answer = await change('load');
    expect(answer.status).toBe(400);
    expect(((await answer.json()) as { error: string }).error).toMatch(/^failed to load "model", ModelNotFound: /);
    expect(await infer()).toBe(503);
  });
  expect((await change('load')).status).toBe(200);
  expect(await infer()).toBe(200);
});

test('gRPC loads and unloads the same', async () => {
  await grpc.call('RepositoryModelUnload', { model_name: 'model' });
  await expect(grpc.call('RepositoryIndex', { ready: true })).resolves.toEqual({ models: [] });
  await grpc.call('RepositoryModelLoad', { model_name: 'model' });
  expect(await infer()).toBe(200);
  await expect(grpc.call('RepositoryModelLoad', { model_name: 'other' })).rejects.toMatchObject({ code: 5 });
});

test('a client cannot bring files or another configuration', async () => {
  const body = JSON.stringify({ parameters: { config: '{}', 'file:1/model.onnx': 'AAAA' } });
  const answer = await change('load', body);
  expect(answer.status).toBe(400);
  expect(await answer.json()).toEqual({
    error: 'parameters: "config" is not supported; the deployment says how a model is loaded',
  });
  const parameters = { 'file:1/model.onnx': { bytes_param: Buffer.from('x') } };
  await expect(grpc.call('RepositoryModelLoad', { model_name: 'model', parameters })).rejects.toMatchObject({
    code: 3,
  });
  expect(await infer()).toBe(200);
});
