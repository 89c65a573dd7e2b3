import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { TrainingFailure } from '../../../../runtime/errors.ts';
import { metricsOf } from '../../../../runtime/training/metrics.ts';
import { leavesOf } from '../../../../runtime/training/sum-tree.ts';
import type { Contribution } from '../../../../runtime/training/worker/engine-messages.ts';
import { TransportError } from '../../../../runtime/training/transport/connection.ts';
import { connectInMemory } from '../../../../runtime/training/transport/memory-connection.ts';
import { contributionOf } from '../../../../runtime/training/worker/gradient-round.ts';
import { eventually } from '../../../support/eventually.ts';
import {
  all,
  begin,
  floats,
  gradientShards,
  graph,
  parametersAt,
  rowsAt,
  rowsPerBatch,
  seed,
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

/** What the engine makes of a version, without the worker. */
function expected(job: ScriptedJob, step: number, node: { level: number; index: number }): Promise<Contribution> {
  const parameters = job.engine.allocate(graph.layout.total);
  parameters.values.set(parametersAt(step));
  const perShard = rowsPerBatch / gradientShards;
  const first = (step % 3) * rowsPerBatch;
  const round = {
    parameters,
    step,
    seed,
    rowWeight: 1 / rowsPerBatch,
    leaves: gradientShards,
    rowsOf: (leaf: number) => Promise.resolve(rowsAt(first + leaf * perShard, first + (leaf + 1) * perShard)),
  };
  return contributionOf(node, 9, round, job.engine);
}

async function acknowledge(job: ScriptedJob, server: number, count: number, generation = 1): Promise<void> {
  const pushes = (await job.servers[server]?.until('push', count)) ?? [];
  for (const { step, node } of pushes) job.servers[server]?.say({ type: 'pushed', generation, step, node });
}

describe('a worker', () => {
  test('says that it is ready, and who it is', async () => {
    const { coordinator, worker } = start();
    expect(await coordinator.until('ready', 1)).toEqual([
      {
        type: 'ready',
        podName: 'job-worker-0',
        runs: 1,
        programDigest: 'sha256:program',
        dataDigest: 'sha256:data',
      },
    ]);
    expect(worker.phase).toBe('Waiting');
    coordinator.say({ type: 'pause', generation: 1 });
    expect(await coordinator.until('holdings', 1)).toEqual([
      { type: 'holdings', generation: 1, states: [], coordinator: [], newest: 0 },
    ]);
    expect(worker.phase).toBe('Running');
  });

  test('pulls from all servers and pushes to each its slice of every node, step after step', async () => {
    const job = start();
    await begin(job, [{ from: 0, until: 2, leaves: [{ from: 0, to: 3 }] }]);
    for (const step of [0, 1]) {
      for (const [server, peer] of job.servers.entries()) {
        const pulls = await peer.until('pull', step + 1);
        expect(pulls[step]).toEqual({ type: 'pull', generation: 1, version: step, slots: false });
        await job.give(server, step);
      }
      for (const [server, peer] of job.servers.entries()) {
        const pushes = (await peer.until('push', 2 * (step + 1))).slice(2 * step);
        expect(pushes.map(({ node }) => leavesOf(node, gradientShards))).toEqual([
          { from: 0, to: 2 },
          { from: 2, to: 3 },
        ]);
        for (const push of pushes) {
          const { loss, vector } = await expected(job, step, push.node);
          const { from = 0, to = 0 } = slices[server] ?? {};
          expect(push).toMatchObject({ generation: 1, step, loss });
          expect(floats(peer.payloadOf(push))).toEqual(Float32Array.from(vector.values.subarray(from, to)));
        }
        await acknowledge(job, server, 2 * (step + 1));
      }
    }
    const bytes = graph.layout.total * 4;
    const count = async (name: string): Promise<number | undefined> =>
      (await job.registry.getSingleMetric(name)?.get())?.values.find(({ labels }) => labels.direction !== 'received')
        ?.value;
    await eventually(async () => expect(await count('modelyard_training_worker_shards_total')).toBe(6), 5_000, 5);
    expect(await count('modelyard_training_worker_step')).toBe(1);
    expect(await count('modelyard_training_worker_transfer_bytes_total')).toBe(4 * bytes);
  });

  test.each([
    ['Unreachable', 'WaitingForServers'],
    ['Untrusted', 'InvalidTransportSecret'],
  ] as const)('says why the coordinator is not reached: %s is %s, until it is', async (code, reason) => {
    let open = (): void => undefined;
    const job: ScriptedJob = start({
      connectControl: (opened, failed) => {
        open = () => connectInMemory(opened, (connection) => job.coordinator.open(connection));
        expect(failed(new TransportError(code, 'the reason'))).toBe(false);
        return { close: () => job.coordinator.cut() };
      },
    });
    expect(job.worker.fault).toMatchObject({ reason, message: expect.stringContaining('the reason') as unknown });
    open();
    await job.coordinator.until('ready', 1);
    expect(job.worker.fault).toBeUndefined();
  });

  test('asks for the next version as soon as it works on one, so that it is sent when it is made', async () => {
    const job = start();
    await begin(job, [{ from: 0, until: 5, leaves: [all] }]);
    for (const server of [0, 1]) await job.give(server, 0);
    const pulls = await job.servers[0]?.until('pull', 2);
    expect(pulls?.map(({ version }) => version)).toEqual([0, 1]);
  });

  test('asks and pushes again what was not answered when a connection comes back', async () => {
    const job = start();
    await begin(job, [{ from: 0, until: 1, leaves: [all] }]);
    const [first, second] = job.servers;
    await first?.until('pull', 1);
    first?.cut();
    job.reconnect(0);
    await first?.until('pull', 2);
    for (const server of [0, 1]) await job.give(server, 0);
    await second?.until('push', 1);
    second?.cut();
    job.reconnect(1);
    const pushes = (await second?.until('push', 2)) ?? [];
    const [before, after] = pushes.map((push) => second?.payloadOf(push));
    expect(after).toEqual(before);
    await acknowledge(job, 1, 2);
    second?.cut();
    job.reconnect(1);
    await acknowledge(job, 0, 1);
    expect(second?.of('push')).toHaveLength(2);
  });

  test('passes to the next step where a version is gone', async () => {
    const job = start();
    await begin(job, [{ from: 3, until: 6, leaves: [all] }]);
    await job.servers[0]?.until('pull', 1);
    job.servers[0]?.say({ type: 'gone', generation: 1, version: 3, newest: 5 });
    const pulls = await job.servers[1]?.until('pull', 2);
    expect(pulls?.map(({ version }) => version)).toEqual([3, 4]);
    job.servers[1]?.cut();
    job.reconnect(1);
    const [, , again] = (await job.servers[1]?.until('pull', 3)) ?? [];
    expect(again).toMatchObject({ version: 4 });
    for (const server of [0, 1]) await job.give(server, 4);
    const [push] = (await job.servers[0]?.until('push', 1)) ?? [];
    expect(push).toMatchObject({ step: 4 });
  });

  test('takes over leaves of others in the step at hand, and computes none twice', async () => {
    const job = start();
    await begin(job, [{ from: 0, until: 9, leaves: [{ from: 0, to: 2 }] }]);
    for (const server of [0, 1]) await job.give(server, 0);
    await job.servers[0]?.until('push', 1);
    const later = { from: 1, until: 9, leaves: [all] };
    job.coordinator.say({
      type: 'plan',
      generation: 1,
      assignments: [{ from: 0, until: 1, leaves: [all] }, later],
      mirrors: [],
    });
    const pushes = await job.servers[0]?.until('push', 2);
    expect(pushes?.map(({ step, node }) => [step, leavesOf(node, gradientShards)])).toEqual([
      [0, { from: 0, to: 2 }],
      [0, { from: 2, to: 4 }],
    ]);
  });

  test('drops everything when a generation begins, and ignores what an older one still says', async () => {
    const job = start();
    await begin(job, [{ from: 0, until: 9, leaves: [all] }]);
    for (const server of [0, 1]) await job.give(server, 0);
    await job.servers[0]?.until('push', 1);
    const [drop, recycle] = [jest.spyOn(job.engine, 'drop'), jest.spyOn(job.engine, 'recycle')];
    await begin(job, [{ from: 0, until: 9, leaves: [all] }], { generation: 2 });
    await job.coordinator.until('holdings', 2);
    expect(drop).toHaveBeenCalledTimes(1);
    // The push of the generation before may still be on its way out of that memory.
    expect(recycle).not.toHaveBeenCalled();
    expect(await job.coordinator.until('holdings', 2)).toMatchObject([{}, { generation: 2, newest: 0 }]);
    const [, , again] = (await job.servers[0]?.until('pull', 3)) ?? [];
    expect(again).toMatchObject({ generation: 2, version: 0 });
    for (const server of [0, 1]) await job.give(server, 0, { generation: 1 });
    job.servers[1]?.say({ type: 'gone', generation: 1, version: 0, newest: 1 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(job.servers[0]?.of('push')).toHaveLength(1);
    for (const server of [0, 1]) await job.give(server, 0, { generation: 2 });
    const pushes = await job.servers[0]?.until('push', 2);
    expect(pushes?.[1]).toMatchObject({ generation: 2, step: 0 });
  });

  test('connects to other incarnations when it is told so', async () => {
    const job = start();
    await begin(job, []);
    await job.coordinator.until('holdings', 1);
    job.coordinator.say({ type: 'servers', generation: 1, incarnations: [1, 2] });
    await eventually(() => expect(job.connected).toEqual([[1], [1, 2]]), 5_000, 5);
    expect(job.left).toEqual([[], [1]]);
  });

  test('evaluates chunks with a version of its own, while it trains', async () => {
    const job = start();
    await begin(job, [{ from: 0, until: 9, leaves: [all] }]);
    for (const server of [0, 1]) await job.give(server, 0);
    await job.servers[0]?.until('push', 1);
    const chunks = [
      { chunk: 0, from: 0, to: 3 },
      { chunk: 1, from: 3, to: 4 },
    ];
    job.coordinator.say({ type: 'evaluate', generation: 1, evaluation: 7, version: 0, split: 'validation', chunks });
    const messages = await job.coordinator.until('evaluated', 2);
    const counts = messages.map((message) => {
      expect(message).toMatchObject({ generation: 1, evaluation: 7 });
      const sums = new Float64Array(Uint8Array.from(job.coordinator.payloadOf(message)).buffer);
      expect(metricsOf(graph.label, sums, ['accuracy']).loss).toBeGreaterThan(0);
      return [message.chunk, sums[0]];
    });
    expect(counts.sort()).toEqual([
      [0, 3],
      [1, 1],
    ]);
  });

  test('that connects again in the middle of an evaluation takes part in it from the beginning', async () => {
    const job = start();
    await begin(job, []);
    const chunks = Array.from({ length: 4 }, (_, chunk) => ({ chunk, from: chunk, to: chunk + 1 }));
    const evaluate = jest.spyOn(job.engine, 'evaluate');
    const message = {
      type: 'evaluate',
      generation: 1,
      evaluation: 7,
      version: 0,
      split: 'validation',
      chunks,
    } as const;
    job.coordinator.say(message);
    for (const server of [0, 1]) await job.give(server, 0);
    // One runs and another waits for its turn.
    await eventually(() => expect(evaluate.mock.calls.length).toBeGreaterThanOrEqual(2), 5_000, 1);
    const before = job.coordinator.of('evaluated').length;
    job.coordinator.cut();
    job.reconnect();
    await begin(job, []);
    job.coordinator.say(message);
    for (const server of [0, 1]) await job.give(server, 0);
    const answers = eventually(
      () => {
        const answered = job.coordinator.of('evaluated').slice(before);
        expect([...new Set(answered.map(({ chunk }) => chunk))].sort()).toEqual([0, 1, 2, 3]);
      },
      5_000,
      5,
    );
    expect(await Promise.race([job.worker.ended, answers])).toBeUndefined();
  });

  test('tells the coordinator what is wrong with the data, once and for all', async () => {
    const fault = { reason: 'BadRows', message: 'row 3', retrying: false } as const;
    const job = start({ read: () => Promise.reject(new TrainingFailure(fault)) });
    await begin(job, [{ from: 0, until: 9, leaves: [all] }]);
    for (const server of [0, 1]) await job.give(server, 0);
    expect(await job.coordinator.until('failed', 1)).toEqual([{ type: 'failed', fault }]);
    expect(job.worker.fault).toEqual(fault);
  });

  test('tries again what may still succeed, and says what is the matter meanwhile', async () => {
    const fault = { reason: 'StorageUnavailable', message: 'no answer', retrying: true } as const;
    const job = start({ prepare: () => Promise.reject(new TrainingFailure(fault)) });
    expect(await job.coordinator.until('failed', 1)).toEqual([{ type: 'failed', fault }]);
    expect(job.worker.phase).toBe('Preparing');
  });

  test('ends when the job is over, when it is rejected, and when another took its place', async () => {
    const finished = start();
    finished.coordinator.say({ type: 'finish', outcome: { succeeded: true, reason: 'Trained', message: '' } });
    expect(await finished.worker.ended).toEqual({ kind: 'Finished' });
    const rejected = start();
    const fault = { reason: 'DataChanged', message: 'other data', retrying: false } as const;
    rejected.coordinator.say({ type: 'reject', fault });
    expect(await rejected.worker.ended).toEqual({ kind: 'Rejected', fault });
    const superseded = start({
      connectControl: (_, failed) => {
        const refusal = { refusal: 'Superseded' };
        expect(failed(new TransportError('Refused', 'another worker 0 came', refusal))).toBe(true);
        return { close: () => undefined };
      },
    });
    expect(await superseded.worker.ended).toEqual({ kind: 'Superseded', message: 'another worker 0 came' });
  });
});
