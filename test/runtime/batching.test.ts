import { afterEach, describe, expect, test } from '@jest/globals';
import { adminPaths } from '../../runtime/contract.ts';
import { normalisingModel, sumAndDifferenceModel } from '../support/models.ts';
import { onnxModel, type Value } from '../support/onnx-builder.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';

let serving: ServingProcess;
afterEach(async () => {
  expect(await serving.stop()).toBe(0);
});

async function start(model: Uint8Array, batchMaxDelayMs: number): Promise<void> {
  serving = startServingProcess({
    files: { 'model.onnx': model },
    settings: { batchMaxDelayMs: String(batchMaxDelayMs), batchMaxSize: '8' },
  });
  await serving.ready();
}

type Outputs = { name: string; shape: number[]; data: unknown[] }[];

async function infer(
  inputs: object[],
  outputs?: object[],
): Promise<{ status: number; outputs: Outputs; error?: string }> {
  const response = await fetch(`${serving.url}/v2/models/model/infer`, {
    method: 'POST',
    body: JSON.stringify({ inputs, outputs }),
  });
  return { status: response.status, ...((await response.json()) as { outputs: Outputs }) };
}

async function runs(): Promise<number> {
  const text = await (await fetch(`${serving.admin}${adminPaths.metrics}`)).text();
  return Number(/^modelyard_inference_batch_requests_count\{[^}]*\} (\d+)$/m.exec(text)?.[1] ?? 0);
}

const rows = (name: string, values: number[][]): object => ({
  name,
  shape: [values.length, 2],
  datatype: 'FP32',
  data: values.flat(),
});

describe('requests that wait together', () => {
  test('run as one, whatever their number of rows, and each gets its own', async () => {
    await start(sumAndDifferenceModel(), 60_000);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) => {
        const values = Array.from({ length: 1 + (index % 3) }, (_row, row) => [index * 10 + row, index]);
        return infer([rows('a', values), rows('b', values)]).then((answer) => ({ answer, values }));
      }),
    );
    for (const { answer, values } of answers) {
      expect(answer).toMatchObject({
        status: 200,
        outputs: [
          { name: 'sum', shape: [values.length, 2], data: values.flat().map((value) => 2 * value) },
          { name: 'difference', data: values.flat().map(() => 0) },
        ],
      });
    }
    expect(await runs()).toBe(1);
  }, 60_000);

  test('stay apart where they ask for different outputs', async () => {
    await start(sumAndDifferenceModel(), 300);
    const inputs = [rows('a', [[1, 2]]), rows('b', [[1, 1]])];
    const [one, other] = await Promise.all([infer(inputs, [{ name: 'sum' }]), infer(inputs, [{ name: 'difference' }])]);
    expect(one.outputs.map(({ name, data }) => [name, data])).toEqual([['sum', [2, 3]]]);
    expect(other.outputs.map(({ name, data }) => [name, data])).toEqual([['difference', [0, 1]]]);
    expect(await runs()).toBe(2);
  }, 60_000);

  test('never mix where the model mixes its rows', async () => {
    await start(normalisingModel(), 300);
    const x = (data: number[]): object[] => [{ name: 'x', shape: [data.length], datatype: 'FP32', data }];
    const answers = await Promise.all([infer(x([1, 3])), infer(x([2, 2])), infer(x([4]))]);
    expect(answers.map(({ outputs }) => outputs[0]?.data)).toEqual([[0.25, 0.75], [0.5, 0.5], [1]]);
  }, 60_000);

  test('fail alone: one that the model refuses costs the others nothing', async () => {
    await start(lookupModel(), 60_000);
    const index = (value: number): object[] => [{ name: 'index', shape: [1], datatype: 'INT64', data: [value] }];
    const answers = await Promise.all([0, 1, 99, 2, 0, 1, 2, 1].map((value) => infer(index(value))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 400, 200, 200, 200, 200, 200]);
    expect(answers[2]?.error).toMatch(/^the model refused the inputs: .*out of/);
    expect(answers.filter(({ status }) => status === 200).map(({ outputs }) => outputs[0]?.data)).toEqual([
      [10],
      [20],
      [30],
      [10],
      [20],
      [30],
      [20],
    ]);
  }, 60_000);

  test('keep their strings apart', async () => {
    const value = (name: string): Value => ({ name, type: 'STRING', shape: ['n', 2] });
    await start(
      onnxModel({
        nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
        inputs: [value('x')],
        outputs: [value('y')],
      }),
      60_000,
    );
    const words = Array.from({ length: 8 }, (_, index) => [`wort ${index}`, 'ß'.repeat(index)]);
    const answers = await Promise.all(
      words.map((data) => infer([{ name: 'x', shape: [1, 2], datatype: 'BYTES', data }])),
    );
    expect(answers.map(({ outputs }) => outputs[0]?.data)).toEqual(words);
    expect(await runs()).toBe(1);
  }, 60_000);
});

/** y = [10, 20, 30][index]: refuses an index of 3 and more. */
function lookupModel(): Uint8Array {
  const table = new Uint8Array(Float32Array.of(10, 20, 30).buffer);
  return onnxModel({
    nodes: [{ op: 'Gather', inputs: ['table', 'index'], outputs: ['y'] }],
    initializers: [{ name: 'table', type: 'FLOAT', shape: [3], raw: table }],
    inputs: [{ name: 'index', type: 'INT64', shape: ['n'] }],
    outputs: [{ name: 'y', type: 'FLOAT', shape: ['n'] }],
  });
}
