import { grpcClient, grpcFailure, type GrpcClient } from '../../support/inference-client.ts';
import { sumAndDifferenceModel } from '../../support/models.ts';
import { runs } from '../../support/serving-observation.ts';
import { startServingProcess, type ServingProcess } from '../../support/serving.ts';
import { Remarks, type Outcome } from '../figures.ts';

/** A request for a model with the inputs a and b and the outputs sum and difference, as far as it departs from a good one. */
interface Form {
  what: string;
  inputs?: string[];
  outputs?: { name: string; parameters?: Record<string, unknown> }[];
  parameters?: Record<string, unknown>;
  /** Of the answer's text. */
  told: RegExp;
}

/** Names that are almost `a`, and those that every JavaScript object knows. */
const almost = ['A', ' a', 'a ', 'ａ', 'а', 'a\u0000', 'a\u0301', 'aa', '', '0', 'sum', 'A/a', 'a:0', '../a'];
const inherited = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype', 'length'];

const forms: Form[] = [
  ...[...almost, ...inherited].map((name) => ({
    what: `an input ${JSON.stringify(name)} more`,
    inputs: ['a', 'b', name],
    told: /^inputs\[2\]\.name/,
  })),
  ...[...almost, ...inherited].map((name) => ({
    what: `an input ${JSON.stringify(name)} in place of one`,
    inputs: [name, 'b'],
    told: /^inputs\[0\]\.name/,
  })),
  { what: 'an input twice', inputs: ['a', 'b', 'a'], told: /^inputs\[2\]\.name: "a" is given twice/ },
  { what: 'an input in place of the other', inputs: ['a', 'a'], told: /^inputs\[1\]\.name: "a" is given twice/ },
  { what: 'an input less', inputs: ['a'], told: /^inputs: "b" is missing/ },
  { what: 'no input', inputs: [], told: /^inputs: "a" is missing/ },
  ...['Sum', 'sum ', 'summe', '', 'a', 'b', ...inherited].map((name) => ({
    what: `an output ${JSON.stringify(name)}`,
    outputs: [{ name: 'sum' }, { name }],
    told: /^outputs\[1\]\.name/,
  })),
  { what: 'an output twice', outputs: [{ name: 'sum' }, { name: 'sum' }], told: /^outputs: a name is given twice/ },
  ...[0, -1, 'two', true].map((classification) => ({
    what: `the highest ${JSON.stringify(classification)} classes`,
    outputs: [{ name: 'sum', parameters: { classification } }],
    told: /^outputs\[0\]\.parameters\.classification/,
  })),
  ...[-1, 'soon', true].map((timeout) => ({
    what: `a timeout of ${JSON.stringify(timeout)}`,
    parameters: { timeout },
    told: /^parameters\.timeout/,
  })),
  ...[-1, 'high', false].map((priority) => ({
    what: `a priority of ${JSON.stringify(priority)}`,
    parameters: { priority },
    told: /^parameters\.priority/,
  })),
];

/** What JSON alone can say. */
const bodies: { what: string; body: object | string; told: RegExp }[] = [
  { what: 'a field more', body: { ...request({}), input: [] }, told: /^body.*input/ },
  { what: 'a misspelt field', body: { Inputs: request({}).inputs }, told: /^body.*Inputs/ },
  {
    what: 'a field of an input more',
    body: { inputs: inputsOf(['a', 'b'], { type: 'FP32' }) },
    told: /^inputs\[0\].*type/,
  },
  {
    what: 'a field of an output more',
    body: request({ outputs: [{ name: 'sum', index: 0 } as never] }),
    told: /^outputs\[0\].*index/,
  },
  { what: 'a parameter that is a list', body: request({ parameters: { timeout: [] } }), told: /^parameters.*timeout/ },
  {
    what: 'binary data that is asked for by a word',
    body: request({ parameters: { binary_data_output: 'yes' } }),
    told: /^parameters\.binary_data_output/,
  },
  { what: 'a timeout and a half', body: request({ parameters: { timeout: 1.5 } }), told: /^parameters\.timeout/ },
  {
    what: 'a prototype',
    body: JSON.stringify(request({})).replace('{', '{"__proto__":{"inputs":[]},'),
    told: /^body.*__proto__/,
  },
];

function inputsOf(names: string[], more: object = {}): object[] {
  return names.map((name) => ({ name, shape: [1, 2], datatype: 'FP32', data: [1, 2], ...more }));
}

function request({ inputs = ['a', 'b'], outputs, parameters }: Partial<Form>): Record<string, unknown> {
  return { inputs: inputsOf(inputs), ...(outputs && { outputs }), ...(parameters && { parameters }) };
}

/** Asks for each form in each protocol. Promise: every one is refused by its field, and none costs a run. */
export async function unknownInputs(): Promise<Outcome> {
  const serving = startServingProcess({ files: { 'model.onnx': sumAndDifferenceModel() } });
  const grpc = grpcClient(serving.grpc);
  const remarks = new Remarks();
  const asked: Record<string, number> = {};
  const expectRefused = async (protocol: string, form: { what: string; told: RegExp }, ask: () => Promise<string>) => {
    asked[protocol] = (asked[protocol] ?? 0) + 1;
    const told = await ask();
    if (!form.told.test(told)) remarks.add(`${protocol}: ${form.what} got ${told}`);
  };
  try {
    await serving.ready();
    const before = await runs(serving);
    for (const form of forms) {
      await expectRefused('REST, JSON', form, () => post(serving, 'v2/models/model/infer', request(form)));
      await expectRefused('REST, binary', form, () => postBinary(serving, form));
      await expectRefused('gRPC', form, () => infer(grpc, form));
      await expectRefused('gRPC, a stream', form, () => inferInStream(grpc, form));
    }
    for (const { body, ...form } of bodies) {
      await expectRefused('REST, JSON', form, () => post(serving, 'v2/models/model/infer', body));
    }
    for (const name of [...almost, ...inherited]) {
      const form = {
        what: `a column ${JSON.stringify(name)} more`,
        told: /model has no input|is no input|is not allowed/,
      };
      const columns = Object.fromEntries(['a', 'b', name].map((column) => [column, [[1, 2]]]));
      // A property, not the prototype.
      if (name === '__proto__') Object.defineProperty(columns, name, { value: [[1, 2]], enumerable: true });
      await expectRefused('REST, predict', form, () => post(serving, 'v2/models/model/predict', columns));
      await expectRefused('REST, version 1', form, () => post(serving, 'v1/models/model:predict', { inputs: columns }));
    }
    const cost = (await runs(serving)) - before;
    if ((await post(serving, 'v2/models/model/infer', request({}))) !== '') remarks.add('a good request was refused');
    return {
      figures: [
        ...Object.entries(asked).map(([protocol, count]) => ({
          what: `${protocol}: forms`,
          measured: count,
          atLeast: 20,
        })),
        { what: 'answered, or refused without a word on the field', measured: remarks.count, atMost: 0 },
        { what: 'runs of the model', measured: cost, atMost: 0 },
      ],
      remarks: remarks.list,
    };
  } finally {
    grpc.close();
    await serving.stop();
  }
}

/** @returns the error, or nothing where there is none */
async function post(
  { url }: ServingProcess,
  path: string,
  body: object | string,
  headers: Record<string, string> = { 'content-type': 'application/json' },
): Promise<string> {
  const sent = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const response = await fetch(`${url}/${path}`, { method: 'POST', body: sent, headers });
  const text = await response.text();
  if (response.status === 200) return '';
  const { error } = JSON.parse(text) as { error: string };
  return response.status === 400 ? error : `${response.status} ${error}`;
}

function postBinary(serving: ServingProcess, { inputs = ['a', 'b'], ...form }: Form): Promise<string> {
  const tensors = inputs.map((name) => ({
    name,
    shape: [1, 2],
    datatype: 'FP32',
    parameters: { binary_data_size: 8 },
  }));
  const head = Buffer.from(JSON.stringify({ ...request(form), inputs: tensors }));
  const body = Buffer.concat([head, Buffer.alloc(8 * inputs.length)]);
  return post(serving, 'v2/models/model/infer', body, { 'inference-header-content-length': String(head.length) });
}

function message({ inputs = ['a', 'b'], outputs = [], parameters = {} }: Form): object {
  return {
    model_name: 'model',
    inputs: inputs.map((name) => ({ name, datatype: 'FP32', shape: [1, 2], contents: { fp32_contents: [1, 2] } })),
    outputs: outputs.map((output) => ({ name: output.name, parameters: grpcParameters(output.parameters ?? {}) })),
    parameters: grpcParameters(parameters),
  };
}

const grpcParameters = (parameters: Record<string, unknown>): object =>
  Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [
      name,
      typeof value === 'number'
        ? { int64_param: value }
        : typeof value === 'boolean'
          ? { bool_param: value }
          : { string_param: value },
    ]),
  );

async function infer(grpc: GrpcClient, form: Form): Promise<string> {
  const failure = await grpcFailure(grpc.infer(message(form)));
  if (!failure) return '';
  return failure.code === 3 ? failure.details : `${failure.code} ${failure.details}`;
}

function inferInStream(grpc: GrpcClient, form: Form): Promise<string> {
  const stream = grpc.stream('ModelStreamInfer');
  return new Promise((resolve, reject) => {
    stream.on('data', ({ error_message: error }: { error_message: string }) => resolve(error));
    stream.on('error', reject).write(message(form));
    stream.end();
  });
}
