import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { adminPaths, ports } from '../../runtime/contract.ts';
import { adding, grpcCaller, restCaller, startLoad } from '../support/callers.ts';
import { grpcClient } from '../support/inference-client.ts';
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
  const load = startLoad(
    [
      ...Array.from({ length: 4 }, () => restCaller(`127.0.0.1:${http.port}`, adding)),
      ...Array.from({ length: 3 }, () => grpcCaller(`127.0.0.1:${grpcRelay.port}`, adding)),
    ],
    adding,
    (turn) => turn % 1_000,
  );
  try {
    await until(() => load.answered > 200);
    const stopped = old.stop();
    await until(async () => (await fetch(`${old.admin}${adminPaths.ready}`)).status === 503);
    // An endpoint is withdrawn some time after the pod was told to stop; until then new connections still come.
    await sleep(300);
    http.targets = [fresh.host];
    grpcRelay.targets = [fresh.host];
    expect(await stopped).toBe(0);
    const before = load.answered;
    await until(() => load.answered > before + 200);
    expect(load.failures).toEqual([]);
  } finally {
    await load.stop();
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
