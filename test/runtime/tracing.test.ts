import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { tracesSampler, tracingEnv } from '../../runtime/contract.ts';
import { grpcClient } from '../support/inference-client.ts';
import { sumAndDifferenceModel } from '../support/models.ts';
import { startOtlpReceiver, type OtlpReceiver, type ReceivedSpan } from '../support/otlp-receiver.ts';
import { scraped } from '../support/scraped.ts';
import { startServingProcess, until, type ServingProcess, type ServingSetup } from '../support/serving.ts';

let collector: OtlpReceiver;
let serving: ServingProcess;

beforeEach(async () => {
  collector = await startOtlpReceiver();
});
afterEach(async () => {
  await serving.stop();
  await collector.close();
});

async function start(samplingRatio: string, settings: ServingSetup['settings'] = {}, endpoint = collector.endpoint) {
  serving = startServingProcess({
    files: { 'model.onnx': sumAndDifferenceModel() },
    settings: { podName: 'digits-1', ...settings },
    environment: {
      [tracingEnv.endpoint]: endpoint,
      [tracingEnv.sampler]: tracesSampler,
      [tracingEnv.samplingRatio]: samplingRatio,
      [tracingEnv.serviceName]: 'digits',
      [tracingEnv.resourceAttributes]: 'service.namespace=team-a',
    },
  });
  await serving.ready();
}

const traceId = '0af7651916cd43dd8448eb211c80319c';
const caller = 'b7ad6b7169203331';
const traceparent = (flags: '00' | '01'): string => `00-${traceId}-${caller}-${flags}`;

const inputs = ['a', 'b'].map((name) => ({ name, datatype: 'FP32', shape: [1, 2], data: [1, 2] }));

const post = (headers: Record<string, string> = {}, body: object = { inputs }): Promise<Response> =>
  fetch(`${serving.url}/v2/models/model/infer?key=sesame`, { method: 'POST', body: JSON.stringify(body), headers });

/** The only child of the process that answers. */
function modelProcess(): number {
  const { pid = 0 } = serving.process;
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
}

/** What the collector has once the process is gone, which sends what waits. */
async function spansAtEnd(): Promise<ReceivedSpan[]> {
  expect(await serving.stop()).toBe(0);
  return collector.spans();
}

const named = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan => {
  const found = spans.find((span) => span.name === name);
  if (!found) throw new Error(`no span ${name} in ${spans.map((span) => span.name).join(', ')}`);
  return found;
};

/** Each span with its children inside, as names. */
const tree = (spans: readonly ReceivedSpan[], parent: string): unknown[] =>
  spans
    .filter(({ parentSpanId }) => parentSpanId === parent)
    .toSorted((a, b) => a.beganAt - b.beganAt)
    .map(({ name, spanId }) => [name, ...tree(spans, spanId)]);

const inRun = ['run', ['model process', ['preprocess'], ['infer'], ['postprocess']]];

describe('the trace of a request', () => {
  test("over REST goes on its caller's, through queue and run into the model process", async () => {
    await start('0');
    const answer = await post({ traceparent: traceparent('01'), tracestate: 'vendor=1', 'x-request-id': 'r-1' });
    expect(answer.status).toBe(200);
    const spans = await spansAtEnd();
    expect(tree(spans, caller)).toEqual([['POST /v2/models/:model/infer', ['queue'], inRun]]);
    expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
    const server = named(spans, 'POST /v2/models/:model/infer');
    expect(server).toMatchObject({ kind: 2, status: 0 });
    expect(server.resource).toMatchObject({
      'service.name': 'digits',
      'service.namespace': 'team-a',
      'service.instance.id': 'digits-1',
    });
    expect(server.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/v2/models/:model/infer',
      'http.response.status_code': 200,
      'url.path': '/v2/models/model/infer',
      'modelyard.model.name': 'model',
      'modelyard.model.version': '1',
      'modelyard.request.id': 'r-1',
      'modelyard.code': 'ok',
    });
    expect(named(spans, 'infer').attributes).toEqual({ 'modelyard.batch.rows': 1 });
    expect(named(spans, 'run').attributes).toEqual({ 'modelyard.batch.requests': 1 });
    for (const span of spans) {
      expect(span.endedAt).toBeGreaterThanOrEqual(span.beganAt);
      expect(span.beganAt).toBeGreaterThanOrEqual(server.beganAt);
      expect(span.endedAt).toBeLessThanOrEqual(server.endedAt + 0.001);
      expect(JSON.stringify(span)).not.toContain('sesame');
    }
    expect(named(spans, 'infer').endedAt).toBeGreaterThan(named(spans, 'infer').beganAt);
  }, 60_000);

  test('over gRPC does the same by metadata', async () => {
    await start('0');
    const client = grpcClient(serving.grpc);
    const raw = Buffer.from(Float32Array.of(1, 2).buffer);
    const message = {
      model_name: 'model',
      inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
      raw_input_contents: [raw, raw],
    };
    await client.call('ModelInfer', message, { metadata: { traceparent: traceparent('01') } });
    client.close();
    const spans = await spansAtEnd();
    const name = 'inference.GRPCInferenceService/ModelInfer';
    expect(tree(spans, caller)).toEqual([[name, ['queue'], inRun]]);
    expect(named(spans, name)).toMatchObject({
      traceId,
      kind: 2,
      attributes: {
        'rpc.system': 'grpc',
        'rpc.service': 'inference.GRPCInferenceService',
        'rpc.method': 'ModelInfer',
        'rpc.grpc.status_code': 0,
        'modelyard.model.name': 'model',
      },
    });
  }, 60_000);

  test('of those that ran together holds the model process once, and the others link to it', async () => {
    await start('1', { batchMaxSize: '3', batchMaxDelayMs: '60000', accessLog: 'All' });
    await Promise.all([post(), post(), post()]);
    const spans = await spansAtEnd();
    const runs = spans.filter(({ name }) => name === 'run');
    expect(new Set(runs.map((run) => run.traceId)).size).toBe(3);
    for (const run of runs) expect(run.attributes).toEqual({ 'modelyard.batch.requests': 3 });
    const [first, ...others] = runs.toSorted((a, b) => a.links.length - b.links.length);
    expect(first?.links).toEqual([]);
    for (const run of others) expect(run.links).toEqual([{ traceId: first?.traceId, spanId: first?.spanId }]);
    expect(spans.filter(({ name }) => name === 'model process').map((span) => span.parentSpanId)).toEqual([
      first?.spanId,
    ]);
    expect(named(spans, 'infer').attributes).toEqual({ 'modelyard.batch.rows': 3 });
    const logged = serving.log().matchAll(/"traceId":"([0-9a-f]{32})"/g);
    expect([...logged].map(([, id]) => id).toSorted()).toEqual(runs.map((run) => run.traceId).toSorted());
  }, 60_000);

  test('is an error where the server is to blame, and not where the client is', async () => {
    await start('1');
    expect((await post({}, { inputs: 'none' })).status).toBe(400);
    process.kill(modelProcess(), 'SIGSTOP');
    expect((await post({ 'request-timeout': '0.2' })).status).toBe(504);
    process.kill(modelProcess(), 'SIGCONT');
    const spans = (await spansAtEnd()).filter(({ kind }) => kind === 2);
    expect(
      spans.map(({ status, attributes }) => [attributes['modelyard.code'], status, attributes['error.type']]),
    ).toEqual([
      ['InvalidArgument', 0, undefined],
      ['DeadlineExceeded', 2, 'DeadlineExceeded'],
    ]);
  }, 60_000);

  test('is recorded or not as its caller decided, else by the ratio', async () => {
    await start('0');
    await post();
    await post({ traceparent: traceparent('00') });
    await post({ traceparent: 'nonsense' });
    await post({ traceparent: traceparent('01') });
    const servers = (await spansAtEnd()).filter(({ kind }) => kind === 2);
    expect(servers.map(({ parentSpanId }) => parentSpanId)).toEqual([caller]);
  }, 60_000);
});

describe('a collector that is down', () => {
  test('fails and slows no request; what is lost is counted, and told once', async () => {
    await start('1', {}, 'http://127.0.0.1:1');
    for (let round = 0; round < 60; round++) {
      const answers = await Promise.all(Array.from({ length: 16 }, () => post()));
      for (const { status } of answers) expect(status).toBe(200);
    }
    await until(async () => (await scraped(serving.admin, 'modelyard_trace_spans_dropped_total')) > 0, 20_000);
    expect(serving.log().split('spans are lost')).toHaveLength(2);
    const begin = performance.now();
    expect(await serving.stop()).toBe(0);
    expect(performance.now() - begin).toBeLessThan(5_000);
  }, 60_000);
});
