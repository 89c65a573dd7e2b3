import { threadId } from 'node:worker_threads';
import { describe, expect, test } from '@jest/globals';
import { RequestError } from '../../../../runtime/errors.ts';
import { explain } from '../../../../runtime/explain/explain.ts';
import type { TabularRequest } from '../../../../runtime/explain/request.ts';
import { Explainer } from '../../../../runtime/serving/explain/explainer.ts';

const features = 6;
const request: TabularRequest = {
  kind: 'tabular',
  method: 'kernel_shap',
  seed: 1,
  features,
  rows: Float32Array.from({ length: features }, (_, index) => index),
  background: new Float32Array(2 * features),
};

/** The sum of a row, and its square. */
const sums = (batch: Float32Array, count: number): Promise<Float64Array> => {
  const answer = new Float64Array(2 * count);
  for (let row = 0; row < count; row++) {
    const sum = batch.subarray(row * features, (row + 1) * features).reduce((total, value) => total + value, 0);
    answer.set([sum, sum ** 2], 2 * row);
  }
  return Promise.resolve(answer);
};

const never = new AbortController().signal;

describe('explanations on a thread of their own', () => {
  const explainer = new Explainer();

  test('are what they are on this one, and the model is run here', async () => {
    const seen: number[] = [];
    const explanation = await explainer.explain(
      request,
      (batch, count) => (seen.push(threadId), sums(batch, count)),
      never,
    );
    expect(explanation).toEqual(await explain(request, sums));
    expect(new Set(seen)).toEqual(new Set([threadId]));
  });

  test('several go on at the same time', async () => {
    const all = await Promise.all([1, 2, 3].map((seed) => explainer.explain({ ...request, seed }, sums, never)));
    expect(all.map(({ seed }) => seed)).toEqual([1, 2, 3]);
  });

  test('of texts have their words', async () => {
    const lengths = (texts: readonly string[]): Promise<Float64Array> =>
      Promise.resolve(Float64Array.from(texts, ({ length }) => length));
    const asked = { kind: 'text', method: 'lime', seed: 1, texts: ['one three'], samples: 50 } as const;
    const { words } = await explainer.explain(asked, lengths, never);
    expect(words?.[0]?.map(({ word }) => word)).toEqual(['one', 'three']);
  });

  test('a request that cannot be met, and a model that refuses, say so as they do here', async () => {
    await expect(explainer.explain({ ...request, samples: 1 }, sums, never)).rejects.toThrow(RequestError);
    const refused = new RequestError('QueueFull', 'the queue is full', 7);
    await expect(explainer.explain(request, () => Promise.reject(refused), never)).rejects.toMatchObject({
      code: 'QueueFull',
      message: 'the queue is full',
      retryAfterSeconds: 7,
    });
    await expect(explainer.explain(request, () => Promise.reject(new TypeError('odd')), never)).rejects.toThrow('odd');
  });

  test('one that is given up ends at once, with the reason, and the next one is answered', async () => {
    const over = new AbortController();
    const reason = new Error('enough');
    const waiting = explainer.explain(
      request,
      () => {
        over.abort(reason);
        return new Promise(() => undefined);
      },
      over.signal,
    );
    await expect(waiting).rejects.toBe(reason);
    expect((await explainer.explain(request, sums, never)).rows).toBe(1);
  });

  test('one whose numbers cannot travel fails alone', async () => {
    const odd = { ...request, rows: (() => undefined) as unknown as Float32Array };
    await expect(explainer.explain(odd, sums, never)).rejects.toThrow('could not be cloned');
    expect((await explainer.explain(request, sums, never)).rows).toBe(1);
  });
});
