import { describe, expect, test } from '@jest/globals';
import type { RunRequest, RunResult } from '../../../../runtime/serving/messages.ts';
import { answerTexts, planRuns, type TextModel, type TextSteps } from '../../../../runtime/serving/tasks/text-runs.ts';
import { padTexts, type TokenInputs } from '../../../../runtime/serving/tasks/token-inputs.ts';

const inputs: TokenInputs = {
  inputs: [
    { name: 'input_ids', dataType: 'INT64' },
    { name: 'attention_mask', dataType: 'INT32' },
  ],
  length: -1,
  rows: -1,
  masked: true,
};

describe('which texts run together', () => {
  const lengthsOf = (lengths: readonly number[], some: Partial<TokenInputs> = {}): number[][] =>
    planRuns(lengths, { ...inputs, ...some }).map((run) => run.map((index) => lengths[index] ?? NaN));

  test('every text, once', () => {
    const lengths = Array.from({ length: 1_000 }, (_, index) => (index * 7919) % 257);
    const planned = planRuns(lengths, inputs).flat();
    expect(planned.sort((a, b) => a - b)).toEqual([...lengths.keys()]);
  });

  test('the longest first, and few texts at once whatever their lengths', () => {
    expect(lengthsOf([3, 90, 5, 40])).toEqual([[90, 40, 5, 3]]);
  });

  test('short texts are not padded to the length of long ones', () => {
    const lengths = [...new Array<number>(10).fill(200), ...new Array<number>(100).fill(10)];
    const runs = lengthsOf(lengths);
    expect(runs.every((run) => new Set(run).size === 1)).toBe(true);
    expect(runs).toHaveLength(2);
  });

  test('a run holds a bounded number of tokens, and at least one text', () => {
    const runs = lengthsOf([...new Array<number>(40).fill(500), 100_000]);
    expect(runs[0]).toEqual([100_000]);
    expect(Math.max(...runs.slice(1).map((run) => run.length * 500))).toBeLessThanOrEqual(4_096);
  });

  test('only equal lengths where the model knows no padding, one text where it takes no more', () => {
    expect(lengthsOf([3, 5, 3, 5], { masked: false })).toEqual([
      [5, 5],
      [3, 3],
    ]);
    expect(lengthsOf([3, 3], { rows: 1 })).toEqual([[3], [3]]);
    expect(lengthsOf([3, 8], { masked: false, length: 8 })).toEqual([[8, 3]]);
  });
});

describe('texts of one run', () => {
  const texts = [
    { ids: [5, 6, 7], typeIds: [0, 0, 1], sources: [] },
    { ids: [8], typeIds: [1], sources: [] },
  ];
  const numbers = (data: Uint8Array, size: 4 | 8): number[] =>
    size === 4 ? [...new Int32Array(data.buffer)] : [...new BigInt64Array(data.buffer)].map(Number);

  test.each([
    ['right' as const, [5, 6, 7, 8, 9, 9], [1, 1, 1, 1, 0, 0], [0, 0]],
    ['left' as const, [5, 6, 7, 9, 9, 8], [1, 1, 1, 0, 0, 1], [0, 2]],
  ])('are padded on the %s, as types of the model', (side, ids, mask, starts) => {
    const padded = padTexts(inputs, texts, { id: 9, typeId: 0, side });
    expect(padded.tensors.map(({ name, dataType, shape }) => ({ name, dataType, shape }))).toEqual([
      { name: 'input_ids', dataType: 'INT64', shape: [2, 3] },
      { name: 'attention_mask', dataType: 'INT32', shape: [2, 3] },
    ]);
    expect(numbers(padded.tensors[0]?.data ?? new Uint8Array(), 8)).toEqual(ids);
    expect(numbers(padded.tensors[1]?.data ?? new Uint8Array(), 4)).toEqual(mask);
    expect(padded.starts).toEqual(starts);
  });

  test('have a token even where they have none', () => {
    const padded = padTexts(inputs, [{ ids: [], typeIds: [], sources: [] }], { id: 9, typeId: 0, side: 'right' });
    expect(padded.tensors[0]?.shape).toEqual([1, 1]);
    expect(numbers(padded.tensors[1]?.data ?? new Uint8Array(), 4)).toEqual([0]);
  });
});

describe('requests that are answered together', () => {
  const model: TextModel = {
    inputs,
    output: 'states',
    tokenizer: {
      maxLength: 9,
      padding: { id: 0, typeId: 0, side: 'right' },
      tokenize: () => [],
      place: () => [],
      marksParts: false,
      unknown: undefined,
      encode: () => ({ ids: [], typeIds: [], sources: [] }),
    },
  };
  /** Texts are numbers, of as many tokens; the outputs are what the model says of each. */
  const steps: TextSteps = {
    encode: ({ inputs: [text] }) =>
      [...(text?.data ?? [])].map((length) => {
        if (length === 0) throw new Error('no text');
        return { ids: new Array<number>(length).fill(length), typeIds: [], sources: [] };
      }),
    toOutputs: (_request, states) => [
      {
        name: 'sum',
        dataType: 'UINT8',
        shape: [states.length],
        data: Uint8Array.from(states, ({ data }) => data[0] ?? 0),
      },
    ],
  };
  const requestOf = (...lengths: number[]): RunRequest => ({
    inputs: [{ name: 'text', dataType: 'UINT8', shape: [lengths.length], data: Uint8Array.from(lengths) }],
  });
  /** Refuses a token 7; gives the first token of each text. */
  const run =
    (sizes: number[]) =>
    (request: RunRequest): Promise<RunResult> => {
      const ids = new BigInt64Array(request.inputs[0]?.data.buffer as ArrayBuffer);
      const [rows = 0, length = 0] = request.inputs[0]?.shape ?? [];
      sizes.push(rows);
      if (ids.includes(7n)) return Promise.resolve({ ok: false, reason: 'Refused', message: 'seven' });
      const first = Float32Array.from({ length: rows }, (_, row) => Number(ids[row * length]));
      const output = {
        name: 'states',
        dataType: 'FP32' as const,
        shape: [rows, 1],
        data: new Uint8Array(first.buffer),
      };
      return Promise.resolve({ ok: true, outputs: [output] });
    };
  const sums = (results: RunResult[]): unknown[] =>
    results.map((result) => (result.ok ? [...(result.outputs[0]?.data ?? [])] : result.message));

  test('share a run, and each gets its own in order', async () => {
    const sizes: number[] = [];
    expect(sums(await answerTexts(model, steps, [requestOf(3, 1), requestOf(2, 4, 1)], run(sizes)))).toEqual([
      [3, 1],
      [2, 4, 1],
    ]);
    expect(sizes).toEqual([5]);
  });

  test('fail alone, whether the text or the model is at fault', async () => {
    const results = await answerTexts(
      model,
      steps,
      [requestOf(3), requestOf(7, 2), requestOf(0), requestOf(2)],
      run([]),
    );
    expect(sums(results)).toEqual([[3], 'seven', expect.any(String), [2]]);
  });

  test('are told where the model gives something else than a row for each text', async () => {
    const odd = (): Promise<RunResult> =>
      Promise.resolve({
        ok: true,
        outputs: [{ name: 'states', dataType: 'FP32', shape: [1, 2, 3], data: new Uint8Array(24) }],
      });
    expect(sums(await answerTexts(model, steps, [requestOf(1, 1)], odd))).toEqual([
      'the model gave states as [1,2,3] for 2 texts of 1 tokens',
    ]);
  });
});
