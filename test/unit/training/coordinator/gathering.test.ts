import { describe, expect, it } from '@jest/globals';
import { gather, type GatheringOptions } from '../../../../runtime/training/coordinator/gathering.ts';
import { everybody, joinWorker, type ServerPeer, type WorkerPeer } from './scripted-members.ts';

const waits = { recoveryMs: 150, settleMs: 0, successorMs: 60_000, saveMs: 0, farewellMs: 0 };

const optionsOf = (
  members: GatheringOptions['members'],
  changes: Partial<GatheringOptions> = {},
): GatheringOptions => ({
  members,
  generation: 5,
  signal: new AbortController().signal,
  now: () => performance.now(),
  waits,
  knownSteps: 100,
  checkpoint: undefined,
  below: Infinity,
  settledAtMs: 0,
  program: { trainable: 1, total: 1, totalSteps: 1 },
  ...changes,
});

const serverHas = (peer: ServerPeer | undefined, versions: number[], generation = 5) =>
  peer?.say({ type: 'holdings', generation, versions });

const workerHas = (peer: WorkerPeer | undefined, states: { server: number; version: number }[] = [], newest = 0) =>
  peer?.say({ type: 'holdings', generation: 5, states, coordinator: [], newest });

describe('gathering', () => {
  it('stops everybody, tells servers the program first, and ends as soon as all agree on a version', async () => {
    const { members, servers, workers } = everybody(2, 1);
    const gathered = gather(optionsOf(members));
    expect(servers[1]?.heard.map(({ type }) => type)).toEqual(['program', 'pause']);
    expect(workers[0]?.of('pause')).toEqual([{ type: 'pause', generation: 5 }]);
    serverHas(servers[0], [7, 8]);
    workerHas(workers[0], [], 9);
    serverHas(servers[1], [8, 7]);
    expect(await gathered).toEqual({
      recovery: { kind: 'Continue', version: 8, fills: [], recall: undefined },
      newest: 9,
    });
  });

  it('takes no answer to an older question', async () => {
    const { members, servers, workers } = everybody(1, 1);
    const gathered = gather(optionsOf(members));
    serverHas(servers[0], [3], 4);
    workerHas(workers[0]);
    serverHas(servers[0], [8]);
    expect((await gathered).recovery).toMatchObject({ version: 8 });
  });

  it('waits for a worker that can fill a server, and takes the checkpoint when none comes', async () => {
    const { members, servers, workers } = everybody(2, 1);
    const begin = performance.now();
    const gathered = gather(optionsOf(members, { checkpoint: 5 }));
    serverHas(servers[0], [8]);
    serverHas(servers[1], []);
    workerHas(workers[0]);
    expect(await gathered).toEqual({ recovery: { kind: 'Checkpoint', version: 5 }, newest: 8 });
    expect(performance.now() - begin).toBeGreaterThan(140);
  });

  it('goes on at once when that worker comes', async () => {
    const { members, servers, workers } = everybody(2, 1);
    const gathered = gather(optionsOf(members, { checkpoint: 5, waits: { ...waits, recoveryMs: 60_000 } }));
    serverHas(servers[0], [8]);
    serverHas(servers[1], []);
    workerHas(workers[0]);
    workerHas(joinWorker(members, 1), [{ server: 1, version: 8 }]);
    expect((await gathered).recovery).toMatchObject({ version: 8, fills: [{ server: 1, worker: 1 }] });
  });

  it('does not count on a worker that left', async () => {
    const { members, servers, workers } = everybody(2, 2);
    const gathered = gather(optionsOf(members, { checkpoint: 5 }));
    serverHas(servers[0], [8]);
    workerHas(workers[0], [{ server: 1, version: 8 }]);
    workerHas(workers[1]);
    workers[0]?.leave();
    serverHas(servers[1], []);
    expect((await gathered).recovery).toEqual({ kind: 'Checkpoint', version: 5 });
  });

  it('does not wait where nobody has anything, but for the first moments of a coordinator that replaces another', async () => {
    const fresh = everybody(1, 1);
    const begin = performance.now();
    const first = gather(optionsOf(fresh.members, { waits: { ...waits, recoveryMs: 60_000 } }));
    serverHas(fresh.servers[0], []);
    workerHas(fresh.workers[0]);
    expect((await first).recovery).toEqual({ kind: 'Start' });
    expect(performance.now() - begin).toBeLessThan(100);

    const replaced = everybody(1, 1);
    const second = gather(optionsOf(replaced.members, { settledAtMs: performance.now() + 60_000, knownSteps: 0 }));
    serverHas(replaced.servers[0], []);
    workerHas(replaced.workers[0]);
    joinWorker(replaced.members, 1).say({
      type: 'holdings',
      generation: 5,
      states: [{ server: 0, version: 4 }],
      coordinator: [4],
      newest: 4,
    });
    expect((await second).recovery).toMatchObject({ kind: 'Continue', version: 4, recall: 1 });
  });

  it('ends with the generation', async () => {
    const { members } = everybody(1, 1);
    const stop = new AbortController();
    const gathered = gather(optionsOf(members, { signal: stop.signal }));
    stop.abort(new Error('a server was lost'));
    await expect(gathered).rejects.toThrow('a server was lost');
  });
});
