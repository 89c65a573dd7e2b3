import { afterEach, describe, expect, jest, test } from '@jest/globals';
import type { Rows } from '../../../../runtime/training/data/dataset.ts';
import { metricsOf, noSums } from '../../../../runtime/training/metrics.ts';
import { createKernels } from '../../../../runtime/training/kernels.ts';
import { updateRule } from '../../../../runtime/training/update-rule.ts';
import { uniform } from '../../../../runtime/numeric/random.ts';
import { coverOf } from '../../../../runtime/training/sum-tree.ts';
import type { Contribution } from '../../../../runtime/training/worker/engine-messages.ts';
import { Engine } from '../../../../runtime/training/worker/engine.ts';
import { contributionOf, pieceLevel, type Round } from '../../../../runtime/training/worker/gradient-round.ts';
import { handMadeGraph, plainDescent } from '../../../support/training-graphs.ts';

const engines: Engine[] = [];
afterEach(async () => {
  await Promise.all(engines.splice(0).map((engine) => engine.close()));
});

async function engineOf(threads: number, graph = handMadeGraph(), optimizer = plainDescent): Promise<Engine> {
  const engine = new Engine(threads, 'cpu');
  engines.push(engine);
  await engine.load(graph, optimizer);
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

function roundOf(
  engine: Engine,
  { layout } = handMadeGraph(),
  { leaves = 7, step = 3, count = 4, width = 6, draw = 1 } = {},
): Round {
  const parameters = engine.allocate(layout.total);
  parameters.values.set(uniform(draw, ['parameters'], layout.total).map((value) => value - 0.5));
  return {
    parameters,
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

const hex = ({ buffer, byteOffset, byteLength }: Float32Array): string =>
  Buffer.from(buffer, byteOffset, byteLength).toString('hex');

const bytes = ({ loss, vector }: Contribution): string => `${loss} ${hex(vector.values)}`;

describe('the engine', () => {
  test.each([1, 2, 3])(
    'gives the same bytes with %d threads, whatever pieces they make of the work',
    async (threads) => {
      const engine = await engineOf(threads);
      const alone = await engineOf(1);
      const round = roundOf(engine);
      for (const node of coverOf(0, 7, 7)) {
        const expected = bytes(await contributionOf(node, 3, roundOf(alone), alone));
        for (const level of [0, 1, 2, pieceLevel(7, threads)]) {
          expect(bytes(await contributionOf(node, level, round, engine))).toBe(expected);
        }
      }
    },
  );

  test('sums leaves as the tree has it', async () => {
    const engine = await engineOf(2);
    const round = roundOf(engine);
    const leaf = (index: number): Promise<Contribution> => contributionOf({ level: 0, index }, 0, round, engine);
    interface Sum {
      loss: number;
      values: Float32Array;
    }
    const add = (left: Sum, right: Sum): Sum => ({
      loss: left.loss + right.loss,
      values: left.values.map((value, index) => value + (right.values[index] ?? NaN)),
    });
    const leaves = await Promise.all([0, 1, 2, 3, 4, 5, 6].map(leaf));
    const [a, b, c, d, e, f, g] = leaves.map(({ loss, vector }) => ({ loss, values: vector.values }));
    if (!a || !b || !c || !d || !e || !f || !g) throw new Error('a leaf is missing');
    const expected = add(add(add(a, b), add(c, d)), add(add(e, f), g));
    const [root] = coverOf(0, 7, 7);
    if (!root) throw new Error('the tree has no root');
    expect(bytes(await contributionOf(root, 3, round, engine))).toBe(`${expected.loss} ${hex(expected.values)}`);
  });

  test('takes the parameters that a task names', async () => {
    const engine = await engineOf(1);
    const leaf = { level: 0, index: 0 };
    const [first, second] = [roundOf(engine), roundOf(engine, undefined, { draw: 2 })];
    const before = bytes(await contributionOf(leaf, 0, first, engine));
    expect(bytes(await contributionOf(leaf, 0, second, engine))).not.toBe(before);
    expect(bytes(await contributionOf(leaf, 0, first, engine))).toBe(before);
  });

  test('draws each dropout from the seed, the step and the shard', async () => {
    const engine = await engineOf(2);
    const at = async (changes: Partial<Round>): Promise<string> =>
      bytes(await contributionOf({ level: 0, index: 0 }, 0, { ...roundOf(engine), ...changes }, engine));
    const base = await at({});
    expect(await at({})).toBe(base);
    expect(await at({ step: 4 })).not.toBe(base);
    expect(await at({ seed: 12 })).not.toBe(base);
    const sameRows = { rowsOf: () => Promise.resolve(rows(4, 0)) };
    const other = await contributionOf({ level: 0, index: 1 }, 0, { ...roundOf(engine), ...sameRows }, engine);
    expect(bytes(other)).not.toBe(base);
  });

  test('lets a shard without rows contribute nothing', async () => {
    const engine = await engineOf(1);
    const round = { ...roundOf(engine), rowsOf: () => Promise.resolve(rows(0, 0)) };
    const { loss, vector } = await contributionOf({ level: 0, index: 0 }, 0, round, engine);
    expect(loss).toBe(0);
    expect(vector.values.every((value) => value === 0)).toBe(true);
  });

  test('uses memory again that was given back, without a trace of what it held', async () => {
    const engine = await engineOf(1);
    const round = roundOf(engine);
    const leaf = { level: 0, index: 0 };
    const first = await contributionOf(leaf, 0, round, engine);
    const expected = bytes(first);
    engine.recycle(first);
    const again = await contributionOf(leaf, 0, round, engine);
    expect(again.vector).toBe(first.vector);
    expect(bytes(again)).toBe(expected);
  });

  test('measures rows with the parameters of that version, without dropout', async () => {
    const engine = await engineOf(2);
    const { parameters } = roundOf(engine);
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
    await contributionOf(
      { level: 0, index: 0 },
      0,
      roundOf(engine, graph, { leaves: 1, count: 8_000, width: 784 }),
      engine,
    );
    clearInterval(timer);
    // A run takes a hundred times as long as a tick: one that blocked the thread would let one pass before it and one after it.
    expect(ticks).toBeGreaterThan(4);
  });

  test('says that the model refuses rows of another shape, and goes on', async () => {
    const engine = await engineOf(1);
    const leaf = { level: 0, index: 0 };
    const round = roundOf(engine);
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
    await expect(engine.load(graph, plainDescent)).rejects.toMatchObject({ code: 'ModelNotTrainable' });
  });

  test('waits for a run under way when it is closed, and drops what has not begun', async () => {
    const size = { width: 784, hidden: 512 };
    const graph = handMadeGraph(size);
    const engine = await engineOf(1, graph);
    const round = roundOf(engine, graph, { leaves: 2, count: 2_000, width: 784 });
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

describe('an update', () => {
  const [length, trainable, offset] = [40_000, 33_333, 7];
  const names = ['SGD', 'Momentum', 'Nesterov', 'Adagrad', 'Adam', 'AdamW'] as const;
  const at = { step: 3, learningRate: 0.05, gradientScale: 0.5 };
  const draw = (name: string, count: number): Float32Array => uniform(1, ['update', name], count);

  /** A slice of three vectors that begin before it, filled with that version's numbers. */
  function stateOf(engine: Engine, slots: number, version: string) {
    const part = (name: string) => {
      const vector = engine.allocate(offset + length);
      vector.values.set(draw(`${version} ${name}`, length), offset);
      return { vector, from: offset };
    };
    return { weights: part('weights'), slots: Array.from({ length: slots }, (_, slot) => part(`slot ${slot}`)) };
  }

  const hexOf = ({ weights, slots }: ReturnType<typeof stateOf>): string[] =>
    [weights, ...slots].map(({ vector }) => hex(vector.values));

  describe.each([
    ['in the memory of the kernels', false],
    ['where that has no room', true],
  ])('%s', (_, isFull) => {
    test.each(names)('has the bits that a parameter server makes with %s, with any number of threads', async (name) => {
      const spec = { ...plainDescent, name, weightDecay: 0.01, momentum: 0.9, beta1: 0.9, beta2: 0.99, epsilon: 1e-8 };
      const kernels = await createKernels(2 ** 22);
      const rule = updateRule(kernels, spec);
      const [from, to] = ['from', 'to'].map((version) => ({
        weights: kernels.allocate(trainable),
        slots: Array.from({ length: rule.slots }, () => kernels.allocate(trainable)),
        version,
      }));
      if (!from || !to) throw new Error('two states were made');
      from.weights.set(draw('from weights', length).subarray(0, trainable));
      from.slots.forEach((slot, index) => slot.set(draw(`from slot ${index}`, length).subarray(0, trainable)));
      const gradient = kernels.allocate(trainable);
      gradient.set(draw('gradient', length).subarray(0, trainable));
      rule.apply(from, gradient, to, at);
      const head = new Float32Array(offset);
      const whole = (array: Float32Array, tail: Float32Array): string =>
        hex(Float32Array.from([...head, ...array, ...tail.subarray(trainable)]));
      const expected = [
        whole(to.weights, draw('gradient', length)),
        ...to.slots.map((slot, index) => whole(slot, draw(`from slot ${index}`, length))),
      ];
      for (const threads of [1, 3]) {
        const engine = await engineOf(threads, handMadeGraph(), spec);
        if (isFull) engine.allocate(2 ** 30 - 2 ** 20);
        if (isFull) engine.allocate(2 ** 20 - threads * 2 ** 16);
        const made = stateOf(engine, rule.slots, 'to');
        const sum = engine.allocate(offset + length);
        sum.values.set(draw('gradient', length), offset);
        const task = { from: stateOf(engine, rule.slots, 'from'), gradient: { vector: sum, from: offset }, to: made };
        await engine.update({ ...task, length, trainable, at });
        expect(hexOf(made)).toEqual(expected);
        expect(sum.values.buffer.byteLength > 2 ** 31).toBe(!isFull);
      }
    });
  });

  test('of nothing is made at once', async () => {
    const engine = await engineOf(2);
    const empty = { weights: { vector: engine.allocate(0), from: 0 }, slots: [] };
    await engine.update({ from: empty, gradient: empty.weights, to: empty, length: 0, trainable: 0, at });
  });
});

describe('the memory of an engine', () => {
  test('is used again once a vector is forgotten, all zero', async () => {
    const engine = await engineOf(1);
    const first = engine.allocate(1_000);
    first.values.fill(7);
    const { byteOffset } = first.values;
    engine.forget(first);
    const second = engine.allocate(900);
    expect([second.values.byteOffset, second.values.every((value) => value === 0)]).toEqual([byteOffset, true]);
  });

  test('is not lost with tasks that are dropped', async () => {
    const engine = await engineOf(1);
    const allocate = jest.spyOn(engine, 'allocate');
    const counts: number[] = [];
    for (let round = 0; round < 5; round++) {
      const node = { level: 3, index: 0 };
      const works = [0, 1].map((level) => contributionOf(node, level, roundOf(engine), engine));
      await new Promise((resolve) => setImmediate(resolve));
      engine.drop();
      for (const work of await Promise.allSettled(works)) if (work.status === 'fulfilled') engine.recycle(work.value);
      counts.push(allocate.mock.calls.length - (round + 1) * works.length);
    }
    expect(counts.at(-1)).toBe(counts[0]);
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
