import { afterEach, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ModelClient } from '../../client/model-client.ts';
import { initializer, onnxModel } from '../support/onnx-builder.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';
import { trainedVersion, jobFile } from '../support/trained-version.ts';
import { buildModel } from '../../runtime/training/model/build-model.ts';
import { versionFiles } from '../../runtime/training/model/version-files.ts';
import { runModel } from './training/model/run-model.ts';

let serving: ServingProcess | undefined;
afterEach(async () => {
  await serving?.stop();
  serving = undefined;
});

async function start(files: Record<string, Uint8Array | string>): Promise<void> {
  serving = startServingProcess({ files, settings: { task: 'Tabular' } });
  await serving.ready();
}

async function predict(body: unknown): Promise<{ status: number; predictions?: unknown; error?: string }> {
  const response = await fetch(`${serving?.url}/v2/models/model/predict`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  const { predictions, error } = (await response.json()) as { predictions?: unknown; error?: string };
  return { status: response.status, ...(error === undefined ? { predictions } : { error }) };
}

/** score = weights · columns, [n, width] to [n, weights]. */
const linear = (weights: number[][], names: { input: string; output: string }): Uint8Array =>
  onnxModel({
    nodes: [{ op: 'MatMul', inputs: [names.input, 'w'], outputs: [names.output] }],
    initializers: [initializer.float('w', weights.flat(), [weights.length, weights[0]?.length ?? 0])],
    inputs: [{ name: names.input, type: 'FLOAT', shape: ['n', weights.length] }],
    outputs: [{ name: names.output, type: 'FLOAT', shape: ['n', weights[0]?.length ?? 0] }],
  });

describe('a model with an input for each column', () => {
  /** Says the city itself, with a probability of age / 100 and the rest. */
  const model = onnxModel({
    nodes: [
      { op: 'Reshape', inputs: ['city', 'flat'], outputs: ['output_label'] },
      { op: 'Cast', inputs: ['children'], outputs: ['count'], attributes: [{ name: 'to', int: 1 }] },
      { op: 'Add', inputs: ['age', 'count'], outputs: ['sum'] },
      { op: 'Div', inputs: ['sum', 'hundred'], outputs: ['share'] },
      { op: 'Sub', inputs: ['one', 'share'], outputs: ['rest'] },
      {
        op: 'Concat',
        inputs: ['share', 'rest'],
        outputs: ['output_probability'],
        attributes: [{ name: 'axis', int: 1 }],
      },
    ],
    initializers: [
      initializer.int64('flat', [-1], [1]),
      initializer.float('hundred', [100]),
      initializer.float('one', [1]),
    ],
    inputs: [
      { name: 'age', type: 'FLOAT', shape: ['n', 1] },
      { name: 'city', type: 'STRING', shape: ['n', 1] },
      { name: 'children', type: 'INT64', shape: ['n', 1] },
    ],
    outputs: [
      { name: 'output_label', type: 'STRING', shape: ['n'] },
      { name: 'output_probability', type: 'FLOAT', shape: ['n', 2] },
    ],
  });
  const answer = [
    [{ label: 'Graz', score: expect.closeTo(0.7, 6) }],
    [{ label: 'Wien', score: expect.closeTo(0.6, 6) }],
  ];

  test('takes records, lists, columns and one record, and gives the class that the model chose', async () => {
    await start({ 'model.onnx': model });
    const records = [
      { age: 28, city: 'Graz', children: 2 },
      { children: 0, city: 'Wien', age: 60 },
    ];
    for (const body of [
      { inputs: records },
      { instances: records },
      { inputs: records.map(({ age, city, children }) => [age, city, children]) },
      { inputs: { age: [28, 60], city: ['Graz', 'Wien'], children: [2, 0] } },
    ]) {
      expect(await predict(body)).toEqual({ status: 200, predictions: answer });
    }
    expect(await predict({ inputs: records[0] })).toEqual({ status: 200, predictions: answer.slice(0, 1) });
  }, 60_000);

  test('takes each column as a tensor, over both protocols', async () => {
    await start({ 'model.onnx': model });
    const inputs = {
      age: { dataType: 'FP32' as const, shape: [2], data: [28, 60] },
      city: { dataType: 'BYTES' as const, shape: [2], data: ['Graz', 'Wien'] },
      children: { dataType: 'INT64' as const, shape: [2], data: [2, 0] },
    };
    for (const client of [
      ModelClient.rest(serving?.url ?? '', { model: 'model' }),
      ModelClient.grpc(serving?.grpc ?? '', { model: 'model' }),
    ]) {
      const outputs = await client.predict(inputs);
      expect((outputs.label?.data as Uint8Array[]).map((name) => Buffer.from(name).toString())).toEqual([
        'Graz',
        'Wien',
      ]);
      expect(outputs.score).toMatchObject({ dataType: 'FP32', shape: [2, 1] });
      const odd = client.predict({ ...inputs, children: { dataType: 'INT64', shape: [1], data: [2] } });
      await expect(odd).rejects.toMatchObject({ message: 'children: has 1 rows where age has 2' });
      await client.close();
    }
  }, 60_000);

  test('refuses rows by the place of what is wrong with them', async () => {
    await start({ 'model.onnx': model });
    const row = { age: 28, city: 'Graz', children: 2 };
    for (const [body, error] of [
      [{}, 'inputs: is missing'],
      [[row], 'body: must be an object such as {"inputs": [{"column": 1}]}'],
      [{ inputs: [row], parameters: {} }, 'body: has the unknown field "parameters"; known is inputs'],
      [{ inputs: [row, { age: 1, city: 'Graz' }] }, 'inputs[1]: has no "children"'],
      [
        { inputs: [{ ...row, pets: 1 }] },
        'inputs[0]: has the unknown column "pets"; known are "age", "city", "children"',
      ],
      [{ inputs: [row, { ...row, age: 'old' }] }, 'inputs.age[1]: must be a number'],
      [{ inputs: [{ ...row, age: null }] }, 'inputs.age[0]: must be a number'],
      [{ inputs: [{ ...row, children: 1.5 }] }, 'inputs.children[0]: must be a whole number'],
      [{ inputs: [{ ...row, city: 5 }] }, 'inputs.city[0]: must be a string of valid Unicode'],
      [{ inputs: [[28, 'Graz']] }, 'inputs[0]: has 2 values where there are 3 columns: "age", "city", "children"'],
      [{ inputs: [28] }, 'inputs[0]: must be an object by column, or a list'],
      [{ inputs: 'Graz' }, 'inputs: must be a list'],
      [{ inputs: { age: [1, 2], city: ['a'], children: [1, 2] } }, 'inputs.city: has 1 rows where age has 2'],
      [{ inputs: { age: [1], city: 'a', children: [1] } }, 'inputs.city: must be a list'],
    ] as const) {
      expect(await predict(body)).toEqual({ status: 400, error });
    }
  }, 60_000);
});

describe('a model with one input for all columns', () => {
  const weights = [
    [1, 0],
    [0, 2],
    [1, 0],
  ];
  const model = linear(weights, { input: 'float_input', output: 'variable' });
  const config = { feature_names: ['height', 'weight', 'age'] };

  test('names its columns by config.json, multiplies them, and gives numbers', async () => {
    await start({ 'model.onnx': model, 'config.json': JSON.stringify({ ...config, feature_scale: 10 }) });
    expect(await predict({ inputs: [{ weight: 3, height: 1, age: 2 }] })).toEqual({
      status: 200,
      predictions: [[30, 60]],
    });
    const column = (value: number) => ({ dataType: 'FP32' as const, shape: [1], data: [value] });
    const client = ModelClient.rest(serving?.url ?? '', { model: 'model' });
    const { value } = await client.predict({ weight: column(3), height: column(1), age: column(2) });
    await client.close();
    expect(value?.data).toEqual(Float32Array.of(30, 60));
    const response = await fetch(`${serving?.url}/v2/models/model`);
    expect(await response.json()).toMatchObject({
      inputs: config.feature_names.map((name) => ({ name, datatype: 'FP32', shape: [-1] })),
      outputs: [{ name: 'value', datatype: 'FP32', shape: [-1, 2] }],
    });
  }, 60_000);

  test('takes lists where nobody names its columns', async () => {
    await start({ 'model.onnx': linear([[1], [2], [3]], { input: 'float_input', output: 'variable' }) });
    const rows = [
      [1, 2, 3],
      [0, 0, 1],
    ];
    expect(await predict({ inputs: rows })).toEqual({ status: 200, predictions: [14, 3] });
    expect(await predict({ inputs: [{ a: 1 }] })).toMatchObject({
      status: 400,
      error: expect.stringContaining('no names'),
    });
    expect(await predict({ inputs: [[1, 2]] })).toMatchObject({
      status: 400,
      error: expect.stringContaining('has 2 elements'),
    });
  }, 60_000);

  test.each([
    ['one by one', { problem_type: 'multi_label_classification' }, [1 / (1 + Math.exp(-3)), 1 / (1 + Math.exp(-2))]],
    ['as shares of one whole', {}, [1 / (1 + Math.exp(-1)), 1 / (1 + Math.E)]],
  ])(
    'gives all classes by name, %s',
    async (_how, problem, [first = 0, second = 0]) => {
      const all = { ...config, ...problem, id2label: { 0: 'small', 1: 'large' } };
      await start({ 'model.onnx': model, 'config.json': JSON.stringify(all) });
      expect((await predict({ inputs: { height: 1, weight: 1, age: 2 } })).predictions).toEqual([
        [
          { label: 'small', score: expect.closeTo(first, 6) },
          { label: 'large', score: expect.closeTo(second, 6) },
        ],
      ]);
    },
    60_000,
  );

  test.each([
    [{ feature_names: ['height'] }, 'InvalidModel', 'has 1 names where the model takes 3 columns'],
    [{ feature_names: ['a', 'b', 'a'] }, 'InvalidModel', 'has a name twice'],
    [{ feature_names: 'abc' }, 'InvalidModel', 'must be a list of names'],
    [{ ...config, feature_scale: '2' }, 'InvalidModel', 'feature_scale must be a number'],
  ])(
    'is not served with a config.json that does not fit: %j',
    async (wrong, reason, message) => {
      serving = startServingProcess({
        files: { 'model.onnx': model, 'config.json': JSON.stringify(wrong) },
        settings: { task: 'Tabular' },
      });
      let fault: { reason: string; message: string } | undefined;
      while (!fault) fault = (await serving.report().catch(() => undefined))?.model.fault;
      expect(fault).toMatchObject({ reason, message: expect.stringContaining(message) });
    },
    60_000,
  );
});

test('the model of a job is served with the columns and the classes of its data', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'modelyard-version-'));
  try {
    const features = { name: 'features', dataType: 'FP32' as const, shape: [-1, 2] };
    const model = buildModel(
      { kind: 'Mlp', hidden: [4], activation: 'Relu', dropout: 0 },
      { features, label: { kind: 'Classes', classes: 2 }, seed: 3 },
    );
    const trained = trainedVersion({
      models: { best: model, last: model },
      features,
      featureNames: ['age', 'income'],
      classes: ['no', 'yes'],
    });
    const version = versionFiles({ ...trained, job: { ...jobFile, data: { ...jobFile.data, scale: 0.5 } } });
    for (const [path, content] of version.files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    const modelUri = `${pathToFileURL(join(folder, 'model')).href}/`;
    serving = startServingProcess({ files: {}, settings: { modelUri, task: 'Tabular' } });
    await serving.ready();
    const { predictions } = await predict({ inputs: [{ income: 4, age: 3 }] });
    const data = Float32Array.of(1.5, 2);
    const [no = 0, yes = 0] = (await runModel(model, { features: { data, shape: [1, 2] } })).data;
    const [label, score] = no > yes ? ['no', 1 / (1 + Math.exp(yes - no))] : ['yes', 1 / (1 + Math.exp(no - yes))];
    expect((predictions as { label: string; score: number }[][])[0]?.[0]).toEqual({
      label,
      score: expect.closeTo(score, 5),
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);
