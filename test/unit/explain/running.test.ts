import { describe, expect, test } from '@jest/globals';
import { explain } from '../../../runtime/explain/explain.ts';
import type { Predict } from '../../../runtime/explain/model.ts';
import type { Method, TabularRequest } from '../../../runtime/explain/request.ts';
import { normal } from '../../../runtime/numeric/random.ts';
import { rowByRow } from './network.ts';

const features = 6;
const model = rowByRow((row) => [Math.sin(row[0] ?? 0) + (row[1] ?? 0) * (row[2] ?? 0), row[5] ?? 0, 1]);

const request = (method: Method, more: Partial<TabularRequest> = {}): TabularRequest => ({
  kind: 'tabular',
  method,
  seed: 5,
  features,
  rows: normal(1, ['rows'], 3 * features),
  background: normal(1, ['background'], 10 * features),
  samples: 60,
  ...more,
});

const methods: Method[] = ['kernel_shap', 'lime'];

describe.each(methods)('the model behind %s', (method) => {
  test('is run in chunks of at most so many rows, the size of which does not show in the answer', async () => {
    const answers = [];
    for (const chunkRows of [1, 7, 64, 100_000]) {
      const runs: number[] = [];
      const counted: Predict<Float32Array> = (batch, count) => {
        expect(batch).toHaveLength(count * features);
        runs.push(count);
        return model(batch, count);
      };
      const answer = await explain(request(method), counted, { chunkRows });
      expect(Math.max(...runs)).toBeLessThanOrEqual(chunkRows);
      expect(answer.evaluations).toBe(runs.reduce((sum, count) => sum + count, 0));
      answers.push(answer);
    }
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  test('may answer in float32', async () => {
    const single: Predict<Float32Array> = async (batch, count) => Float32Array.from(await model(batch, count));
    const [ours, exact] = [await explain(request(method), single), await explain(request(method), model)];
    ours.attributions.forEach((value, at) => expect(value).toBeCloseTo(exact.attributions[at] ?? NaN, 5));
  });

  test('is run no more once the signal is aborted, and the reason is what comes back', async () => {
    const abort = new AbortController();
    const reason = new Error('the client left');
    let runs = 0;
    const leaving: Predict<Float32Array> = (batch, count, signal) => {
      expect(signal).toBe(abort.signal);
      runs += 1;
      if (runs === 3) abort.abort(reason);
      return model(batch, count);
    };
    const left = explain(request(method), leaving, { signal: abort.signal, chunkRows: 16 });
    await expect(left).rejects.toBe(reason);
    expect(runs).toBe(3);
  });

  test('is not run for a client that left before', async () => {
    const never: Predict<Float32Array> = () => Promise.reject(new Error('run'));
    const signal = AbortSignal.abort(new Error('left'));
    await expect(explain(request(method), never, { signal })).rejects.toThrow('left');
  });

  test('that fails ends the explanation with its own error', async () => {
    const failing: Predict<Float32Array> = () => Promise.reject(new Error('out of memory'));
    await expect(explain(request(method), failing)).rejects.toThrow('out of memory');
  });

  test.each([
    ['NaN', () => Promise.resolve(new Float32Array(3).fill(NaN)), /NaN or infinity/],
    [
      'infinity',
      (_: Float32Array, count: number) => Promise.resolve(new Float32Array(count).fill(Infinity)),
      /NaN or infinity/,
    ],
    ['nothing', () => Promise.resolve(new Float32Array()), /gives 0 numbers for 3 rows/],
    [
      'half a row',
      (_: Float32Array, count: number) => Promise.resolve(new Float32Array(2 * count - 1)),
      /gives 5 numbers for 3 rows/,
    ],
    [
      'rows of another width',
      (_: Float32Array, count: number) => Promise.resolve(new Float32Array(count === 3 ? 3 : 2 * count)),
      /numbers for/,
    ],
  ])('that gives %s is at fault, not the request', async (_, predict: Predict<Float32Array>, message) => {
    const answer = explain(request(method), predict);
    await expect(answer).rejects.toMatchObject({ code: 'ModelFailed' });
    await expect(answer).rejects.toThrow(message);
  });

  test('leaves the thread to others between its runs and within long sums', async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 0);
    await explain(
      request(method, { samples: 2_000, features: 60, rows: normal(1, ['r'], 60), background: normal(1, ['b'], 120) }),
      model,
    );
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });
});

describe('the outputs explained', () => {
  test.each(methods)('by %s are all, unless some are named, in any order', async (method) => {
    const all = await explain(request(method), model);
    const some = await explain(request(method, { outputs: [2, 0] }), model);
    expect(all.outputs).toBe(3);
    expect([...all.outputIndices]).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
    expect([...some.outputIndices]).toEqual([2, 0, 2, 0, 2, 0]);
    for (let at = 0; at < 3 * features; at++) {
      expect(some.attributions[2 * at]).toBe(all.attributions[3 * at + 2]);
      expect(some.attributions[2 * at + 1]).toBe(all.attributions[3 * at]);
    }
  });

  test.each(methods)(
    'by %s may be those with the highest predictions, which differ between instances',
    async (method) => {
      const rows = Float32Array.from([0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
      const answer = await explain(request(method, { rows, topOutputs: 2 }), model);
      expect([...answer.outputIndices]).toEqual([0, 2, 1, 2]);
      expect([...answer.predictions]).toEqual([9, 1, 5, 1]);
      const more = await explain(request(method, { rows, topOutputs: 50 }), model);
      expect(more.outputs).toBe(3);
    },
  );
});

describe('a seed', () => {
  const answerOf = (method: Method, seed: number) =>
    explain(
      request(method, { seed, features: 20, rows: normal(2, ['r'], 20), background: normal(2, ['b'], 80) }),
      model,
    );

  test.each(methods)('gives the same bytes by %s again, and another seed others', async (method) => {
    const [first, second, other] = [await answerOf(method, 1), await answerOf(method, 1), await answerOf(method, 2)];
    expect(Buffer.from(first.attributions.buffer).equals(Buffer.from(second.attributions.buffer))).toBe(true);
    expect(first).toEqual(second);
    expect(other.attributions).not.toEqual(first.attributions);
  });
});
