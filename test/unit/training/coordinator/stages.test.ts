import { describe, expect, it } from '@jest/globals';
import { EvaluationStage } from '../../../../runtime/training/coordinator/evaluation-stage.ts';
import { TrainingStage, type StageContext } from '../../../../runtime/training/coordinator/training-stage.ts';
import { bytesOf } from '../../../../runtime/training/transport/connection.ts';
import { everybody, joinWorker, type ServerPeer } from './scripted-members.ts';

function contextOf(members: StageContext['members'], servers: number): StageContext & { stop: AbortController } {
  const stop = new AbortController();
  return {
    members,
    generation: 5,
    signal: stop.signal,
    abort: (reason) => stop.abort(reason),
    incarnations: Array.from({ length: servers }, () => 1),
    reached: () => undefined,
    stop,
  };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
const applied = (servers: readonly ServerPeer[], version: number) =>
  servers.forEach((server) => server.say({ type: 'applied', generation: 5, version }));

function train(servers: number, workers: number, changes: { clipNorm?: number; until?: number } = {}) {
  const all = everybody(servers, workers);
  const steps: number[] = [];
  const stage = new TrainingStage({
    ...contextOf(all.members, servers),
    from: 0,
    until: changes.until ?? 3,
    leaves: 4,
    clipNorm: changes.clipNorm,
    onStep: (step) => steps.push(step),
  });
  return { ...all, steps, done: stage.run() };
}

describe('training', () => {
  it('gives work for all steps at once, and ends when every server did the last one', async () => {
    const { servers, workers, steps, done } = train(2, 2);
    await turn();
    expect(workers[0]?.of('plan')).toEqual([
      {
        type: 'plan',
        generation: 5,
        assignments: [
          { from: 0, until: 1, leaves: [{ from: 0, to: 2 }] },
          { from: 1, until: 3, leaves: [{ from: 0, to: 2 }] },
        ],
        mirrors: [0],
      },
    ]);
    applied(servers, 1);
    servers[0]?.say({ type: 'applied', generation: 5, version: 2 });
    expect(steps).toEqual([1]);
    servers[1]?.say({ type: 'applied', generation: 5, version: 2 });
    applied(servers, 3);
    await done;
    expect(steps).toEqual([1, 2, 3]);
    expect(workers[0]?.of('plan')).toHaveLength(1);
  });

  it('hands the leaves of a lost worker that any server lacks to the others', async () => {
    const { servers, workers } = train(2, 2);
    await turn();
    workers[0]?.leave();
    expect(servers[0]?.of('askMissing')).toEqual([{ type: 'askMissing', generation: 5, step: 0 }]);
    servers[0]?.say({ type: 'missing', generation: 5, step: 0, leaves: [{ from: 2, to: 4 }] });
    servers[1]?.say({ type: 'missing', generation: 5, step: 0, leaves: [{ from: 1, to: 4 }] });
    await turn();
    expect(workers[1]?.of('plan').at(-1)).toMatchObject({
      assignments: [
        { from: 0, until: 1, leaves: [{ from: 1, to: 4 }] },
        { from: 1, until: 3, leaves: [{ from: 0, to: 4 }] },
      ],
      mirrors: [1, 0],
    });
  });

  it('asks again where the step ended while it asked', async () => {
    const { servers, workers } = train(1, 2);
    await turn();
    workers[0]?.leave();
    applied(servers, 1);
    await turn();
    expect(servers[0]?.of('askMissing').map(({ step }) => step)).toEqual([0, 1]);
    expect(workers[1]?.of('plan').at(-1)?.assignments.at(-1)).toEqual({
      from: 2,
      until: 3,
      leaves: [{ from: 0, to: 4 }],
    });
    servers[0]?.say({ type: 'missing', generation: 5, step: 1, leaves: [{ from: 0, to: 4 }] });
    await turn();
    expect(workers[1]?.of('plan').at(-1)?.assignments).toEqual([
      { from: 1, until: 2, leaves: [{ from: 0, to: 4 }] },
      { from: 2, until: 3, leaves: [{ from: 0, to: 4 }] },
    ]);
  });

  it('asks nothing when a worker joins, who takes part from the next step on', async () => {
    const { members, servers, workers } = train(1, 1);
    await turn();
    const late = joinWorker(members, 4);
    await turn();
    expect(servers[0]?.of('askMissing')).toEqual([]);
    expect(workers[0]?.of('plan').at(-1)?.assignments[0]).toEqual({ from: 0, until: 1, leaves: [{ from: 0, to: 4 }] });
    expect(late.of('plan').at(-1)?.assignments).toEqual([{ from: 1, until: 3, leaves: [{ from: 2, to: 4 }] }]);
  });

  it('goes on with the first worker that comes after all were lost', async () => {
    const { members, servers, workers } = train(1, 1);
    await turn();
    workers[0]?.leave();
    servers[0]?.say({ type: 'missing', generation: 5, step: 0, leaves: [{ from: 0, to: 4 }] });
    await turn();
    const late = joinWorker(members, 1);
    await turn();
    servers[0]?.say({ type: 'missing', generation: 5, step: 0, leaves: [{ from: 0, to: 4 }] });
    await turn();
    expect(late.of('plan').at(-1)?.assignments[0]).toEqual({ from: 0, until: 1, leaves: [{ from: 0, to: 4 }] });
  });

  it('adds the blocks of the norm in the order of the servers, whoever answers first', async () => {
    const { servers } = train(2, 1, { clipNorm: 2 });
    const blocks = [Float64Array.of(1e16, 1), Float64Array.of(1, 1)];
    for (const index of [1, 0]) {
      servers[index]?.say({ type: 'norms', generation: 5, step: 0 }, bytesOf(blocks[index] ?? new Float64Array(0)));
    }
    const [scale] = servers[0]?.of('scale') ?? [];
    expect(scale).toMatchObject({ generation: 5, step: 0 });
    expect(scale?.scale).toBe(2 / (Math.sqrt(1e16 + 1 + 1 + 1) + 1e-6));
    expect(servers[1]?.of('scale')).toEqual([scale]);
    await turn();
  });

  it('hears nothing of an older generation', async () => {
    const { servers, steps } = train(1, 1);
    servers[0]?.say({ type: 'applied', generation: 4, version: 3 });
    expect(steps).toEqual([]);
    await turn();
  });
});

const label = { kind: 'Values', width: 1 } as const;
const sums = (value: number): Uint8Array => bytesOf(Float64Array.of(1, value, 0, 0, 0, 0));

function evaluate(workers: number, rows: number) {
  const all = everybody(1, workers);
  const context = contextOf(all.members, 1);
  const stage = new EvaluationStage({
    ...context,
    evaluation: 2,
    version: 9,
    split: 'validation',
    rows,
    chunkRows: 10,
    label,
  });
  return { ...all, context, done: stage.run() };
}

describe('evaluating', () => {
  const evaluated = (chunk: number, generation = 5) =>
    ({ type: 'evaluated', generation, evaluation: 2, chunk }) as const;

  it('covers the split in chunks, and adds their sums in the order of the chunks', async () => {
    const { workers, done } = evaluate(2, 35);
    expect(workers[0]?.of('evaluate')).toEqual([
      {
        type: 'evaluate',
        generation: 5,
        evaluation: 2,
        version: 9,
        split: 'validation',
        chunks: [
          { chunk: 0, from: 0, to: 10 },
          { chunk: 1, from: 10, to: 20 },
        ],
      },
    ]);
    workers[1]?.say(evaluated(3), sums(1));
    workers[1]?.say(evaluated(2), sums(-1e16));
    workers[0]?.say(evaluated(1), sums(1e16));
    workers[0]?.say(evaluated(0), sums(1));
    expect([...(await done)].slice(0, 2)).toEqual([4, 1 + 1e16 - 1e16 + 1]);
  });

  it('gives the chunks of a lost worker to others, and counts each once', async () => {
    const { members, workers, done } = evaluate(1, 20);
    workers[0]?.say(evaluated(1), sums(1));
    workers[0]?.leave();
    const other = joinWorker(members, 1);
    expect(other.of('evaluate')[0]?.chunks).toEqual([{ chunk: 0, from: 0, to: 10 }]);
    other.say(evaluated(1), sums(50));
    other.say(evaluated(0, 4), sums(50));
    other.say(evaluated(0), sums(2));
    expect((await done)[1]).toBe(3);
  });

  it('of a split without rows needs nobody', async () => {
    expect([...(await evaluate(0, 0).done)]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('ends with the generation', async () => {
    const { context, done } = evaluate(1, 10);
    context.stop.abort(new Error('over'));
    await expect(done).rejects.toThrow('over');
  });
});
