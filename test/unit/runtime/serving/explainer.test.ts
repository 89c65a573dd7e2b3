import { threadId, Worker } from 'node:worker_threads';
import { afterAll, describe, expect, test } from '@jest/globals';
import { RequestError } from '../../../../runtime/errors.ts';
import { explain } from '../../../../runtime/explain/explain.ts';
import type { TabularRequest } from '../../../../runtime/explain/request.ts';
import { Explainer } from '../../../../runtime/serving/explain/explainer.ts';
import type { ExplainCommand, ExplainNotice } from '../../../../runtime/serving/explain/thread-messages.ts';

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
const unanswered = (): Promise<Float64Array> => new Promise(() => undefined);

/** An explainer whose thread does this with each command. */
const scripted = (act: string): Explainer => {
  const program = `import { parentPort as port } from 'node:worker_threads';
    const seen = [];
    port.on('message', (command) => { seen.push(command); ${act} });`;
  return new Explainer(new URL(`data:text/javascript,${encodeURIComponent(program)}`));
};

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

  test('the model gets batches in memory of their own', async () => {
    const wide = { ...request, features: 12, rows: new Float32Array(12), background: new Float32Array(24).fill(1) };
    const spare: number[] = [];
    const ones = (batch: Float32Array, count: number): Promise<Float64Array> => {
      spare.push(batch.buffer.byteLength - batch.byteLength);
      return Promise.resolve(new Float64Array(count).fill(1));
    };
    await explainer.explain(wide, ones, never);
    expect(spare.length).toBeGreaterThan(2);
    expect(new Set(spare)).toEqual(new Set([0]));
  });

  test('numbers that are a part of more travel without the rest, and stay here', async () => {
    const body = new Float32Array(1_000);
    const [rows, background] = [body.subarray(0, features), body.subarray(features, 3 * features)];
    const values = body.subarray(10, 12);
    const telling = scripted(`
      const { id, request } = command;
      if (command.type === 'explain') port.postMessage({ type: 'predict', id, call: 1, batch: new Float32Array(6), count: 1 });
      else port.postMessage({ type: 'explained', id: 1, explanation:
        [seen[0].request.rows, seen[0].request.background, command.values].map(({ buffer }) => buffer.byteLength) });`);
    const told: unknown = await telling.explain({ ...request, rows, background }, () => Promise.resolve(values), never);
    expect(told).toEqual([4 * features, 8 * features, 8]);
    expect([rows.length, background.length, values.length]).toEqual([features, 2 * features, 2]);
  });
});

describe('the thread of explanations, where nobody waits any more', () => {
  const thread = new Worker(new URL('../../../../runtime/serving/explain/explain-thread.ts', import.meta.url));
  afterAll(() => thread.terminate());

  test('ends an explanation whose run of the model is never answered', async () => {
    const say = (command: ExplainCommand): void => thread.postMessage(command);
    const heard = (): Promise<ExplainNotice> => new Promise((resolve) => thread.once('message', resolve));
    say({ type: 'explain', id: 1, request });
    expect(await heard()).toMatchObject({ type: 'predict', id: 1 });
    say({ type: 'abort', id: 1 });
    expect(await heard()).toMatchObject({ type: 'failed', id: 1, error: { code: 'Cancelled' } });
  });

  test('is told so where it asks for a run of the model', async () => {
    const late = scripted(`
      if (command.type === 'abort') port.postMessage({ type: 'predict', id: command.id, call: 7, batch: ['a'], count: 1 });
      if (command.type === 'unpredicted') globalThis.answered = command;
      if (command.id === 2) setTimeout(() => port.postMessage({ type: 'explained', id: 2, explanation: globalThis.answered }), 100);`);
    const over = new AbortController();
    const waiting = late.explain(request, sums, over.signal);
    over.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    const told: unknown = await late.explain(request, sums, never);
    expect(told).toMatchObject({ type: 'unpredicted', call: 7, error: { code: 'Cancelled' } });
  });
});

describe('a thread of explanations that dies', () => {
  const dying = (how: string): Explainer =>
    scripted(`
      const { type, id, request } = command;
      if (type !== 'explain') port.postMessage({ type: 'explained', id: 1, explanation: seen });
      else if (request.seed === 0) ${how};
      else if (request.seed === 1) port.postMessage({ type: 'predict', id, call: 1, batch: ['a'], count: 1 });
      else setTimeout(() => port.postMessage({ type: 'explained', id, explanation: seen }), 100);`);

  test.each<[string, string, object]>([
    [
      'by an error',
      `throw new Error('odd')`,
      { message: 'the thread of explanations died', cause: { message: 'odd' } },
    ],
    ['by itself', 'process.exit(3)', { cause: { message: 'it ended with code 3' } }],
    [
      'for want of memory',
      `throw Object.assign(new Error('heap'), { code: 'ERR_WORKER_OUT_OF_MEMORY' })`,
      { code: 'ModelFailed', message: expect.stringContaining('ask for fewer samples') },
    ],
  ])('%s fails what went on there, ends the runs of its model, and another one follows', async (_, how, error) => {
    const explainer = dying(how);
    let ended: AbortSignal | undefined;
    const runs = Promise.withResolvers<Float64Array>();
    const began = Promise.withResolvers<undefined>();
    const other = explainer.explain(
      { ...request, seed: 1 },
      (_batch, _count, signal) => {
        ended = signal;
        began.resolve(undefined);
        return runs.promise;
      },
      never,
    );
    await began.promise;
    const cause = explainer.explain({ ...request, seed: 0 }, unanswered, never);
    await expect(cause).rejects.toMatchObject(error);
    await expect(other).rejects.toMatchObject(error);
    expect(ended?.aborted).toBe(true);
    // An answer for the one that died, which the next one must not take for its own.
    const next = explainer.explain({ ...request, seed: 2 }, unanswered, never);
    runs.resolve(new Float64Array(1));
    expect(await next).toMatchObject([{ type: 'explain' }]);
  });
});
