import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { createKernels } from '../../../../runtime/training/kernels.ts';
import { updateRule } from '../../../../runtime/training/update-rule.ts';
import { eventually } from '../../../support/eventually.ts';
import {
  all,
  begin,
  floats,
  graph,
  optimizer,
  parametersAt,
  slices,
  startScriptedJob,
  type ScriptedJob,
} from './scripted-job.ts';

const jobs: ScriptedJob[] = [];
afterEach(async () => {
  await Promise.all(jobs.splice(0).map(({ worker }) => worker.leave()));
});

function start(...parameters: Parameters<typeof startScriptedJob>): ScriptedJob {
  const job = startScriptedJob(...parameters);
  jobs.push(job);
  return job;
}

describe('a mirror', () => {
  test('has the slots of a version before it pushes gradients of it', async () => {
    const job = start();
    await begin(job, [{ from: 0, until: 9, leaves: [all] }], { mirrors: [1] });
    const [pull] = (await job.servers[1]?.until('pull', 1)) ?? [];
    expect(pull).toMatchObject({ version: 0, slots: true });
    await job.give(0, 0);
    await job.give(1, 0);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(job.servers[0]?.of('push')).toEqual([]);
    await job.give(1, 0, { slots: 1 });
    await job.servers[0]?.until('push', 1);
  });

  test('fills a server with what it had of it, also of the version before', async () => {
    const job = start();
    await begin(job, [{ from: 0, until: 9, leaves: [all] }], { mirrors: [1] });
    for (const version of [0, 1]) {
      await job.give(0, version);
      await job.give(1, version, { slots: 1 });
      await job.servers[0]?.until('push', version + 1);
    }
    await job.servers[1]?.until('pull', 3);
    job.coordinator.say({ type: 'pause', generation: 2 });
    const [, holdings] = await job.coordinator.until('holdings', 2);
    expect(holdings?.states).toHaveLength(2);
    expect(holdings?.states).toEqual(
      expect.arrayContaining([
        { server: 1, version: 0 },
        { server: 1, version: 1 },
      ]),
    );
    expect(holdings?.newest).toBe(1);
    job.coordinator.say({ type: 'servers', generation: 2, incarnations: [1, 2] });
    job.coordinator.say({ type: 'fill', generation: 2, server: 1, version: 0 });
    const fills = (await job.servers[1]?.until('fill', 2)) ?? [];
    const { from = 0, to = 0 } = slices[1] ?? {};
    expect(fills).toMatchObject([
      { generation: 2, version: 0, vector: 0, last: false },
      { generation: 2, version: 0, vector: 1, last: true },
    ]);
    const payloads = fills.map((fill) => floats(job.servers[1]?.payloadOf(fill) ?? new Uint8Array()));
    expect(payloads).toEqual([parametersAt(0).slice(from, to), parametersAt(1000).slice(from, to)]);
  });

  describe('that has a version', () => {
    const { from, to } = slices[1] ?? { from: 0, to: 0 };
    const factors = { learningRate: 0.25, gradientScale: 0.5 };
    const answer = (version: number, generation = 1) =>
      ({ type: 'update', generation, version, own: false, ...factors }) as const;

    /** What server 1 makes of its slice of version 0, as `give` has it: its weights and its slot. */
    async function madeOf(gradient: Float32Array): Promise<Float32Array[]> {
      const kernels = await createKernels(2 ** 20);
      const [weights, slot, values] = [parametersAt(0), parametersAt(1000), gradient].map((all) => {
        const array = kernels.allocate(to - from);
        array.set(all.length > to - from ? all.subarray(from, to) : all);
        return array;
      });
      if (!weights || !slot || !values) throw new Error('three arrays were made');
      const trainable = graph.layout.trainable - from;
      const state = { weights: weights.subarray(0, trainable), slots: [slot.subarray(0, trainable)] };
      updateRule(kernels, optimizer).apply(state, values.subarray(0, trainable), state, { ...factors, step: 1 });
      weights.set(values.subarray(trainable), trainable);
      return [weights, slot].map((array) => Float32Array.from(array));
    }

    /** A mirror of server 1 that has version 0 whole and pushed the gradient of step 0. */
    async function atVersion0(): Promise<{ job: ScriptedJob; pushed: Float32Array }> {
      const job = start();
      await begin(job, [{ from: 0, until: 9, leaves: [all] }], { mirrors: [1] });
      await job.give(0, 0);
      await job.give(1, 0, { slots: 1 });
      const [push] = (await job.servers[1]?.until('push', 1)) ?? [];
      if (!push) throw new Error('nothing was pushed');
      return { job, pushed: floats(job.servers[1]?.payloadOf(push) ?? new Uint8Array()) };
    }

    /** What it fills server 1 with when a generation begins: its vectors of that version. */
    async function filled(job: ScriptedJob, version: number, generation: number): Promise<Float32Array[]> {
      job.coordinator.say({ type: 'pause', generation });
      const answers = await job.coordinator.until('holdings', generation);
      expect(answers.at(-1)?.states).toContainEqual({ server: 1, version });
      job.coordinator.say({ type: 'servers', generation, incarnations: [1, generation] });
      const before = job.servers[1]?.of('fill').length ?? 0;
      job.coordinator.say({ type: 'fill', generation, server: 1, version });
      const fills = (await job.servers[1]?.until('fill', before + 2)) ?? [];
      return fills.slice(-2).map((fill) => floats(job.servers[1]?.payloadOf(fill) ?? new Uint8Array()));
    }

    test('asks for no more than how the next one is made', async () => {
      const { job } = await atVersion0();
      const pulls = (await job.servers[1]?.until('pull', 2)) ?? [];
      expect(pulls.map(({ version, slots, hasBase }) => [version, slots, hasBase])).toEqual([
        [0, true, undefined],
        [1, true, true],
      ]);
      expect((await job.servers[0]?.until('pull', 2))?.every(({ hasBase }) => hasBase === undefined)).toBe(true);
    });

    test.each([
      ['of the gradient that the server sends', false],
      ['of its own gradient', true],
    ])('makes the next one as the server does, %s', async (_, own) => {
      const { job, pushed } = await atVersion0();
      const gradient = own ? pushed : pushed.map((value) => value + 1);
      await job.give(0, 1);
      await job.servers[1]?.until('pull', 2);
      job.servers[1]?.say({ ...answer(1), own }, own ? undefined : gradient);
      await job.servers[1]?.until('push', 2);
      expect(await filled(job, 1, 2)).toEqual(await madeOf(gradient));
    });

    test('has what it had where a generation ends while it makes the next one', async () => {
      const { job, pushed } = await atVersion0();
      const update = job.engine.update.bind(job.engine);
      const late = Promise.withResolvers<undefined>();
      const isBegun = Promise.withResolvers<undefined>();
      jest.spyOn(job.engine, 'update').mockImplementationOnce(async (task) => {
        isBegun.resolve(undefined);
        await late.promise;
        await update(task);
      });
      await job.give(0, 1);
      await job.servers[1]?.until('pull', 2);
      job.servers[1]?.say(answer(1), pushed);
      await isBegun.promise;
      const kept = await filled(job, 0, 2);
      expect(kept).toEqual([parametersAt(0).slice(from, to), parametersAt(1000).slice(from, to)]);
      await begin(job, [{ from: 0, until: 9, leaves: [all] }], { generation: 3, mirrors: [1] });
      await job.give(0, 0, { generation: 3 });
      await job.give(1, 0, { generation: 3, slots: 1 });
      late.resolve(undefined);
      await job.servers[1]?.until('push', 2);
      await job.give(0, 1, { generation: 3 });
      job.servers[1]?.say(answer(1, 3), pushed);
      await job.servers[1]?.until('push', 3);
      expect(await filled(job, 1, 4)).toEqual(await madeOf(pushed));
    });

    test('takes the next one whole where the server sends it', async () => {
      const { job } = await atVersion0();
      await job.give(0, 1);
      await job.give(1, 1, { slots: 1 });
      await job.servers[1]?.until('push', 2);
      expect(await filled(job, 1, 2)).toEqual([1, 1001].map((draw) => parametersAt(draw).slice(from, to)));
    });

    test('ends the connection to a server that says how to make what it did not ask for', async () => {
      const job = start();
      await begin(job, [{ from: 0, until: 9, leaves: [all] }]);
      await job.servers[1]?.until('pull', 1);
      job.servers[1]?.say(answer(0), new Float32Array(to - from));
      job.reconnect(1);
      expect(await job.servers[1]?.until('pull', 2)).toHaveLength(2);
    });
  });

  test('goes on where a server is taken from it while slots of the version before still come', async () => {
    const job = start();
    const assignments = [{ from: 0, until: 9, leaves: [all] }];
    await begin(job, assignments, { mirrors: [0, 1] });
    for (const server of [0, 1]) await job.give(server, 0);
    // The work of step 0 is begun, and version 1 asked for once the slots are here.
    await eventually(() => expect(job.engine.isRunning).toBe(true), 5_000, 1);
    job.coordinator.say({ type: 'plan', generation: 1, assignments, mirrors: [0] });
    for (const server of [0, 1]) await job.give(server, 0, { slots: 1 });
    await job.servers[0]?.until('push', 1);
    const [, pull] = (await job.servers[1]?.until('pull', 2)) ?? [];
    await job.give(0, 1, { slots: 1 });
    await job.give(1, 1, { slots: pull?.slots ? 1 : 0 });
    const pushes = await job.servers[0]?.until('push', 2);
    expect(pushes?.map(({ step }) => step)).toEqual([0, 1]);
  });

  test('takes no slots of one version for those of another, however late they come', async () => {
    const job = start();
    const assignments = [{ from: 0, until: 9, leaves: [all] }];
    await begin(job, assignments);
    for (const server of [0, 1]) await job.give(server, 0);
    await job.servers[0]?.until('push', 1);
    job.coordinator.say({ type: 'plan', generation: 1, assignments, mirrors: [1] });
    await job.give(0, 1);
    await job.give(1, 1, { slots: 1 });
    await job.servers[0]?.until('pull', 3);
    await job.give(1, 0, { slots: 1 });
    await job.give(1, 2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    job.coordinator.say({ type: 'pause', generation: 2 });
    const [, holdings] = await job.coordinator.until('holdings', 2);
    expect(holdings?.states).toEqual([{ server: 1, version: 1 }]);
  });

  test('claims no part of a version that is not here', async () => {
    const job = start();
    await begin(job, [{ from: 0, until: 9, leaves: [all] }], { mirrors: [0, 1] });
    for (const version of [0, 1]) {
      for (const server of [0, 1]) await job.give(server, version, { slots: 1 });
      await job.servers[0]?.until('push', version + 1);
    }
    await job.give(0, 2, { slots: 1 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    job.coordinator.say({ type: 'pause', generation: 2 });
    const [, holdings] = await job.coordinator.until('holdings', 2);
    const states = holdings?.states.map(({ server, version }) => `${server} at ${version}`);
    expect(states?.sort()).toEqual(['0 at 1', '0 at 2', '1 at 1']);
    expect(holdings?.newest).toBe(2);
  });

  test('gets the slots of the version at hand when it becomes one', async () => {
    const job = start();
    await begin(job, [{ from: 0, until: 1, leaves: [all] }]);
    for (const server of [0, 1]) await job.give(server, 0);
    await job.servers[0]?.until('push', 1);
    job.coordinator.say({
      type: 'plan',
      generation: 1,
      assignments: [{ from: 0, until: 1, leaves: [all] }],
      mirrors: [0],
    });
    const [, pull] = (await job.servers[0]?.until('pull', 2)) ?? [];
    expect(pull).toMatchObject({ version: 0, slots: true, losses: 0 });
    await job.give(0, 0, { slots: 1 });
    await eventually(
      async () => {
        job.coordinator.say({ type: 'pause', generation: 2 });
        const [, ...answers] = await job.coordinator.until('holdings', 2);
        expect(answers[answers.length - 1]?.states).toEqual([{ server: 0, version: 0 }]);
      },
      5_000,
      20,
    );
  });

  test('that is one no more keeps what it has until another version takes its memory', async () => {
    const job = start();
    const assignments = [{ from: 0, until: 9, leaves: [all] }];
    await begin(job, assignments, { mirrors: [0, 1] });
    for (const server of [0, 1]) await job.give(server, 0, { slots: 1 });
    await job.servers[1]?.until('pull', 2);
    // Another worker mirrors server 1 from the next version on.
    job.coordinator.say({ type: 'plan', generation: 1, assignments, mirrors: [0] });
    await job.give(0, 1, { slots: 1 });
    await job.give(1, 1);
    // Now this one asks for version 2, into the memory of version 0.
    await job.servers[1]?.until('pull', 3);
    const holdings = async (generation: number) => {
      job.coordinator.say({ type: 'pause', generation });
      const answers = await job.coordinator.until('holdings', generation);
      return answers
        .at(-1)
        ?.states.map(({ server, version }) => `${server} at ${version}`)
        .sort();
    };
    expect(await holdings(2)).toEqual(['0 at 0', '0 at 1', '1 at 0']);
    await begin(job, [{ from: 1, until: 9, leaves: [all] }], { generation: 3, mirrors: [0] });
    for (const version of [1, 2]) {
      await job.give(0, version, { generation: 3, slots: 1 });
      await job.give(1, version, { generation: 3 });
    }
    await job.servers[1]?.until('pull', 6);
    expect(job.servers[1]?.of('pull').map(({ version, slots }) => [version, slots])).toEqual([
      [0, true],
      [1, true],
      [2, false],
      [1, false],
      [2, false],
      [3, false],
    ]);
    // All other pulls are over, with what was asked for.
    job.servers[1]?.cut();
    job.reconnect(1);
    expect((await job.servers[1]?.until('pull', 7))?.at(-1)).toMatchObject({ version: 3 });
    expect(job.servers[1]?.of('pull')).toHaveLength(7);
    expect(await holdings(4)).toEqual(['0 at 1', '0 at 2']);
  });

  test('of a rule without slots pushes as soon as it has the weights, also where it had them before', async () => {
    const job = start({ slots: 0 });
    const some = [{ from: 0, until: 1, leaves: [{ from: 0, to: 2 }] }];
    await begin(job, some);
    for (const server of [0, 1]) await job.give(server, 0);
    await job.servers[0]?.until('push', 1);
    const more = [{ from: 0, until: 1, leaves: [all] }];
    job.coordinator.say({ type: 'plan', generation: 1, assignments: more, mirrors: [1] });
    await job.servers[1]?.until('pull', 2);
    await job.give(1, 0);
    await job.servers[0]?.until('push', 2);
    job.coordinator.say({ type: 'pause', generation: 2 });
    const [, holdings] = await job.coordinator.until('holdings', 2);
    expect(holdings?.states).toContainEqual({ server: 1, version: 0 });
  });

  test('gives the coordinator back what it said with a version', async () => {
    const job = start();
    await begin(job, [{ from: 0, until: 9, leaves: [all] }], { mirrors: [0] });
    const state = (losses: number[], text: string): Uint8Array =>
      Buffer.concat([new Uint8Array(Float64Array.from(losses).buffer), Buffer.from(text)]);
    const say = async (version: number, losses: number[], evaluations: string): Promise<void> => {
      const counts = {
        lossesFrom: 0,
        losses: losses.length,
        evaluationsFrom: 0,
        evaluations: evaluations === '' ? 0 : 1,
      };
      const message = { type: 'coordinator', generation: 1, version, ...counts } as const;
      job.servers[0]?.say(message, state(losses, `${evaluations}{"version":${version}}`));
      await job.give(0, version, { slots: 1 });
      await job.give(1, version);
    };
    expect(await job.servers[0]?.until('pull', 1)).toMatchObject([{ losses: 0, evaluations: 0 }]);
    await say(0, [], '');
    await job.servers[0]?.until('push', 1);
    await say(1, [0.5], '"first"\n');
    await job.servers[0]?.until('push', 2);
    const pulls = await job.servers[0]?.until('pull', 3);
    expect(pulls?.map(({ losses, evaluations }) => [losses, evaluations])).toEqual([
      [0, 0],
      [0, 0],
      [1, 1],
    ]);
    job.coordinator.say({ type: 'pause', generation: 2 });
    const [, holdings] = await job.coordinator.until('holdings', 2);
    expect(holdings?.coordinator).toEqual([0, 1]);
    job.coordinator.say({ type: 'recall', generation: 2, version: 1 });
    const [recalled] = await job.coordinator.until('recalled', 1);
    expect(recalled).toEqual({ type: 'recalled', generation: 2, version: 1, losses: 1 });
    expect(Buffer.from(job.coordinator.payloadOf(recalled as never))).toEqual(state([0.5], '"first"\n{"version":1}'));
    job.coordinator.say({ type: 'recall', generation: 2, version: 0 });
    const [, older] = await job.coordinator.until('recalled', 2);
    expect(older).toMatchObject({ version: 0, losses: 0 });
    expect(Buffer.from(job.coordinator.payloadOf(older as never))).toEqual(state([], '{"version":0}'));
  });
});
