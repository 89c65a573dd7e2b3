import { pino } from 'pino';
import { describe, expect, it } from '@jest/globals';
import { Ledger } from '../../../../runtime/training/coordinator/ledger.ts';
import type { PreparedJob } from '../../../../runtime/training/coordinator/options.ts';
import { Recoverer } from '../../../../runtime/training/coordinator/recoverer.ts';
import { MemoryFolder } from '../../../runtime/training/server/memory-folder.ts';
import { everybody, joinWorker } from './scripted-members.ts';

const prepared = { layout: { trainable: 4, total: 4 }, dataDigest: 'd', programDigest: 'p' } as PreparedJob;

function recovering(servers: number, workers: number) {
  const all = everybody(servers, workers);
  const stop = new AbortController();
  const recoverer = new Recoverer({
    checkpoints: new MemoryFolder(),
    slices: { fill: () => Promise.resolve(), pull: () => Promise.resolve() },
    now: () => performance.now(),
    waits: { recoveryMs: 60_000, settleMs: 0, successorMs: 60_000, saveMs: 0, farewellMs: 0 },
    log: pino({ level: 'silent' }),
    prepared,
    plan: { rows: 8, batchSize: 4, gradientShards: 2, epochs: 3 },
    ledger: new Ledger(prepared),
    keeper: { newest: { version: undefined }, found: () => undefined, forget: () => undefined },
    patience: { random: () => 0, signal: stop.signal, onTrouble: () => undefined },
    settledAtMs: 0,
  });
  const done = recoverer.recover({
    members: all.members,
    generation: 5,
    signal: stop.signal,
    abort: (reason) => stop.abort(reason),
    incarnations: Array.from({ length: servers }, () => 1),
    reached: () => undefined,
  });
  return { ...all, done };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5));

describe('recovery', () => {
  it('is interrupted where the worker that was to fill a server leaves while another one tells what it knows', async () => {
    const { members, servers, workers, done } = recovering(2, 2);
    await turn();
    const holdings = { type: 'holdings', generation: 5, newest: 4 } as const;
    servers[0]?.say({ type: 'holdings', generation: 5, versions: [] });
    servers[1]?.say({ type: 'holdings', generation: 5, versions: [4] });
    workers[0]?.say({ ...holdings, states: [], coordinator: [4] });
    workers[1]?.say({ ...holdings, states: [{ server: 0, version: 4 }], coordinator: [] });
    await turn();
    expect(workers[0]?.of('recall')).toHaveLength(1);
    workers[1]?.leave();
    joinWorker(members, 1);
    await expect(done).rejects.toMatchObject({ code: 'Interrupted' });
  });
});
