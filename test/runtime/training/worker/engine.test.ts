import { afterEach, describe, expect, test } from '@jest/globals';
import type { Rows } from '../../../../runtime/training/data/dataset.ts';
import { metricsOf, noSums } from '../../../../runtime/training/metrics.ts';
import { uniform } from '../../../../runtime/training/random.ts';
import { coverOf } from '../../../../runtime/training/sum-tree.ts';
import type { Contribution } from '../../../../runtime/training/worker/engine-messages.ts';
import { Engine } from '../../../../runtime/training/worker/engine.ts';
import { contributionOf, pieceLevel, type Round } from '../../../../runtime/training/worker/gradient-round.ts';
import { handMadeGraph } from '../../../support/training-graphs.ts';

const engines: Engine[] = [];
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
});

async function engineOf(threads: number, graph = handMadeGraph()): Promise<Engine> {
  const engine = new Engine(threads, 'cpu');
  engines.push(engine);
  await engine.load(graph);
  return engine;
}

function rows(count: number, leaf: number, width = 6, classes = 3): Rows {
  const data = Float32Array.from(uniform(7, ['rows', leaf], count * width));
  const labels = BigInt64Array.from({ length: count }, (_, row) => BigInt((row + leaf) % classes));
  return {
    count,
    inputs: new Map([['features', { data, shape: [count, width] }]]),
    labels: { data: labels, shape: [count] },
  };
}

function roundOf({ layout } = handMadeGraph(), { leaves = 7, step = 3, count = 4, width = 6, id = 1 } = {}): Round {
  const values = new Float32Array(new SharedArrayBuffer(layout.total * 4));
  values.set(uniform(id, ['parameters'], layout.total).map((value) => value - 0.5));
  return {
    parameters: { values, id },
    step,
    seed: 11,
    rowWeight: 1 / (leaves * count),
    leaves,
    rowsOf: (leaf) => Promise.resolve(rows(count, leaf, width)),
  };
}

/** The hand-made model in plain arithmetic. */
function expectedOf(parameters: Float32Array, { count, inputs, labels }: Rows): { loss: number; hits: number } {
  const [w1, b1, w2, b2] = [
    parameters.subarray(0),
    parameters.subarray(30),
    parameters.subarray(35),
    parameters.subarray(50),
  ];
  const layer = (values: number[], weights: Float32Array, bias: Float32Array, width: number): number[] =>
    Array.from({ length: width }, (_, column) =>
      values.reduce((sum, value, row) => sum + value * (weights[row * width + column] ?? NaN), bias[column] ?? NaN),
    );
  const features = inputs.get('features')?.data as Float32Array;
  let [loss, hits] = [0, 0];
  for (let row = 0; row < count; row++) {
    const hidden = layer([...features.subarray(row * 6, row * 6 + 6)], w1, b1, 5).map((value) => Math.max(0, value));
    const logits = layer(hidden, w2, b2, 3);
    const label = Number(labels.data[row]);
    loss += Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - (logits[label] ?? NaN);
    hits += Number(logits.indexOf(Math.max(...logits)) === label);
  }
  return { loss, hits };
}

const bytes = ({ loss, values }: Contribution): string =>
  `${loss} ${Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex')}`;

describe('the engine', () => {
  test.each([1, 2, 3])(
    'gives the same bytes with %d threads, whatever pieces they make of the work',
    async (threads) => {
      const engine = await engineOf(threads);
      const alone = await engineOf(1);
      const round = roundOf();
      for (const node of coverOf(0, 7, 7)) {
        const expected = bytes(await contributionOf(node, 3, round, alone));
        for (const level of [0, 1, 2, pieceLevel(7, threads)]) {
          expect(bytes(await contributionOf(node, level, round, engine))).toBe(expected);
        }
      }
    },
  );

  test('sums leaves as the tree has it', async () => {
    const engine = await engineOf(2);
    const round = roundOf();
    const leaf = (index: number): Promise<Contribution> => contributionOf({ level: 0, index }, 0, round, engine);
    const add = (left: Contribution, right: Contribution): Contribution => ({
      loss: left.loss + right.loss,
      values: left.values.map((value, index) => value + (right.values[index] ?? NaN)),
    });
    const [a, b, c, d, e, f, g] = await Promise.all([0, 1, 2, 3, 4, 5, 6].map(leaf));
    if (!a || !b || !c || !d || !e || !f || !g) throw new Error('a leaf is missing');
    const expected = add(add(add(a, b), add(c, d)), add(add(e, f), g));
    const [root] = coverOf(0, 7, 7);
    if (!root) throw new Error('the tree has no root');
    expect(bytes(await contributionOf(root, 3, round, engine))).toBe(bytes(expected));
  });

  test('takes other parameters when they come under another id', async () => {
    const engine = await engineOf(1);
    const leaf = { level: 0, index: 0 };
    const [first, second] = [roundOf(), roundOf(undefined, { id: 2 })];
    const before = bytes(await contributionOf(leaf, 0, first, engine));
    expect(bytes(await contributionOf(leaf, 0, second, engine))).not.toBe(before);
    expect(bytes(await contributionOf(leaf, 0, first, engine))).toBe(before);
  });

  test('draws each dropout from the seed, the step and the shard', async () => {
    const engine = await engineOf(2);
    const at = async (changes: Partial<Round>): Promise<string> =>
      bytes(await contributionOf({ level: 0, index: 0 }, 0, { ...roundOf(), ...changes }, engine));
    const base = await at({});
    expect(await at({})).toBe(base);
    expect(await at({ step: 4 })).not.toBe(base);
    expect(await at({ seed: 12 })).not.toBe(base);
    const sameRows = { rowsOf: () => Promise.resolve(rows(4, 0)) };
    const other = await contributionOf({ level: 0, index: 1 }, 0, { ...roundOf(), ...sameRows }, engine);
    expect(bytes(other)).not.toBe(base);
  });

  test('lets a shard without rows contribute nothing', async () => {
    const engine = await engineOf(1);
    const round = { ...roundOf(), rowsOf: () => Promise.resolve(rows(0, 0)) };
    const { loss, values } = await contributionOf({ level: 0, index: 0 }, 0, round, engine);
    expect(loss).toBe(0);
    expect(values.every((value) => value === 0)).toBe(true);
  });

  test('uses memory again that was given back, without a trace of what it held', async () => {
    const engine = await engineOf(1);
    const round = roundOf();
    const leaf = { level: 0, index: 0 };
    const first = await contributionOf(leaf, 0, round, engine);
    const expected = bytes(first);
    const { buffer } = first.values;
    engine.recycle(first);
    const again = await contributionOf(leaf, 0, round, engine);
    expect(buffer.detached).toBe(true);
    expect(bytes(again)).toBe(expected);
  });

  test('measures rows with the parameters of that version, without dropout', async () => {
    const engine = await engineOf(2);
    const { parameters } = roundOf();
    const sums = await engine.evaluate({ parameters, rows: rows(9, 0) });
    const { loss, hits } = expectedOf(parameters.values, rows(9, 0));
    const label = { kind: 'Classes', classes: 3 } as const;
    const metrics = metricsOf(label, sums, ['accuracy']);
    expect(metrics.loss).toBeCloseTo(loss / 9, 5);
    expect(metrics.accuracy).toBe(hits / 9);
    const none = await engine.evaluate({ parameters, rows: rows(0, 0) });
    expect(none).toEqual(noSums(label));
  });

  test('leaves the calling thread free while graphs run', async () => {
    const size = { width: 784, hidden: 512 };
    const graph = handMadeGraph(size);
    const engine = await engineOf(1, graph);
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 5);
    await contributionOf({ level: 0, index: 0 }, 0, roundOf(graph, { leaves: 1, count: 8_000, width: 784 }), engine);
    clearInterval(timer);
    // A run takes a hundred times as long as a tick: one that blocked the thread would let one pass before it and one after it.
    expect(ticks).toBeGreaterThan(4);
  });

  test('says that the model refuses rows of another shape, and goes on', async () => {
    const engine = await engineOf(1);
    const leaf = { level: 0, index: 0 };
    const round = roundOf();
    const wrong = { ...round, rowsOf: () => Promise.resolve(rows(4, 0, 5)) };
    await expect(contributionOf(leaf, 0, wrong, engine)).rejects.toMatchObject({
      code: 'ModelNotTrainable',
      fault: { retrying: false, message: expect.stringContaining('features') as unknown },
    });
    await expect(contributionOf(leaf, 0, round, engine)).resolves.toMatchObject({});
  });

  test('says that ONNX Runtime refuses a graph', async () => {
    const engine = new Engine(2, 'cpu');
    engines.push(engine);
    const graph = { ...handMadeGraph(), training: Uint8Array.of(1, 2, 3) };
    await expect(engine.load(graph)).rejects.toMatchObject({ code: 'ModelNotTrainable' });
  });

  test('waits for a run under way when it is closed, and drops what has not begun', async () => {
    const size = { width: 784, hidden: 512 };
    const graph = handMadeGraph(size);
    const engine = await engineOf(1, graph);
    const round = roundOf(graph, { leaves: 2, count: 2_000, width: 784 });
    const running = contributionOf({ level: 0, index: 0 }, 0, round, engine);
    const waiting = contributionOf({ level: 0, index: 1 }, 0, round, engine);
    const refused = expect(waiting).rejects.toThrow('dropped');
    await new Promise((resolve) => setImmediate(resolve));
    expect(engine.isRunning).toBe(true);
    await engine.close();
    expect(engine.isRunning).toBe(false);
    await expect(running).resolves.toMatchObject({});
    await refused;
  });
});

describe('the pieces of a step', () => {
  test.each([
    [8, 1, 3],
    [8, 2, 2],
    [8, 3, 0],
    [8, 4, 1],
    [8, 8, 0],
    [8, 16, 0],
    [7, 1, 3],
    [1, 4, 0],
  ])('%d leaves on %d threads are nodes of level %d', (leaves, threads, level) => {
    expect(pieceLevel(leaves, threads)).toBe(level);
  });
});
