import { expect, test } from '@jest/globals';
import { payloads } from '../../../bench/serving/payloads.ts';
import { grpcFrame, oipBinary, oipGrpc, oipJson, plainBytes, plainJson } from '../../../bench/serving/requests.ts';

const { tiny } = payloads;
const url = 'http://127.0.0.1:1';
const bytesOf = (data: Float32Array): Buffer => Buffer.from(data.buffer);
const values = Array.from(tiny.data);

test('JSON holds the tensor as a list', () => {
  const request = oipJson(tiny, url, 'bench');
  expect(request.url).toBe('http://127.0.0.1:1/v2/models/bench/infer');
  expect(JSON.parse(request.body.toString())).toEqual({
    inputs: [{ name: 'x', shape: [1, 4], datatype: 'FP32', data: values }],
  });
  expect(request.read(Buffer.from('{"outputs":[{"data":[[2.5]]}]}'))).toBe(2.5);
  expect(() => request.read(Buffer.from('{"outputs":[]}'))).toThrow('holds no number');
});

test('a binary body is JSON of the length that the header says, then the tensor, and asks for the same', () => {
  const { body, headers } = oipBinary(tiny, url, 'bench');
  const length = Number(headers['inference-header-content-length']);
  expect(JSON.parse(body.subarray(0, length).toString())).toEqual({
    inputs: [{ name: 'x', shape: [1, 4], datatype: 'FP32', parameters: { binary_data_size: 16 } }],
    parameters: { binary_data_output: true },
  });
  expect(body.subarray(length)).toEqual(bytesOf(tiny.data));
});

test('the first element of a binary answer lies behind its JSON, and an answer in JSON is refused', () => {
  const { read } = oipBinary(tiny, url, 'bench');
  const head = Buffer.from('{"outputs":[{"name":"y","parameters":{"binary_data_size":4}}]}');
  expect(read(Buffer.concat([head, bytesOf(Float32Array.of(2.5))]))).toBe(2.5);
  expect(() => read(Buffer.from('{"outputs":[{"name":"y","data":[2.5]}]}'))).toThrow('is not binary');
});

test('a gRPC body is a prefix with the length of the message, and the message', () => {
  const { url: at, body } = oipGrpc(tiny, url, 'bench');
  expect(at).toBe('http://127.0.0.1:1/inference.GRPCInferenceService/ModelInfer');
  expect(body.readUInt8()).toBe(0);
  expect(body.readUInt32BE(1)).toBe(body.byteLength - 5);
  expect(body.subarray(-16)).toEqual(bytesOf(tiny.data));
});

test('the first element of a gRPC answer is read from raw and from typed contents', () => {
  const { read } = oipGrpc(tiny, url, 'bench');
  // ModelInferResponse: field 6 is raw_output_contents; field 5 an output, whose field 5 is contents, whose field 6 is fp32_contents.
  const raw = Buffer.concat([Buffer.from([0x32, 4]), bytesOf(Float32Array.of(2.5))]);
  const typed = Buffer.concat([Buffer.from([0x2a, 8, 0x2a, 6, 0x32, 4]), bytesOf(Float32Array.of(7))]);
  expect(read(grpcFrame(raw))).toBe(2.5);
  expect(read(grpcFrame(typed))).toBe(7);
});

test('plain bodies are the list or the bytes alone', () => {
  const json = plainJson(tiny, url);
  expect(JSON.parse(json.body.toString())).toEqual({ shape: [1, 4], data: values });
  expect(json.read(Buffer.from('{"data":[[[2.5]]]}'))).toBe(2.5);
  const bytes = plainBytes(tiny, url);
  expect(bytes.body).toEqual(bytesOf(tiny.data));
  expect(bytes.read(bytesOf(Float32Array.of(2.5)))).toBe(2.5);
});

test('the payloads have the sizes that the rows promise', () => {
  expect(tiny.data.byteLength).toBe(16);
  expect(payloads.image.data.byteLength).toBe(602_112);
  expect(payloads.slow.data.byteLength).toBe(16_384);
});
