import { expect, test } from '@jest/globals';
import { noSums } from '../../../../runtime/training/metrics.ts';
import { evaluate, type EvaluationOptions } from '../../../../runtime/training/worker/evaluation.ts';
import type { PullEnd } from '../../../../runtime/training/worker/server-link.ts';
import { graph, rowsAt } from './scripted-job.ts';

const chunks = [0, 1, 2, 3, 4].map((chunk) => ({ chunk, from: 10 * chunk, to: 10 * chunk + 10 }));
const evaluation = { type: 'evaluate', generation: 1, evaluation: 1, version: 3, split: 'test', chunks } as const;

function world(end: PullEnd, changes: Partial<EvaluationOptions> = {}) {
  const done: number[] = [];
  const state = { released: 0, evaluated: 0, most: 0, now: 0 };
  const parameters = { values: new Float32Array(new SharedArrayBuffer(0)), id: 1 };
  const options: EvaluationOptions = {
    engine: {
      threads: 2,
      evaluate: async () => {
        state.evaluated += 1;
        state.now += 1;
        state.most = Math.max(state.most, state.now);
        await new Promise((resolve) => setImmediate(resolve));
        state.now -= 1;
        return noSums(graph.label);
      },
    },
    held: { claim: () => ({ ended: Promise.resolve(end), parameters, release: () => (state.released += 1) }) },
    dataset: { read: (_split, _epoch, from, to) => Promise.resolve(rowsAt(from, to)) },
    inputName: 'features',
    evaluated: (chunk) => done.push(chunk),
    isOver: () => false,
    ...changes,
  };
  return { options, done, state };
}

test('evaluates every chunk once, a few at a time, and gives the version back', async () => {
  const { options, done, state } = world('Here');
  await evaluate(evaluation, options);
  expect(done.sort()).toEqual([0, 1, 2, 3, 4]);
  expect(state).toMatchObject({ evaluated: 5, released: 1, most: 3 });
});

test.each(['Gone', 'Dropped'] as const)('evaluates nothing of a version that is %s', async (end) => {
  const { options, done, state } = world(end);
  await evaluate(evaluation, options);
  expect(done).toEqual([]);
  expect(state).toMatchObject({ evaluated: 0, released: 1 });
});

test('begins no chunk when it is over', async () => {
  const { options, done, state } = world('Here');
  await evaluate(evaluation, { ...options, isOver: () => done.length >= 2 });
  expect(state.evaluated).toBeLessThan(5);
  expect(state.released).toBe(1);
});

test('gives the version back when rows cannot be read', async () => {
  const { options, state } = world('Here', { dataset: { read: () => Promise.reject(new Error('no rows')) } });
  await expect(evaluate(evaluation, options)).rejects.toThrow('no rows');
  expect(state.released).toBe(1);
});
