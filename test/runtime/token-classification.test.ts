import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Entity } from '../../client/text-answers.ts';
import { ModelClient } from '../../client/model-client.ts';
import { startServingProcess, type ServingProcess } from '../support/serving.ts';
import { tokenModel, wordTokenizer } from '../support/text-models.ts';

const labels = ['O', 'B-PER', 'I-PER', 'B-LOC'];
/** Words with the label that the model gives them. */
const words: Record<string, string> = {
  ada: 'B-PER',
  love: 'I-PER',
  '##lace': 'O',
  cafe: 'B-LOC',
  in: 'O',
  漢: 'B-LOC',
  שלום: 'B-PER',
};
const table = ['O', 'B-LOC', 'B-PER', 'B-PER', ...Object.values(words)].map((label) =>
  labels.map((name) => (name === label ? 5 : 0)),
);

describe('a model that knows some names', () => {
  let serving: ServingProcess;
  beforeAll(async () => {
    serving = startServingProcess({
      files: {
        'model.onnx': tokenModel({ table, sums: false, output: 'logits' }),
        ...wordTokenizer(Object.keys(words), { model_max_length: 12 }),
        'config.json': JSON.stringify({ id2label: Object.fromEntries(labels.entries()) }),
      },
      settings: { task: 'TokenClassification' },
    });
    await serving.ready();
  }, 60_000);
  afterAll(async () => {
    expect(await serving.stop()).toBe(0);
  });

  async function predict(body: unknown): Promise<{ status: number; predictions: Entity[][]; error?: string }> {
    const response = await fetch(`${serving.url}/v2/models/model/predict`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
    return { status: response.status, ...((await response.json()) as { predictions: Entity[][] }) };
  }
  const parts = async (text: string, strategy?: string): Promise<[string, string, number, number][]> => {
    const parameters = strategy === undefined ? {} : { parameters: { aggregation_strategy: strategy } };
    const { predictions } = await predict({ inputs: text, ...parameters });
    return (predictions[0] ?? []).map(({ text: part, label, start, end }) => [part, label, start, end]);
  };

  test('finds their parts of the text as it was sent, without special tokens', async () => {
    expect(await parts('Ada Love in the Café')).toEqual([
      ['Ada Love', 'PER', 0, 8],
      ['the', 'LOC', 12, 15],
      ['Café', 'LOC', 16, 20],
    ]);
  });

  test('counts code points, whatever there is before: emoji, accents apart, other directions', async () => {
    expect(await parts('in 🙂👩‍👩‍👧 ada')).toContainEqual(['ada', 'PER', 10, 13]);
    expect(await parts('in in cafe\u0301')).toEqual([['cafe', 'LOC', 6, 10]]);
    expect(await parts('in\tשלום in')).toEqual([['שלום', 'PER', 3, 7]]);
    expect(await parts('in漢in')).toEqual([['漢', 'LOC', 2, 3]]);
    expect(await parts('  ada[SEP]ada')).toEqual([
      ['ada', 'PER', 2, 5],
      ['[SEP]', 'PER', 5, 10],
      ['ada', 'PER', 10, 13],
    ]);
  });

  test('joins as the request asks', async () => {
    expect(await parts('ada lovelace', 'none')).toEqual([
      ['ada', 'B-PER', 0, 3],
      ['love', 'I-PER', 4, 8],
    ]);
    expect(await parts('ada lovelace', 'simple')).toEqual([['ada love', 'PER', 0, 8]]);
    expect(await parts('ada lovelace', 'first')).toEqual([['ada lovelace', 'PER', 0, 12]]);
    expect(await predict({ inputs: 'ada', parameters: { aggregation_strategy: 'all' } })).toMatchObject({
      status: 400,
      error: 'aggregation_strategy: must be one of none, simple, first, average, max',
    });
    expect(await predict({ inputs: 'ada', parameters: { aggregation_strategy: 1 } })).toMatchObject({
      status: 400,
      error: 'parameters.aggregation_strategy: must be a string',
    });
  });

  test('says nothing of what was cut, and nothing of an empty text', async () => {
    expect(await parts(`${'in '.repeat(9)}ada ada`)).toEqual([['ada', 'PER', 27, 30]]);
    expect(await parts('')).toEqual([]);
  });

  test('answers texts of different lengths in their order, over both protocols', async () => {
    for (const client of [
      ModelClient.rest(serving.url, { model: 'model' }),
      ModelClient.grpc(serving.grpc, { model: 'model' }),
    ]) {
      const answers = (await client.predict(['in', 'in in in ada', 'cafe'])) as Entity[][];
      await client.close();
      expect(answers.map((entities) => entities.map(({ text, start }) => [text, start]))).toEqual([
        [],
        [['ada', 9]],
        [['cafe', 0]],
      ]);
    }
  });
});
