import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { adminPaths } from '../../runtime/contract.ts';
import { grpcClient, type GrpcClient } from '../support/inference-client.ts';
import { identityModel, sumAndDifferenceModel } from '../support/models.ts';
import { metric, modelProcesses } from '../support/serving-observation.ts';
import { startServingProcess, until, type ServingProcess } from '../support/serving.ts';

const mib = 1024 ** 2;
const names = Array.from({ length: 8 }, (_, index) => `m${index}`);
const files = {
  'sum/model.onnx': sumAndDifferenceModel(),
  'identity/model.onnx': identityModel('FLOAT', ['n', 2]),
  'broken/model.onnx': 'no model',
};
const budgetBytes = 400 * mib;
const all = Object.fromEntries(names.map((name) => [name, 'sum/model.onnx']));

let serving: ServingProcess;
let grpc: GrpcClient;

beforeAll(async () => {
  serving = startServingProcess({
    files,
    models: all,
    settings: { memoryBudget: String(budgetBytes), modelControl: 'Explicit' },
  });
  await serving.ready();
  grpc = grpcClient(serving.grpc);
});
afterAll(async () => {
  grpc.close();
  expect(await serving.stop()).toBe(0);
});

const input = (name: string): object => ({ name, shape: [1, 2], datatype: 'FP32', data: [1, 2] });
const body = JSON.stringify({ inputs: [input('a'), input('b')] });

const infer = (model: string, text = body): Promise<Response> =>
  fetch(`${serving.url}/v2/models/${model}/infer`, { method: 'POST', body: text });

const inMemory = async (): Promise<string[]> =>
  (await serving.sharedReport()).models.filter(({ phase }) => phase === 'Ready').map(({ name }) => name);

describe('models that share the memory of a pod', () => {
  test('the pod is ready before any model is in memory, and each says that it can be asked', async () => {
    expect(await inMemory()).toEqual([]);
    expect((await fetch(`${serving.url}/v2/health/ready`)).status).toBe(200);
    expect((await fetch(`${serving.url}/v2/models/m3/ready`)).status).toBe(200);
    const index = (await (await fetch(`${serving.url}/v2/repository/index`, { method: 'POST' })).json()) as unknown[];
    expect(index).toHaveLength(names.length);
    expect(index).toContainEqual({ name: 'm3', version: '1', state: 'READY', reason: 'loaded when it is asked for' });
  });

  test('its first request loads a model; metadata does so too', async () => {
    expect(await (await infer('m0')).json()).toMatchObject({
      model_name: 'm0',
      outputs: [{ data: [2, 4] }, { data: [0, 0] }],
    });
    expect(await (await fetch(`${serving.url}/v2/models/m1`)).json()).toMatchObject({
      name: 'm1',
      platform: 'onnxruntime_onnx',
    });
    expect(await inMemory()).toEqual(['m0', 'm1']);
  });

  test('in more models than fit the least recently used leave, and what is held stays within the budget', async () => {
    for (let round = 0; round < 3; round++) {
      for (const name of names) {
        expect((await infer(name)).status).toBe(200);
        // A model that was just found to have grown may be over for as long as another takes to leave.
        expect(await metric(serving, 'modelyard_models_memory_bytes')).toBeLessThanOrEqual(1.15 * budgetBytes);
      }
    }
    const kept = await inMemory();
    expect(kept.length).toBeGreaterThanOrEqual(2);
    expect(kept.length).toBeLessThan(names.length);
    expect(kept).toEqual(names.slice(-kept.length));
    expect(await metric(serving, 'modelyard_model_evictions_total')).toBeGreaterThan(0);
    await until(() => modelProcesses(serving).length <= kept.length + 1);
  });

  test('all models at once are all answered, none refused', async () => {
    const asked = Array.from({ length: 200 }, (_, index) => infer(names[index % names.length] ?? ''));
    const answers = await Promise.all(asked);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  });

  test('a model that a client unloads stays away until a client loads it, whoever asks for it', async () => {
    const change = async (verb: string): Promise<number> =>
      (await fetch(`${serving.url}/v2/repository/models/m0/${verb}`, { method: 'POST' })).status;
    expect((await infer('m0')).status).toBe(200);
    expect(await change('unload')).toBe(200);
    expect((await infer('m0')).status).toBe(503);
    expect(await inMemory()).not.toContain('m0');
    expect((await infer('m1')).status).toBe(200);
    expect(await change('load')).toBe(200);
    expect(await inMemory()).toContain('m0');
    expect((await infer('m0')).status).toBe(200);
  });

  test('over gRPC a model is loaded when it is asked for, within the deadline of who asks', async () => {
    await Promise.all(names.slice(0, 5).map((name) => infer(name)));
    const tensor = (name: string): object => ({
      name,
      datatype: 'FP32',
      shape: [1, 2],
      contents: { fp32_contents: [1, 2] },
    });
    const request = { model_name: 'm7', inputs: [tensor('a'), tensor('b')] };
    expect(await grpc.infer(request)).toMatchObject({ model_name: 'm7' });
  });

  test('the index of a model that is not here names some that are', async () => {
    const answer = await infer('other');
    expect(answer.status).toBe(404);
    expect(await answer.json()).toEqual({
      error: expect.stringContaining('model "other" is not here; this serves "m0", "m1"'),
    });
  });
});

describe('a list of models that changes', () => {
  const failed: number[] = [];
  let isAsking = true;

  /** Asks all the time, and remembers what was no answer. */
  async function asking(model: string): Promise<void> {
    while (isAsking) {
      const { status } = await infer(model);
      if (status !== 200) failed.push(status);
    }
  }

  test('a model that is added is served, and one that is removed is not, without a restart of the others', async () => {
    expect((await infer('m1')).status).toBe(200);
    const before = modelProcesses(serving);
    const { m0, ...others } = all;
    serving.list({ ...others, added: m0 ?? '' });
    await until(async () => (await infer('added')).status === 200);
    expect((await infer('m0')).status).toBe(404);
    expect(await inMemory()).toContain('m1');
    const after = modelProcesses(serving);
    expect(before.filter((pid) => after.includes(pid)).length).toBeGreaterThan(0);
  });

  test('a model that is replaced loses no request, and one that cannot be loaded replaces nothing', async () => {
    isAsking = true;
    const loops = [asking('m1'), asking('m1')];
    serving.list({ ...all, m1: 'broken/model.onnx' });
    await until(async () => (await serving.sharedReport()).models.some(({ fault }) => fault !== undefined));
    const [faulty] = (await serving.sharedReport()).models.filter(({ fault }) => fault);
    expect(faulty).toMatchObject({ name: 'm1', phase: 'Ready', fault: { reason: 'InvalidModel' } });

    serving.list({ ...all, m1: 'identity/model.onnx' });
    const x = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] };
    await until(async () => (await infer('m1', JSON.stringify({ inputs: [x] }))).status === 200);
    isAsking = false;
    await Promise.all(loops);
    // Those that ask the new model with the old one's inputs are told so; nothing else went wrong.
    expect([...new Set(failed)]).toEqual([400]);
    expect((await serving.sharedReport()).models.some(({ fault }) => fault !== undefined)).toBe(false);
  });

  test('a new version that is not there yet replaces the old one once it is', async () => {
    expect((await infer('m2')).status).toBe(200);
    serving.list({ ...all, m2: 'later/model.onnx' });
    const faultOf = async (): Promise<unknown> =>
      (await serving.sharedReport()).models.find(({ name }) => name === 'm2')?.fault;
    await until(async () => (await faultOf()) !== undefined);
    expect((await infer('m2')).status).toBe(200);
    serving.write('later/model.onnx', identityModel('FLOAT', ['n', 2]));
    const x = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] };
    await until(async () => (await infer('m2', JSON.stringify({ inputs: [x] }))).status === 200);
    expect(await faultOf()).toBeUndefined();
    serving.list(all);
    await until(async () => (await infer('m2')).status === 200);
  });

  test('a list that is none changes nothing', async () => {
    const before = (await serving.sharedReport()).models.length;
    serving.list({ 'no name at all!': 'sum/model.onnx' });
    await until(() => serving.log().includes('the new list of models is refused'));
    expect((await serving.sharedReport()).models).toHaveLength(before);
    expect((await infer('m2')).status).toBe(200);
  });
});

describe('a model among others that cannot be had', () => {
  let pod: ServingProcess;
  beforeAll(async () => {
    pod = startServingProcess({
      files,
      models: { good: 'sum/model.onnx', bad: 'broken/model.onnx' },
      settings: { memoryBudget: String(250 * mib) },
    });
    await pod.ready();
  });
  afterAll(async () => {
    expect(await pod.stop()).toBe(0);
  });
  const ask = (model: string): Promise<Response> =>
    fetch(`${pod.url}/v2/models/${model}/infer`, { method: 'POST', body });

  test('its requests are told why, at once after the first, and the others are served', async () => {
    const [first, second] = [await ask('bad'), await ask('bad')];
    expect([first.status, second.status]).toEqual([503, 503]);
    expect(await first.text()).toContain('InvalidModel');
    expect((await ask('good')).status).toBe(200);
    const { models } = await pod.sharedReport();
    expect(models).toMatchObject([
      { name: 'good', phase: 'Ready' },
      { name: 'bad', phase: 'Failed', fault: { reason: 'InvalidModel' } },
    ]);
    expect((await fetch(`${pod.admin}${adminPaths.ready}`)).status).toBe(200);
  });

  test('one that takes more than the whole budget is refused with both figures', async () => {
    const tiny = startServingProcess({
      files,
      models: { one: 'sum/model.onnx' },
      settings: { memoryBudget: String(100 * mib) },
    });
    await tiny.ready();
    const answer = await fetch(`${tiny.url}/v2/models/one/infer`, { method: 'POST', body });
    expect(answer.status).toBe(503);
    expect(await answer.text()).toMatch(/OutOfMemory: .*one.* takes about \d+ MiB of memory; the budget .* is 100 MiB/);
    expect(await tiny.stop()).toBe(0);
  });
});
