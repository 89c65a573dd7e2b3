import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ModelClient } from '../../client/model-client.ts';
import { grpcClient } from '../support/inference-client.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';
import { tokenModel, wordTokenizer } from '../support/text-models.ts';

interface Answer {
  status: number;
  predictions: { label: string; score: number }[][];
  error?: string;
}

async function predict(serving: ServingProcess, body: unknown): Promise<Answer> {
  const response = await fetch(`${serving.url}/v2/models/model/predict`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  return { status: response.status, ...((await response.json()) as Omit<Answer, 'status'>) };
}

const words = ['good', 'bad', 'fun'];
/** Of each token, special ones first, what it adds to the numbers of three labels. */
const table = [
  ...new Array<number[]>(4).fill([0, 0, 0]),
  ...[
    [2, 0, 0],
    [0, 2, 0],
    [1, 0, 3],
  ],
];
const model = tokenModel({ table, sums: true, output: 'logits' });
const labels = { id2label: { 0: 'positive', 1: 'negative' } };
const files = (config: object): Record<string, Uint8Array | string> => ({
  'model.onnx': model,
  ...wordTokenizer(words),
  'config.json': JSON.stringify({ ...labels, ...config }),
});
const shares = (...logits: number[]): number[] => {
  const powers = logits.map(Math.exp);
  return powers.map((power) => power / powers.reduce((sum, value) => sum + value, 0));
};
const independent = (logit: number): number => 1 / (1 + Math.exp(-logit));

describe('a classifier of one of several labels', () => {
  let serving: ServingProcess;
  beforeAll(async () => {
    serving = startServingProcess({ files: files({}), settings: { task: 'TextClassification' } });
    await serving.ready();
  }, 60_000);
  afterAll(async () => {
    expect(await serving.stop()).toBe(0);
  });

  test('gives each text all labels by falling score, those without a name by their number', async () => {
    const { predictions } = await predict(serving, { inputs: ['Good good', 'fun', ''] });
    const [positive = 0, negative = 0] = shares(4, 0, 0);
    const [, , fun = 0] = shares(1, 0, 3);
    expect(predictions[0]).toEqual([
      { label: 'positive', score: expect.closeTo(positive, 6) },
      { label: 'negative', score: expect.closeTo(negative, 6) },
      { label: '2', score: expect.closeTo(negative, 6) },
    ]);
    expect(predictions[1]?.[0]).toEqual({ label: '2', score: expect.closeTo(fun, 6) });
    expect(predictions[2]?.map(({ label }) => label)).toEqual(['positive', 'negative', '2']);
  });

  test('takes pairs, and keeps those apart that have none', async () => {
    const { predictions } = await predict(serving, { inputs: [{ text: 'good', text_pair: 'bad bad' }] });
    expect(predictions[0]?.[0]).toEqual({ label: 'negative', score: expect.closeTo(shares(2, 4, 0)[1] ?? 0, 6) });
    expect(await predict(serving, { inputs: [{ text: 'good', text_pair: 'bad' }, 'good'] })).toMatchObject({
      status: 400,
      error: 'inputs[1]: has no text_pair, but others have one; send them apart',
    });
    for (const [item, error] of [
      [{ text: 1 }, 'inputs[0].text: must be a string'],
      [{ text: 'good', text_pair: 1 }, 'inputs[0].text_pair: must be a string'],
      [1, 'inputs[0]: must be a string or {"text": …, "text_pair": …}'],
    ] as const) {
      expect(await predict(serving, { inputs: [item] })).toMatchObject({ status: 400, error });
    }
  });

  test('takes and gives tensors, of which a client may choose', async () => {
    const client = grpcClient(serving.grpc);
    const tensor = (name: string, texts: string[]): object => ({
      name,
      datatype: 'BYTES',
      shape: [texts.length],
      contents: { bytes_contents: texts.map((text) => Buffer.from(text)) },
    });
    const infer = (inputs: object[], outputs: object[]): ReturnType<typeof client.infer> =>
      client.infer({ model_name: 'model', inputs, outputs });
    const both = [tensor('text', ['good', 'bad']), tensor('text_pair', ['bad bad', 'good good'])];
    const { outputs, raw_output_contents: raw } = await infer(both, [{ name: 'label' }]);
    expect(outputs).toMatchObject([{ name: 'label', datatype: 'BYTES', shape: ['2', '3'] }]);
    expect(raw[0]?.toString('latin1').match(/[a-z]+/g)).toEqual(['negative', 'positive', 'positive', 'negative']);
    const odd = infer([tensor('text', ['good', 'bad']), tensor('text_pair', ['bad'])], []);
    await expect(odd).rejects.toMatchObject({ details: 'text_pair: has 1 elements where text has 2' });
    client.close();
  });

  test('answers the client of this repository, over both protocols', async () => {
    for (const client of [
      ModelClient.rest(serving.url, { model: 'model' }),
      ModelClient.grpc(serving.grpc, { model: 'model' }),
    ]) {
      const [, negative] = (await client.predict(['good', 'bad'])) as Answer['predictions'];
      await client.close();
      expect(negative?.[0]).toEqual({ label: 'negative', score: expect.closeTo(shares(0, 2, 0)[1] ?? 0, 6) });
    }
  });
});

describe('config.json says what the scores are', () => {
  test.each([
    ['multi_label_classification', [independent(4), independent(1), independent(0)]],
    ['single_label_classification', shares(4, 1, 0)],
    ['regression', [4, 1, 0]],
  ])(
    '%s',
    async (problem, expected) => {
      const other = [...table.slice(0, 4), [4, 1, 0], [0, 0, 0], [0, 0, 0]];
      const serving = startServingProcess({
        files: {
          ...files({ problem_type: problem }),
          'model.onnx': tokenModel({ table: other, sums: true, output: 'logits' }),
        },
        settings: { task: 'TextClassification' },
      });
      try {
        await serving.ready();
        const { predictions } = await predict(serving, { inputs: 'good' });
        expect(predictions[0]?.map(({ score }) => score.toFixed(5))).toEqual(expected.map((score) => score.toFixed(5)));
      } finally {
        await serving.stop();
      }
    },
    60_000,
  );

  test('one label of a model that ranks is a score from 0 to 1', async () => {
    const one = table.map(([first = 0]) => [first]);
    const serving = startServingProcess({
      files: { ...files({}), 'model.onnx': tokenModel({ table: one, sums: true, output: 'logits' }) },
      settings: { task: 'TextClassification' },
    });
    try {
      await serving.ready();
      const { predictions } = await predict(serving, { inputs: [{ text: 'good', text_pair: 'fun' }] });
      expect(predictions).toEqual([[{ label: 'positive', score: expect.closeTo(independent(3), 6) }]]);
    } finally {
      await serving.stop();
    }
  }, 60_000);
});
