import { gzipSync } from 'node:zlib';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { grpcClient, type GrpcClient } from '../support/inference-client.ts';
import { identityModel } from '../support/models.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';

let serving: ServingProcess;
let grpc: GrpcClient;
beforeAll(async () => {
  serving = startServingProcess({ files: { 'model.onnx': identityModel('FLOAT', ['n', 'm']) } });
  grpc = grpcClient(serving.grpc, { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
  await serving.ready();
});
afterAll(async () => {
  grpc.close();
  expect(await serving.stop()).toBe(0);
});

/** Different in every element and for every seed. */
function tensor(length: number, seed: number): { shape: number[]; raw: Buffer } {
  const floats = Float32Array.from({ length }, (_, index) => index + seed / 256);
  return { shape: [1, length], raw: Buffer.from(floats.buffer) };
}

interface Answer {
  outputs: { parameters: { binary_data_size: number } }[];
}

type Send = (body: Buffer) => Omit<RequestInit, 'headers'> & { headers?: Record<string, string> };

const whole: Send = (body) => ({ body: new Uint8Array(body) });
const chunked: Send = (body) => ({ body: Readable.toWeb(Readable.from([body])) as ReadableStream, duplex: 'half' });
const compressed: Send = (body) => ({ body: new Uint8Array(gzipSync(body)), headers: { 'content-encoding': 'gzip' } });

async function overRest(length: number, seed: number, send = whole, signal?: AbortSignal): Promise<boolean> {
  const { shape, raw } = tensor(length, seed);
  const input = { name: 'x', shape, datatype: 'FP32', parameters: { binary_data_size: raw.byteLength } };
  const head = Buffer.from(JSON.stringify({ inputs: [input], parameters: { binary_data_output: true } }));
  const { headers, ...rest } = send(Buffer.concat([head, raw]));
  const response = await fetch(`${serving.url}/v2/models/model/infer`, {
    method: 'POST',
    headers: { 'inference-header-content-length': String(head.byteLength), ...headers },
    ...rest,
    ...(signal && { signal }),
  });
  const answer = Buffer.from(await response.arrayBuffer());
  const end = Number(response.headers.get('inference-header-content-length'));
  const { outputs } = JSON.parse(answer.subarray(0, end).toString()) as Answer;
  return outputs[0]?.parameters.binary_data_size === raw.byteLength && answer.subarray(end).equals(raw);
}

async function overGrpc(length: number, seed: number): Promise<boolean> {
  const { shape, raw } = tensor(length, seed);
  const { raw_output_contents: outputs } = await grpc.infer({
    model_name: 'model',
    inputs: [{ name: 'x', datatype: 'FP32', shape }],
    raw_input_contents: [raw],
  });
  return outputs[0]?.equals(raw) === true;
}

describe('large tensors', () => {
  test('come back as they went, over both protocols, whatever their size', async () => {
    for (const [seed, bytes] of [16_384, 65_536, 65_540, 131_072, 602_112, 1_048_576, 20_000_000].entries()) {
      expect([bytes, await overRest(bytes / 4, seed)]).toEqual([bytes, true]);
      expect([bytes, await overGrpc(bytes / 4, seed)]).toEqual([bytes, true]);
    }
  });

  test('come back as they went where the length of the body is not announced, and where it is compressed', async () => {
    for (const send of [chunked, compressed]) expect(await overRest(150_000, 7, send)).toBe(true);
  });

  test('of many clients at a time are never mixed up, also while others leave', async () => {
    const lengths = [4, 20_000, 150_528, 150_528, 300_000];
    const asked = Array.from({ length: 60 }, (_, index) => {
      const length = lengths[index % lengths.length] ?? 0;
      if (index % 3 === 0) return overGrpc(length, index);
      if (index % 7 !== 1) return overRest(length, index);
      return overRest(length, index, whole, AbortSignal.timeout(index)).catch(() => true);
    });
    expect(await Promise.all(asked)).toEqual(asked.map(() => true));
  });
});
