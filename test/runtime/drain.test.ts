import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { adminPaths, ports } from '../../runtime/contract.ts';
import { grpcClient, type GrpcClient } from '../support/inference-client.ts';
import { loopModel, sumAndDifferenceModel } from '../support/models.ts';
import { startRelay } from '../support/relay.ts';
import { startServingProcess, until } from '../support/serving.ts';

const files = { 'model.onnx': sumAndDifferenceModel() };

test('clients that keep their connections, HTTP and gRPC, lose no request when a pod goes', async () => {
  const settings = { drainDelayMs: '1500' };
  const old = startServingProcess({ files, settings });
  const fresh = startServingProcess({ files, settings });
  await Promise.all([old.ready(), fresh.ready()]);
  const http = await startRelay([old.host], ports.http);
  const grpcRelay = await startRelay([old.host], ports.grpc);
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const clients: GrpcClient[] = Array.from({ length: 3 }, (_, index) =>
    grpcClient(`127.0.0.1:${grpcRelay.port}`, { 'grpc.initial_reconnect_backoff_ms': 100, index }),
  );
  const failures: string[] = [];
  let answered = 0;
  let stop = false;
  const loop = async (send: (n: number) => Promise<number>): Promise<void> => {
    for (let n = 1; !stop; n++) {
      await send(n).then(
        (sum) => {
          answered += 1;
          if (sum !== n + 1) failures.push(`${n} + 1 gave ${sum}`);
        },
        (error: unknown) => failures.push(String(error)),
      );
    }
  };
  const loops = [
    ...Array.from({ length: 4 }, () => loop((n) => sumOverHttp(http.port, agent, n))),
    ...clients.map((client) => loop((n) => sumOverGrpc(client, n))),
  ];
  try {
    await until(() => answered > 200);
    const stopped = old.stop();
    await until(async () => (await fetch(`${old.admin}${adminPaths.ready}`)).status === 503);
    // An endpoint is withdrawn some time after the pod was told to stop; until then new connections still come.
    await sleep(300);
    http.targets = [fresh.host];
    grpcRelay.targets = [fresh.host];
    expect(await stopped).toBe(0);
    const before = answered;
    await until(() => answered > before + 200);
    expect(failures).toEqual([]);
  } finally {
    stop = true;
    await Promise.all(loops);
    clients.forEach((client) => client.close());
    agent.destroy();
    await Promise.all([http.close(), grpcRelay.close(), fresh.stop()]);
  }
}, 60_000);

test('a request that runs or waits when the pod is told to stop is answered, and the pod then exits with 0', async () => {
  const serving = startServingProcess({ files: { 'model.onnx': loopModel() } });
  await serving.ready();
  const run = (trips: number): Promise<Response> =>
    fetch(`${serving.url}/v2/models/model/infer`, {
      method: 'POST',
      body: `{"inputs":[{"name":"trips","shape":[],"datatype":"INT64","data":[${trips}]}]}`,
    });
  const grpc = grpcClient(serving.grpc);
  const answers = [run(5_000_000), run(1), run(2)];
  const overGrpc = grpc.infer({
    model_name: 'model',
    inputs: [{ name: 'trips', datatype: 'INT64', shape: [], contents: { int64_contents: [3] } }],
  });
  await until(async () =>
    /queue_requests\{[^}]*\} [1-9]/.test(await (await fetch(`${serving.admin}${adminPaths.metrics}`)).text()),
  );
  const stopped = serving.stop();
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([200, 200, 200]);
  expect((await overGrpc).outputs).toHaveLength(1);
  expect(await stopped).toBe(0);
  grpc.close();
}, 60_000);

function sumOverHttp(port: number, agent: Agent, n: number): Promise<number> {
  const tensor = (name: string, data: number[]): object => ({ name, shape: [1, 2], datatype: 'FP32', data });
  const body = JSON.stringify({ inputs: [tensor('a', [n, n]), tensor('b', [1, 1])] });
  return new Promise((resolve, reject) => {
    const call = request(
      { port, host: '127.0.0.1', agent, method: 'POST', path: '/v2/models/model/infer' },
      (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode !== 200) reject(new Error(`${response.statusCode ?? 0}: ${text}`));
          else resolve((JSON.parse(text) as { outputs: { data: number[] }[] }).outputs[0]?.data[0] ?? NaN);
        });
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

async function sumOverGrpc(client: GrpcClient, n: number): Promise<number> {
  const tensor = (name: string, values: number[]): object => ({
    name,
    datatype: 'FP32',
    shape: [1, 2],
    contents: { fp32_contents: values },
  });
  const answer = await client.infer({ model_name: 'model', inputs: [tensor('a', [n, n]), tensor('b', [1, 1])] });
  return answer.raw_output_contents[0]?.readFloatLE(0) ?? NaN;
}
