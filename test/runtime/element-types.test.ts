import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { grpcClient, type GrpcClient } from '../support/inference-client.ts';
import { everyTypeModel } from '../support/models.ts';
import { elementTypes, type ElementType } from '../../runtime/onnx/element-types.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';

/** For each ONNX type: the protocol's name, two values in JSON, the same as raw data, and the gRPC field of contents. */
interface Case {
  datatype: string;
  json: string;
  raw: Buffer;
  field?: string;
  contents?: unknown[];
}

const bytes = (array: ArrayBufferView): Buffer => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
const strings = Buffer.concat([Buffer.from([7, 0, 0, 0]), Buffer.from('zwölf!'), Buffer.from([0, 0, 0, 0])]);

const cases: Partial<Record<ElementType, Case>> = {
  BOOL: {
    datatype: 'BOOL',
    json: 'true,false',
    raw: Buffer.from([1, 0]),
    field: 'bool_contents',
    contents: [true, false],
  },
  UINT8: { datatype: 'UINT8', json: '0,255', raw: Buffer.from([0, 255]), field: 'uint_contents', contents: [0, 255] },
  INT8: {
    datatype: 'INT8',
    json: '-128,127',
    raw: bytes(Int8Array.of(-128, 127)),
    field: 'int_contents',
    contents: [-128, 127],
  },
  UINT16: {
    datatype: 'UINT16',
    json: '1,65535',
    raw: bytes(Uint16Array.of(1, 65535)),
    field: 'uint_contents',
    contents: [1, 65535],
  },
  INT16: {
    datatype: 'INT16',
    json: '-32768,5',
    raw: bytes(Int16Array.of(-32768, 5)),
    field: 'int_contents',
    contents: [-32768, 5],
  },
  UINT32: {
    datatype: 'UINT32',
    json: '7,4294967295',
    raw: bytes(Uint32Array.of(7, 0xffffffff)),
    field: 'uint_contents',
    contents: [7, 0xffffffff],
  },
  INT32: {
    datatype: 'INT32',
    json: '-2147483648,9',
    raw: bytes(Int32Array.of(-(2 ** 31), 9)),
    field: 'int_contents',
    contents: [-(2 ** 31), 9],
  },
  UINT64: {
    datatype: 'UINT64',
    json: '18446744073709551615,9007199254740993',
    raw: bytes(BigUint64Array.of(2n ** 64n - 1n, 9007199254740993n)),
    field: 'uint64_contents',
    contents: ['18446744073709551615', '9007199254740993'],
  },
  INT64: {
    datatype: 'INT64',
    json: '-9223372036854775808,9007199254740993',
    raw: bytes(BigInt64Array.of(-(2n ** 63n), 9007199254740993n)),
    field: 'int64_contents',
    contents: ['-9223372036854775808', '9007199254740993'],
  },
  FLOAT16: { datatype: 'FP16', json: '-1.5,65504', raw: bytes(Uint16Array.of(0xbe00, 0x7bff)) },
  FLOAT: {
    datatype: 'FP32',
    json: '0.25,"NaN"',
    raw: bytes(Float32Array.of(0.25, NaN)),
    field: 'fp32_contents',
    contents: [0.25, NaN],
  },
  DOUBLE: {
    datatype: 'FP64',
    json: '1e+300,"-Infinity"',
    raw: bytes(Float64Array.of(1e300, -Infinity)),
    field: 'fp64_contents',
    contents: [1e300, -Infinity],
  },
  STRING: {
    datatype: 'BYTES',
    json: '"zwölf!",""',
    raw: strings,
    field: 'bytes_contents',
    contents: [Buffer.from('zwölf!'), Buffer.alloc(0)],
  },
};
const entries = Object.entries(cases);
const types = entries.map(([type]) => type as ElementType);

let serving: ServingProcess;
let grpc: GrpcClient;
beforeAll(async () => {
  serving = startServingProcess({ files: { 'model.onnx': everyTypeModel(types) } });
  grpc = grpcClient(serving.grpc);
  await serving.ready();
}, 60_000);
afterAll(async () => {
  grpc.close();
  expect(await serving.stop()).toBe(0);
});

const post = (body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${serving.url}/v2/models/model/infer`, { method: 'POST', body, headers });

describe('every element type that ONNX Runtime takes', () => {
  test('is listed here', () => {
    expect(new Set([...types, 'BFLOAT16'])).toEqual(new Set(Object.keys(elementTypes)));
  });

  test('passes through JSON unchanged', async () => {
    const inputs = entries.map(
      ([type, { datatype, json }]) => `{"name":"in_${type}","shape":[1,2],"datatype":"${datatype}","data":[${json}]}`,
    );
    const response = await post(`{"inputs":[${inputs.join()}]}`);
    const outputs = entries.map(
      ([type, { datatype, json }]) => `{"name":"out_${type}","shape":[1,2],"datatype":"${datatype}","data":[${json}]}`,
    );
    expect(await response.text()).toBe(`{"model_name":"model","model_version":"1","outputs":[${outputs.join()}]}`);
    expect(response.status).toBe(200);
  });

  test('passes through binary REST unchanged', async () => {
    const inputs = entries.map(([type, { datatype, raw }]) => ({
      name: `in_${type}`,
      shape: [2, 1],
      datatype,
      parameters: { binary_data_size: raw.length },
    }));
    const head = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }));
    const body = Buffer.concat([head, ...entries.map(([, { raw }]) => raw)]);
    const response = await post(body, { 'inference-header-content-length': String(head.length) });
    const answer = Buffer.from(await response.arrayBuffer());
    const length = Number(response.headers.get('inference-header-content-length'));
    expect(JSON.parse(answer.subarray(0, length).toString())).toMatchObject({
      outputs: entries.map(([type, { datatype, raw }]) => ({
        name: `out_${type}`,
        shape: [2, 1],
        datatype,
        parameters: { binary_data_size: raw.length },
      })),
    });
    expect(answer.subarray(length)).toEqual(Buffer.concat(entries.map(([, { raw }]) => raw)));
  });

  test('passes through gRPC raw contents unchanged', async () => {
    const answer = await grpc.infer({
      model_name: 'model',
      id: 'seven',
      inputs: entries.map(([type, { datatype }]) => ({ name: `in_${type}`, datatype, shape: [1, 2] })),
      raw_input_contents: entries.map(([, { raw }]) => raw),
    });
    expect(answer.id).toBe('seven');
    expect(answer.outputs.map(({ name, datatype, shape }) => [name, datatype, shape])).toEqual(
      entries.map(([type, { datatype }]) => [`out_${type}`, datatype, ['1', '2']]),
    );
    expect(answer.raw_output_contents).toEqual(entries.map(([, { raw }]) => raw));
  });

  test('passes through gRPC typed contents unchanged, FP16 refused by name', async () => {
    const inputs = entries.map(([type, { datatype, field, contents }]) => ({
      name: `in_${type}`,
      datatype,
      shape: [1, 2],
      contents: field === undefined ? {} : { [field]: contents },
    }));
    const half = inputs.findIndex(({ datatype }) => datatype === 'FP16');
    await expect(grpc.infer({ model_name: 'model', inputs })).rejects.toMatchObject({
      code: 3,
      details: `inputs[${half}].contents: FP16 needs raw_input_contents`,
    });
  });

  test('passes with no elements at all', async () => {
    const inputs = entries.map(([type, { datatype }]) => ({ name: `in_${type}`, shape: [0, 2], datatype, data: [] }));
    const response = await post(JSON.stringify({ inputs }));
    expect(await response.json()).toMatchObject({
      outputs: entries.map(([type, { datatype }]) => ({ name: `out_${type}`, shape: [0, 2], datatype, data: [] })),
    });
  });
});
