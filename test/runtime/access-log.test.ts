import { describe, expect, test } from '@jest/globals';
import { grpcClient } from '../support/inference-client.ts';
import { sumAndDifferenceModel } from '../support/models.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';

const start = async (accessLog?: string): Promise<ServingProcess> => {
  const serving = startServingProcess({
    files: { 'model.onnx': sumAndDifferenceModel() },
    settings: accessLog === undefined ? {} : { accessLog },
  });
  await serving.ready();
  return serving;
};

const names = ['a', 'b'];
const body = (value: number | string): string =>
  JSON.stringify({ inputs: names.map((name) => ({ name, datatype: 'FP32', shape: [1, 2], data: [value, value] })) });

async function ask({ url, grpc }: ServingProcess): Promise<void> {
  const headers = { 'x-request-id': 'first', authorization: 'Bearer sesame' };
  const sent = body(271_828);
  const answer = await fetch(`${url}/v2/models/model/infer?token=sesame`, { method: 'POST', body: sent, headers });
  expect(answer.status).toBe(200);
  const bad = await fetch(`${url}/v1/models/model:predict`, { method: 'POST', body: body('sesame') });
  expect(bad.status).toBe(400);
  const client = grpcClient(grpc);
  const raw = Buffer.from(Float32Array.of(271_828, 0).buffer);
  const inputs = names.map((name) => ({ name, datatype: 'FP32', shape: [1, 2] }));
  await client.call(
    'ModelInfer',
    { model_name: 'model', inputs, raw_input_contents: [raw, raw] },
    { metadata: { 'x-request-id': 'second' } },
  );
  await expect(client.infer({ model_name: 'nobody', inputs: [] })).rejects.toMatchObject({ code: 5 });
  client.close();
  await fetch(`${url}/v2/health/ready`);
}

async function linesOf(accessLog?: string): Promise<{ lines: Record<string, unknown>[]; log: string }> {
  const serving = await start(accessLog);
  try {
    await ask(serving);
  } finally {
    // What waits to be written is written when the process ends.
    expect(await serving.stop()).toBe(0);
  }
  const all = serving.log().trim().split('\n');
  const lines = all.map((line) => JSON.parse(line) as Record<string, unknown>);
  return { lines: lines.filter(({ name }) => name === 'modelyard-access'), log: serving.log() };
}

describe('the access log', () => {
  test('has one line for each request of inference of either front, with no payload and no token', async () => {
    const { lines, log } = await linesOf('All');
    const [rest, refused, grpc, unknown] = lines;
    expect(lines).toHaveLength(4);
    expect(rest).toMatchObject({
      requestId: 'first',
      protocol: 'rest',
      path: '/v2/models/model/infer',
      model: 'model',
      version: '1',
      code: 'ok',
      status: 200,
      bytesIn: body(271_828).length,
      batchRequests: 1,
    });
    expect(rest?.client).toMatch(/^127\./);
    expect(rest?.bytesOut).toBeGreaterThan(50);
    for (const line of [rest, grpc]) {
      const { durationMs, queueMs, runMs, computeMs } = line as Record<string, number>;
      expect(computeMs).toBeGreaterThan(0);
      expect(runMs).toBeGreaterThanOrEqual(computeMs ?? 0);
      expect(durationMs).toBeGreaterThanOrEqual((runMs ?? 0) + (queueMs ?? 0));
    }
    expect(refused).toMatchObject({
      code: 'InvalidArgument',
      status: 400,
      path: '/v1/models/model:predict',
      bytesOut: 0,
    });
    expect(grpc).toMatchObject({
      requestId: 'second',
      protocol: 'grpc',
      path: '/inference.GRPCInferenceService/ModelInfer',
      model: 'model',
      code: 'ok',
      status: 0,
    });
    expect(grpc?.client).toMatch(/^127\./);
    expect(unknown).toMatchObject({ protocol: 'grpc', code: 'NotFound', status: 5 });
    expect(unknown).not.toHaveProperty('model');
    expect(log).not.toContain('sesame');
    expect(log).not.toContain('271828');
  }, 60_000);

  test('may be of failures alone', async () => {
    const { lines } = await linesOf('Failed');
    expect(lines.map(({ code }) => code)).toEqual(['InvalidArgument', 'NotFound']);
  }, 60_000);

  test('is off unless asked for', async () => {
    expect((await linesOf()).lines).toEqual([]);
  }, 60_000);
});
