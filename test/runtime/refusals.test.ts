import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { grpcClient, type GrpcClient } from '../support/inference-client.ts';
import { onnxModel, type Value } from '../support/onnx-builder.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';

const value = (name: string, type: Value['type'], shape: Value['shape']): Value => ({ name, type, shape });

/** Inputs floats FLOAT [n, 2], ids INT64 [n], flags BOOL [n], words STRING [n], small INT8 [n]; one output for each. */
const model = onnxModel({
  nodes: ['floats', 'ids', 'flags', 'words', 'small'].map((name) => ({
    op: 'Identity',
    inputs: [name],
    outputs: [`${name}_out`],
  })),
  inputs: [
    value('floats', 'FLOAT', ['n', 2]),
    value('ids', 'INT64', ['n']),
    value('flags', 'BOOL', ['n']),
    value('words', 'STRING', ['n']),
    value('small', 'INT8', ['n']),
  ],
  outputs: [
    value('floats_out', 'FLOAT', ['n', 2]),
    value('ids_out', 'INT64', ['n']),
    value('flags_out', 'BOOL', ['n']),
    value('words_out', 'STRING', ['n']),
    value('small_out', 'INT8', ['n']),
  ],
});

let serving: ServingProcess;
let grpc: GrpcClient;
beforeAll(async () => {
  serving = startServingProcess({ files: { 'model.onnx': model } });
  grpc = grpcClient(serving.grpc);
  await serving.ready();
}, 60_000);
afterAll(async () => {
  grpc.close();
  await serving.stop();
});

interface Input {
  name: string;
  shape: unknown;
  datatype: string;
  data?: unknown;
  parameters?: unknown;
}

const good = (): Record<string, Input> => ({
  floats: { name: 'floats', shape: [1, 2], datatype: 'FP32', data: [1, 2] },
  ids: { name: 'ids', shape: [1], datatype: 'INT64', data: [1] },
  flags: { name: 'flags', shape: [1], datatype: 'BOOL', data: [true] },
  words: { name: 'words', shape: [1], datatype: 'BYTES', data: ['a'] },
  small: { name: 'small', shape: [1], datatype: 'INT8', data: [1] },
});

const post = async (body: string | Buffer, headers: Record<string, string> = {}, path = 'models/model/infer') => {
  const response = await fetch(`${serving.url}/v2/${path}`, { method: 'POST', body, headers });
  return {
    status: response.status,
    answer: (await response.json()) as Record<string, unknown>,
    headers: response.headers,
  };
};

/** A good request in which one input is changed, as JSON text. */
const changed = (name: string, change: object): string =>
  JSON.stringify({
    inputs: Object.values(good()).map((input) => (input.name === name ? { ...input, ...change } : input)),
  });

test('the request that all others differ from is answered', async () => {
  expect((await post(changed('', {}))).status).toBe(200);
});

describe('a REST request that is wrong is refused with the field’s path', () => {
  const cases: [string, string | Buffer, RegExp][] = [
    ['not JSON', '{"inputs": [', /^body: not valid JSON/],
    ['empty', '', /^body: not valid JSON/],
    ['not an object', '[]', /^body: must be an object/],
    ['not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /^body: not valid UTF-8/],
    ['nested without end', '['.repeat(200_000), /^body: /],
    ['a prototype key', '{"__proto__": {"inputs": []}, "inputs": []}', /__proto__/],
    ['a prototype key in escapes', '{"\\u005f_proto__": {"inputs": []}, "inputs": []}', /__proto__/],
    ['an unknown field', '{"inputs": [], "input": 1}', /^body: has the unknown field "input"/],
    ['no inputs', '{}', /^inputs: must be an array/],
    ['an input is null', '{"inputs": [null]}', /^inputs\[0\]: must be an object/],
    [
      'an unknown input',
      changed('ids', { name: 'idz' }),
      /^inputs\[1\]\.name: the model has no input "idz"; its inputs are "floats"/,
    ],
    [
      'an input twice',
      changed('ids', { name: 'floats', shape: [1, 2], datatype: 'FP32', data: [1, 2] }),
      /^inputs\[1\]\.name: "floats" is given twice/,
    ],
    ['an input missing', JSON.stringify({ inputs: [good().floats] }), /^inputs: "ids" is missing/],
    ['another type', changed('floats', { datatype: 'FP64' }), /^inputs\[0\]\.datatype: "floats" is FP32, not FP64/],
    ['an unknown type', changed('floats', { datatype: 'FLOAT' }), /^inputs\[0\]\.datatype: must be one of BOOL/],
    ['BF16', changed('floats', { datatype: 'BF16' }), /^inputs\[0\]\.datatype: BF16 is not supported/],
    [
      'a type of the prototype',
      changed('floats', { datatype: 'constructor' }),
      /^inputs\[0\]\.datatype: must be one of/,
    ],
    [
      'another rank',
      changed('floats', { shape: [2] }),
      /^inputs\[0\]\.shape: "floats" takes \[-1,2\] \(-1 is any\), not \[2\]/,
    ],
    ['another dimension', changed('floats', { shape: [2, 1] }), /^inputs\[0\]\.shape: "floats" takes/],
    ['a negative dimension', changed('floats', { shape: [-1, 2] }), /^inputs\[0\]\.shape\[0\]: must be a whole number/],
    ['a broken dimension', changed('floats', { shape: [1.5, 2] }), /^inputs\[0\]\.shape\[0\]: must be/],
    ['a text dimension', changed('floats', { shape: ['1', 2] }), /^inputs\[0\]\.shape\[0\]: must be/],
    [
      'dimensions whose product overflows',
      changed('floats', { shape: [2 ** 52, 2 ** 52] }),
      /^inputs\[0\]\.shape: .* more than a request can hold/,
    ],
    ['a terabyte', changed('floats', { shape: [2 ** 38, 2] }), /^inputs\[0\]\.shape: .* more than a request can hold/],
    ['too many dimensions', changed('floats', { shape: Array(40).fill(1) }), /^inputs\[0\]\.shape: has 40 dimensions/],
    ['too little data', changed('floats', { data: [1] }), /^inputs\[0\]\.data: has 1 elements where the shape needs 2/],
    ['too much data', changed('floats', { data: [1, 2, 3] }), /^inputs\[0\]\.data: has 3 elements/],
    [
      'data nested otherwise',
      changed('floats', { data: [[1], [2]] }),
      /^inputs\[0\]\.data: has 2 elements where the shape needs 1/,
    ],
    ['data nested deeper', changed('floats', { data: [[[1], [2]]] }), /^inputs\[0\]\.data\[0\]\[0\]: must be a number/],
    ['no data', changed('floats', { data: undefined }), /^inputs\[0\]\.data: is missing/],
    ['null in data', changed('floats', { data: [1, null] }), /^inputs\[0\]\.data\[1\]: must be a number/],
    ['a text for a number', changed('floats', { data: [1, '2'] }), /^inputs\[0\]\.data\[1\]: must be a number/],
    ['beyond FP32', changed('floats', { data: [1, 1e39] }), /^inputs\[0\]\.data\[1\]: must be between/],
    [
      'beyond every double',
      changed('floats', {}).replace('[1,2],"datatype":"FP32","data":[1,2]', '[1,2],"datatype":"FP32","data":[1,1e999]'),
      /^inputs\[0\]\.data\[1\]: must be between/,
    ],
    ['a fraction for INT64', changed('ids', { data: [1.5] }), /^inputs\[1\]\.data\[0\]: must be a whole number/],
    [
      'just beyond INT64',
      changed('ids', {}).replace('"INT64","data":[1]', '"INT64","data":[9223372036854775808]'),
      /^inputs\[1\]\.data\[0\]: must be between/,
    ],
    [
      'a hundred digits',
      changed('ids', {}).replace('"INT64","data":[1]', `"INT64","data":[${'9'.repeat(100)}]`),
      /^inputs\[1\]\.data\[0\]: must be between/,
    ],
    ['beyond INT8', changed('small', { data: [128] }), /^inputs\[4\]\.data\[0\]: must be between -128 and 127/],
    ['a number for BOOL', changed('flags', { data: [1] }), /^inputs\[2\]\.data\[0\]: must be true or false/],
    ['a number for BYTES', changed('words', { data: [1] }), /^inputs\[3\]\.data\[0\]: must be a string/],
    [
      'half a surrogate pair',
      changed('words', {}).replace('"BYTES","data":["a"]', '"BYTES","data":["\\ud800"]'),
      /^inputs\[3\]\.data\[0\]: must be a string of valid Unicode/,
    ],
    [
      'an unknown output',
      JSON.stringify({ inputs: Object.values(good()), outputs: [{ name: 'y' }] }),
      /^outputs\[0\]\.name: the model has no output "y"/,
    ],
    [
      'an output twice',
      JSON.stringify({ inputs: Object.values(good()), outputs: [{ name: 'ids_out' }, { name: 'ids_out' }] }),
      /^outputs: a name is given twice/,
    ],
    ['parameters that are no object', JSON.stringify({ inputs: [], parameters: [] }), /^parameters: must be an object/],
    [
      'a parameter that is an object',
      changed('ids', { parameters: { a: {} } }),
      /^inputs\[1\]\.parameters: "a" must be/,
    ],
    [
      'binary data without its header',
      changed('ids', { data: undefined, parameters: { binary_data_size: 8 } }),
      /^inputs\[1\]\.parameters\.binary_data_size: needs the header/,
    ],
    [
      'a timeout below zero',
      JSON.stringify({ inputs: [], parameters: { timeout: -1 } }),
      /^parameters\.timeout: must be/,
    ],
  ];
  test.each(cases)('%s', async (_name, body, message) => {
    const { status, answer } = await post(body);
    expect(answer).toEqual({ error: expect.stringMatching(message) });
    expect(status).toBe(400);
  });

  test('binary data that is too short, too long, or of another size than the shape', async () => {
    const inputs = Object.values(good()).map((input) =>
      input.name === 'ids' ? { ...input, data: undefined, parameters: { binary_data_size: 8 } } : input,
    );
    const head = Buffer.from(JSON.stringify({ inputs }));
    const send = (raw: Buffer, length = head.length): Promise<{ status: number; answer: Record<string, unknown> }> =>
      post(Buffer.concat([head, raw]), { 'inference-header-content-length': String(length) });
    expect(await send(Buffer.alloc(7))).toMatchObject({
      status: 400,
      answer: { error: expect.stringContaining('only 7 bytes are left') },
    });
    expect(await send(Buffer.alloc(9))).toMatchObject({
      status: 400,
      answer: { error: expect.stringContaining('1 bytes after the JSON') },
    });
    expect(await send(Buffer.alloc(8), head.length + 9)).toMatchObject({
      status: 400,
      answer: { error: expect.stringContaining('Inference-Header-Content-Length') },
    });
    expect(await send(Buffer.alloc(8))).toMatchObject({ status: 200 });
  });
});

describe('a path, a method or a size that is wrong has its own status', () => {
  test('404 for another model, version or path', async () => {
    expect(await post('{}', {}, 'models/other/infer')).toMatchObject({
      status: 404,
      answer: { error: expect.stringContaining('"other" is not here') },
    });
    expect(await post('{}', {}, 'models/model/versions/2/infer')).toMatchObject({
      status: 404,
      answer: { error: expect.stringContaining('version') },
    });
    expect(await post('{}', {}, 'nothing')).toMatchObject({ status: 404 });
    expect(await post('{}', {}, `models/${'x'.repeat(5000)}/infer`)).toMatchObject({ status: 404 });
  });

  test('413 for a body beyond the limit', async () => {
    expect(await post(Buffer.alloc(64 * 1024 * 1024 + 1))).toMatchObject({
      status: 413,
      answer: { error: expect.stringMatching(/^body: at most/) },
    });
  });

  test('415 for a natural body of another media type', async () => {
    expect(await post('{}', { 'content-type': 'text/csv' }, 'models/model/predict')).toMatchObject({
      status: 415,
      answer: { error: 'Content-Type: must be application/json' },
    });
  });
});

test('a natural body is nested arrays by name, both ways', async () => {
  const body = {
    floats: [
      [1, 2],
      [3, 4],
    ],
    ids: [5, 6],
    flags: [true, false],
    words: ['a', 'b'],
    small: [7, 8],
  };
  const { answer } = await post(JSON.stringify(body), { 'content-type': 'application/json' }, 'models/model/predict');
  const expected = Object.fromEntries(Object.entries(body).map(([name, values]) => [`${name}_out`, values]));
  expect(answer).toEqual({ model_name: 'model', predictions: expected });
});

describe('request ids', () => {
  const idOf = async (headers: Record<string, string>): Promise<string | null> =>
    (await post('{}', headers)).headers.get('x-request-id');
  test('a client’s id comes back and a hostile one does not', async () => {
    expect(await idOf({ 'x-request-id': 'abc-1' })).toBe('abc-1');
    expect(await idOf({ traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` })).toBe('a'.repeat(32));
    expect(await idOf({ 'x-request-id': '"}{$' })).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('a gRPC request that is wrong is refused in the same words', () => {
  const inputs = [
    { name: 'floats', datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2] } },
    { name: 'ids', datatype: 'INT64', shape: [1], contents: { int64_contents: [1] } },
    { name: 'flags', datatype: 'BOOL', shape: [1], contents: { bool_contents: [true] } },
    { name: 'words', datatype: 'BYTES', shape: [1], contents: { bytes_contents: [Buffer.from('a')] } },
    { name: 'small', datatype: 'INT8', shape: [1], contents: { int_contents: [1] } },
  ];
  const withInput = (index: number, change: object): object => ({
    model_name: 'model',
    inputs: inputs.map((input, at) => (at === index ? { ...input, ...change } : input)),
  });
  const cases: [string, object, number, RegExp][] = [
    ['another model', { model_name: 'other' }, 5, /^model "other" is not here/],
    ['another version', { model_name: 'model', model_version: '2' }, 5, /version/],
    ['an unknown input', withInput(1, { name: 'idz' }), 3, /^inputs\[1\]\.name: the model has no input "idz"/],
    ['BF16', withInput(0, { datatype: 'BF16' }), 3, /^inputs\[0\]\.datatype: BF16 is not supported/],
    ['a negative dimension', withInput(0, { shape: [-1, 2] }), 3, /^inputs\[0\]\.shape\[0\]: must be/],
    ['a huge shape', withInput(0, { shape: ['4611686018427387904', 2] }), 3, /^inputs\[0\]\.shape\[0\]: must be/],
    [
      'too little data',
      withInput(0, { contents: { fp32_contents: [1] } }),
      3,
      /^inputs\[0\]\.contents\.fp32_contents: has 1 elements/,
    ],
    [
      'the wrong field',
      withInput(0, { contents: { fp64_contents: [1, 2] } }),
      3,
      /^inputs\[0\]\.contents\.fp64_contents: FP32 belongs in fp32_contents/,
    ],
    [
      'beyond INT8',
      withInput(4, { contents: { int_contents: [128] } }),
      3,
      /^inputs\[4\]\.contents\.int_contents\[0\]: must be between -128 and 127/,
    ],
    [
      'raw data for some inputs only',
      { ...withInput(9, {}), raw_input_contents: [Buffer.alloc(8)] },
      3,
      /^raw_input_contents: has 1 elements for 5 inputs/,
    ],
    [
      'contents beside raw data',
      { ...withInput(9, {}), raw_input_contents: Array(5).fill(Buffer.alloc(8)) },
      3,
      /^inputs\[0\]\.contents: must be absent/,
    ],
    [
      'an unknown output',
      { ...withInput(9, {}), outputs: [{ name: 'y' }] },
      3,
      /^outputs\[0\]\.name: the model has no output "y"/,
    ],
  ];
  test.each(cases)('%s', async (_name, message, code, details) => {
    await expect(grpc.infer(message)).rejects.toMatchObject({ code, details: expect.stringMatching(details) });
  });

  test('raw BOOL bytes other than 0 and 1, and BYTES whose lengths reach beyond the data', async () => {
    const raw = [Buffer.alloc(8), Buffer.alloc(8), Buffer.from([2]), Buffer.from([1, 0, 0, 0, 97]), Buffer.from([1])];
    const send = (contents: Buffer[]): Promise<unknown> =>
      grpc.infer({
        model_name: 'model',
        inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
        raw_input_contents: contents,
      });
    await expect(send(raw)).rejects.toMatchObject({ code: 3, details: 'inputs[2].data: a BOOL is 0 or 1' });
    const long = [raw[0], raw[1], Buffer.from([1]), Buffer.from([9, 0, 0, 0, 97]), raw[4]] as Buffer[];
    await expect(send(long)).rejects.toMatchObject({
      code: 3,
      details: expect.stringMatching(/^inputs\[3\]\.data: a BYTES element/),
    });
    const notText = [raw[0], raw[1], Buffer.from([1]), Buffer.from([1, 0, 0, 0, 0xff]), raw[4]] as Buffer[];
    await expect(send(notText)).rejects.toMatchObject({ code: 3, details: expect.stringContaining('not UTF-8') });
  });
});

test('gRPC tells of the server, the model and its readiness', async () => {
  expect(await grpc.call('ServerLive', {})).toEqual({ live: true });
  expect(await grpc.call('ServerReady', {})).toEqual({ ready: true });
  expect(await grpc.call('ModelReady', { name: 'model' })).toEqual({ ready: true });
  expect(await grpc.call('ServerMetadata', {})).toMatchObject({ name: 'modelyard' });
  expect(await grpc.call('ModelMetadata', { name: 'model' })).toMatchObject({
    name: 'model',
    versions: ['1'],
    inputs: [
      { name: 'floats', datatype: 'FP32', shape: ['-1', '2'] },
      { name: 'ids' },
      { name: 'flags' },
      { name: 'words' },
      { name: 'small' },
    ],
  });
});
