import { readdirSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ModelClient } from '../../client/model-client.ts';
import { eventually } from '../support/eventually.ts';
import { gpuCases } from '../support/gpu-cases.ts';
import { efficientNetLite0 } from '../support/resnet-model.ts';
import { largestProduct, pickedByPlace } from '../support/seeded-networks.ts';
import { metric, modelProcess } from '../support/serving-observation.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';

const timeoutMs = 180_000;
const model = 'model';

const onGpu = { executionProvider: 'cuda' };

/** Of outputs whose largest element is about 1, or is scaled to be. */
const tolerance = 2e-5;

function expectNear(actual: Float32Array, expected: Float32Array): void {
  expect(actual).toHaveLength(expected.length);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const apart = expected.reduce((most, value, index) => Math.max(most, Math.abs(value - (actual[index] ?? NaN))), 0);
  expect(apart / largest).toBeLessThan(tolerance);
}

describe.each(gpuCases)('$name on a GPU', ({ model: bytes, request }) => {
  let [gpu, cpu]: ServingProcess[] = [];
  let clients: ModelClient[] = [];
  const started = (serving: ServingProcess | undefined): ServingProcess => {
    if (!serving) throw new Error('it was never started');
    return serving;
  };
  const expected = async (rows: number, seed: number): Promise<Float32Array> => {
    const client = ModelClient.grpc(started(cpu).grpc, { model });
    const outputs = await client.predict(request(rows, seed));
    await client.close();
    return Object.values(outputs)[0]?.data as Float32Array;
  };

  beforeAll(async () => {
    const files = { 'model.onnx': bytes() };
    cpu = startServingProcess({ files });
    gpu = startServingProcess({ files, settings: { ...onGpu, batchMaxSize: '32' } });
    await Promise.all([cpu.ready(), gpu.ready()]);
    clients = [ModelClient.rest(gpu.url, { model }), ModelClient.grpc(gpu.grpc, { model })];
  }, timeoutMs);

  afterAll(async () => {
    for (const client of clients) await client.close();
    expect(await gpu?.stop()).toBe(0);
    expect(await cpu?.stop()).toBe(0);
  }, timeoutMs);

  test('the model process holds the device, and the one that answers does not', () => {
    const devicesOf = (pid: number): string[] =>
      readdirSync(`/proc/${pid}/fd`)
        .map((name) => readlinkSync(join(`/proc/${pid}/fd`, name)))
        .filter((path) => path.startsWith('/dev/nvidia'));
    expect(devicesOf(modelProcess(started(gpu)) ?? 0)).not.toEqual([]);
    expect(devicesOf(started(gpu).process.pid ?? 0)).toEqual([]);
  });

  test.each([1, 8, 32])(
    'a batch of %i gets the answer of a CPU, over REST and gRPC',
    async (rows) => {
      const wanted = await expected(rows, rows);
      for (const client of clients) {
        const outputs = await client.predict(request(rows, rows));
        expectNear(Object.values(outputs)[0]?.data as Float32Array, wanted);
      }
    },
    timeoutMs,
  );

  test(
    'requests that wait run together, and each gets its own answer',
    async () => {
      const seeds = Array.from({ length: 24 }, (_, index) => 100 + index);
      const [, client] = clients;
      const before = await metric(started(gpu), 'modelyard_inference_batch_requests_count');
      const answers = await Promise.all(seeds.map(async (seed) => client?.predict(request(1, seed))));
      const runs = (await metric(started(gpu), 'modelyard_inference_batch_requests_count')) - before;
      expect(runs).toBeLessThan(seeds.length);
      for (const [index, seed] of seeds.entries()) {
        const [output] = Object.values(answers[index] ?? {});
        expectNear(output?.data as Float32Array, await expected(1, seed));
      }
    },
    timeoutMs,
  );
});

test(
  'photographs get their labels from EfficientNet-Lite0',
  async () => {
    const { folder, images } = await efficientNetLite0();
    const names = ['model.onnx', 'config.json', 'preprocessor_config.json'];
    const files = Object.fromEntries(
      await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))] as const)),
    );
    const serving = startServingProcess({ files, settings: { ...onGpu, task: 'ImageClassification' } });
    await serving.ready();
    for (const client of [ModelClient.rest(serving.url, { model }), ModelClient.grpc(serving.grpc, { model })]) {
      for (const { file, label } of images)
        expect((await client.predict(await readFile(file)))[0]?.label).toContain(label);
      await client.close();
    }
    expect(await serving.stop()).toBe(0);
  },
  timeoutMs,
);

test(
  'a request that the memory of the GPU cannot hold is told so, and the next one is answered',
  async () => {
    const serving = startServingProcess({ files: { 'model.onnx': largestProduct() }, settings: onGpu });
    await serving.ready();
    const client = ModelClient.grpc(serving.grpc, { model, retries: 0 });
    const largest = async (count: number): Promise<unknown> => {
      const data = Float32Array.from({ length: count }, (_, index) => index % 4);
      const { y } = await client.predict({ x: { dataType: 'FP32', shape: [count], data } });
      return y?.data[0];
    };
    const pid = modelProcess(serving);
    expect(await largest(4)).toBe(9);
    await expect(largest(1_000_000)).rejects.toMatchObject({
      code: 'ServerError',
      message: expect.stringContaining('the model ran out of memory'),
    });
    expect(await largest(4)).toBe(9);
    expect(modelProcess(serving)).toBe(pid);
    await client.close();
    expect(await serving.stop()).toBe(0);
  },
  timeoutMs,
);

test(
  'a request that breaks the context of the GPU costs a model process, and the next process answers',
  async () => {
    const serving = startServingProcess({ files: { 'model.onnx': pickedByPlace() }, settings: onGpu });
    await serving.ready();
    const client = ModelClient.grpc(serving.grpc, { model, retries: 0 });
    const at = async (place: bigint): Promise<unknown> => {
      const { y } = await client.predict({ x: { dataType: 'INT64', shape: [1, 1], data: BigInt64Array.of(place) } });
      return y?.data[0];
    };
    const pid = modelProcess(serving);
    expect(await at(3n)).toBe(30);
    // The CUDA provider checks no places: this one lies outside of all memory.
    await expect(at(2n ** 44n)).rejects.toMatchObject({ code: 'Unavailable' });
    await serving.ready();
    await eventually(async () => expect(await at(2n)).toBe(20), 30_000);
    expect(modelProcess(serving)).not.toBe(pid);
    expect(serving.log()).toMatch(/CUDA failure \d+/);
    await client.close();
    expect(await serving.stop()).toBe(0);
  },
  timeoutMs,
);
