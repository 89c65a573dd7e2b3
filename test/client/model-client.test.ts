import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ModelClientError } from '../../client/errors.ts';
import { ModelClient } from '../../client/model-client.ts';
import { sumAndDifferenceModel } from '../support/models.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';
import { tokenModel, wordTokenizer } from '../support/text-models.ts';

describe('the client and a real runtime', () => {
  let serving: ServingProcess;
  const clients: { rest?: ModelClient; grpc?: ModelClient } = {};
  beforeAll(async () => {
    serving = startServingProcess({ files: { 'model.onnx': sumAndDifferenceModel() } });
    await serving.ready();
    clients.rest = ModelClient.rest(serving.url, { model: serving.name });
    clients.grpc = ModelClient.grpc(serving.grpc, { model: serving.name });
  }, 120_000);
  afterAll(async () => {
    await clients.rest?.close();
    await clients.grpc?.close();
    await serving.stop();
  }, 60_000);

  const clientOf = (protocol: 'rest' | 'grpc'): ModelClient => {
    const client = clients[protocol];
    if (!client) throw new Error(`no ${protocol} client`);
    return client;
  };

  describe.each(['rest', 'grpc'] as const)('over %s', (protocol) => {
    test('tensors go there and back by name, type and shape', async () => {
      const answer = await clientOf(protocol).predict({
        a: { dataType: 'FP32', shape: [2, 2], data: [1, 2, 3, 4] },
        b: { dataType: 'FP32', shape: [2, 2], data: new Float32Array([10, 20, 30, 40]) },
      });
      expect(answer).toEqual({
        sum: { dataType: 'FP32', shape: [2, 2], data: new Float32Array([11, 22, 33, 44]) },
        difference: { dataType: 'FP32', shape: [2, 2], data: new Float32Array([-9, -18, -27, -36]) },
      });
    });

    test('the metadata describes the tensors, and the model is ready', async () => {
      const { name, inputs } = await clientOf(protocol).metadata();
      expect(name).toBe(serving.name);
      expect(inputs).toContainEqual({ name: 'a', dataType: 'FP32', shape: [-1, 2] });
      expect(await clientOf(protocol).ready()).toBe(true);
    });

    test('an error has a code, a status and the words of the server', async () => {
      const call = clientOf(protocol).predict({ a: { dataType: 'FP32', shape: [1, 2], data: [1, 2] } });
      const error = await call.catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(ModelClientError);
      expect(error).toMatchObject({ code: 'InvalidArgument', status: protocol === 'rest' ? 400 : 3 });
      expect((error as Error).message).toContain('b');
    });

    test('elements that do not fit their type are refused before anything is sent', async () => {
      const call = clientOf(protocol).predict({ a: { dataType: 'UINT8', shape: [1], data: [256] } });
      await expect(call).rejects.toMatchObject({ code: 'InvalidArgument', status: undefined });
    });

    test('a caller who leaves is told so', async () => {
      const call = clientOf(protocol).ready({ signal: AbortSignal.abort() });
      await expect(call).rejects.toMatchObject({ code: 'Cancelled' });
    });
  });
});

describe('the client and a task of texts', () => {
  test.each(['rest', 'grpc'] as const)(
    'one text or several, over %s',
    async (protocol) => {
      const table = Array.from({ length: 6 }, (_, id) => [id, 10 * id]);
      const model = tokenModel({ table, sums: true, output: 'sentence_embedding' });
      const serving = startServingProcess({
        files: { 'model.onnx': model, ...wordTokenizer(['one', 'two']) },
        settings: { task: 'FeatureExtraction' },
      });
      const options = { model: serving.name };
      const client =
        protocol === 'rest' ? ModelClient.rest(serving.url, options) : ModelClient.grpc(serving.grpc, options);
      try {
        await serving.ready();
        expect(await client.predict('one')).toEqual(Float32Array.of(9, 90));
        expect(await client.predict(['two', 'two one'])).toEqual([Float32Array.of(10, 100), Float32Array.of(14, 140)]);
        await expect(client.predict([])).rejects.toMatchObject({ code: 'InvalidArgument' });
      } finally {
        await client.close();
        await serving.stop();
      }
    },
    120_000,
  );
});

describe('the client and a server that refuses', () => {
  async function against(listener: RequestListener, use: (client: ModelClient) => Promise<void>): Promise<void> {
    const server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const client = ModelClient.rest(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { model: 'digits' });
    try {
      await use(client);
    } finally {
      server.closeAllConnections();
      await client.close();
      await new Promise((resolve) => server.close(resolve));
    }
  }
  const png = Uint8Array.from([0x89, 0x50, 0x4e, 0x47]);

  test('429 is tried again, with the content type of the image', async () => {
    const types: (string | undefined)[] = [];
    await against(
      (request, response) => {
        request.resume();
        types.push(request.headers['content-type']);
        if (types.length < 3) response.writeHead(429, { 'retry-after': '0' }).end('{"error":"full"}');
        else response.end('{"predictions":[{"label":"7","score":0.9}]}');
      },
      async (client) => expect(await client.predict(png)).toEqual([{ label: '7', score: 0.9 }]),
    );
    expect(types).toEqual(['image/png', 'image/png', 'image/png']);
  });

  test.each([
    [500, {}],
    [503, {}],
  ])('%i may have begun, and is not tried again', async (status, headers) => {
    let calls = 0;
    await against(
      (request, response) => {
        request.resume();
        calls += 1;
        response.writeHead(status, headers).end('{"error":"died"}');
      },
      async (client) => {
        await expect(client.predict(png)).rejects.toMatchObject({ status, message: 'died' });
      },
    );
    expect(calls).toBe(1);
  });

  test('the deadline bounds the call, retries included', async () => {
    await against(
      (request) => void request.resume(),
      async (client) => {
        await expect(client.predict(png, { timeoutMs: 100 })).rejects.toMatchObject({ code: 'DeadlineExceeded' });
      },
    );
  });
});
