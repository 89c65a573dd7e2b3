import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { adminPaths } from '../../runtime/contract.ts';
import { grpcClient, type GrpcClient } from '../support/inference-client.ts';
import { sumAndDifferenceModel } from '../support/models.ts';
import { scraped } from '../support/scraped.ts';
import { startServingProcess, until, type ServingProcess } from '../support/serving.ts';

let serving: ServingProcess;
let grpc: GrpcClient;

beforeAll(async () => {
  serving = startServingProcess({
    files: { 'model.onnx': sumAndDifferenceModel() },
    settings: { batchMaxSize: '4', batchMaxDelayMs: '60000' },
  });
  await serving.ready();
  grpc = grpcClient(serving.grpc);
});
afterAll(async () => {
  grpc.close();
  await serving.stop();
});

const metric = (series: string): Promise<number> => scraped(serving.admin, series);
const ofModel = 'model="model",version="1"';

const post = (body: object, model = 'model'): Promise<Response> =>
  fetch(`${serving.url}/v2/models/${model}/infer`, { method: 'POST', body: JSON.stringify(body) });

/** `rows` rows for each input. */
const inputs = (rows: number): object[] =>
  ['a', 'b'].map((name) => ({ name, datatype: 'FP32', shape: [rows, 2], data: Array(2 * rows).fill(1) }));

describe('the metrics of a serving process', () => {
  test('count a batch from its arrival to its answer', async () => {
    const waiting = [1, 2, 3].map((rows) => post({ inputs: inputs(rows) }));
    await until(async () => (await metric(`modelyard_inference_queue_requests{${ofModel}}`)) === 3, 10_000);
    expect(await metric(`modelyard_inference_in_flight_requests{${ofModel}}`)).toBe(3);
    expect(await metric(`modelyard_inference_running_requests{${ofModel}}`)).toBe(0);
    const raw = Buffer.from(Float32Array.of(1, 2).buffer);
    const last = await grpc.infer({
      model_name: 'model',
      inputs: ['a', 'b'].map((name) => ({ name, datatype: 'FP32', shape: [1, 2] })),
      raw_input_contents: [raw, raw],
    });
    expect(last.model_name).toBe('model');
    for (const { status } of await Promise.all(waiting)) expect(status).toBe(200);

    const answered = (protocol: string, code: string): string => `{${ofModel},protocol="${protocol}",code="${code}"}`;
    expect(await metric(`modelyard_inference_requests_total${answered('rest', 'ok')}`)).toBe(3);
    expect(await metric(`modelyard_inference_requests_total${answered('grpc', 'ok')}`)).toBe(1);
    expect(await metric(`modelyard_inference_duration_seconds_count${answered('rest', 'ok')}`)).toBe(3);
    expect(await metric(`modelyard_inference_queue_duration_seconds_count{${ofModel}}`)).toBe(4);
    expect(await metric(`modelyard_inference_batch_requests_sum{${ofModel}}`)).toBe(4);
    expect(await metric(`modelyard_inference_batch_requests_count{${ofModel}}`)).toBe(1);
    expect(await metric(`modelyard_inference_batch_rows_sum{${ofModel}}`)).toBe(7);
    const [run, compute, whole] = await Promise.all([
      metric(`modelyard_inference_run_duration_seconds_sum{${ofModel}}`),
      metric(`modelyard_inference_compute_duration_seconds_sum{${ofModel}}`),
      metric(`modelyard_inference_duration_seconds_sum${answered('grpc', 'ok')}`),
    ]);
    expect(compute).toBeGreaterThan(0);
    expect(run).toBeGreaterThan(compute);
    expect(whole).toBeGreaterThan(run);
    for (const gauge of ['in_flight', 'queue', 'running'])
      expect(await metric(`modelyard_inference_${gauge}_requests{${ofModel}}`)).toBe(0);
    expect(await metric(`modelyard_model_loads_total{${ofModel}}`)).toBe(1);
    expect(await metric(`modelyard_model_ready{${ofModel}}`)).toBe(1);
  }, 60_000);

  test('have no label that a client could make up', async () => {
    for (const name of ['stranger', 'another-stranger', '%22%7D'])
      expect((await post({ inputs: [] }, name)).status).toBe(404);
    await expect(grpc.infer({ model_name: 'stranger', inputs: [] })).rejects.toMatchObject({ code: 5 });
    expect((await post({ inputs: 'none' })).status).toBe(400);
    const unknown = 'modelyard_inference_requests_total{model="",version="",protocol';
    expect(await metric(`${unknown}="rest",code="NotFound"}`)).toBe(3);
    expect(await metric(`${unknown}="grpc",code="NotFound"}`)).toBe(1);
    const refused = `{${ofModel},protocol="rest",code="InvalidArgument"}`;
    expect(await metric(`modelyard_inference_requests_total${refused}`)).toBe(1);
    const page = await (await fetch(`${serving.admin}${adminPaths.metrics}`)).text();
    expect(page).not.toContain('stranger');
    expect(await metric(`modelyard_inference_in_flight_requests{${ofModel}}`)).toBe(0);
  }, 60_000);

  test('count what keeps a model from serving by its reason', async () => {
    const broken = startServingProcess({ files: { 'model.onnx': 'no model' } });
    const faults = `modelyard_model_faults_total{${ofModel},reason="InvalidModel"}`;
    try {
      await until(async () => (await scraped(broken.admin, faults).catch(() => 0)) === 1, 10_000);
    } finally {
      await broken.stop();
    }
  }, 60_000);
});
