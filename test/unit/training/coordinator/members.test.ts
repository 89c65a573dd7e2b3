import { describe, expect, it } from '@jest/globals';
import { Members } from '../../../../runtime/training/coordinator/members.ts';
import { TransportError } from '../../../../runtime/training/transport/connection.ts';
import { everybody, joinServer, joinWorker, Peer } from './scripted-members.ts';

describe('the members of a job', () => {
  it('are known by what they are, and only ready workers count', () => {
    const members = new Members(2);
    joinServer(members, 1);
    joinWorker(members, 3, false);
    joinWorker(members, 5);
    joinWorker(members, 2);
    expect(members.absent).toEqual([0]);
    expect(members.servers.map(({ index }) => index)).toEqual([1]);
    expect(members.workers.map(({ index }) => index)).toEqual([2, 5]);
  });

  it('are one incarnation of each server: older ones are turned away, a newer one takes the place', () => {
    const members = new Members(1);
    const left: number[] = [];
    members.listen({ serverLeft: ({ incarnation }) => left.push(incarnation) });
    const first = joinServer(members, 0, 2);
    expect(joinServer(members, 0, 1)).toMatchObject({ code: 'Superseded' });
    joinServer(members, 0, 3);
    expect(left).toEqual([2]);
    expect(first instanceof Peer && first.open).toBe(false);
    expect(joinServer(members, 0, 2)).toMatchObject({ code: 'Superseded' });
    expect(members.servers.map(({ incarnation }) => incarnation)).toEqual([3]);
  });

  it('are rid of an incarnation when storage knows of a newer one', () => {
    const { members, servers } = everybody(1, 0);
    members.learn(0, 2);
    expect(servers[0]?.open).toBe(false);
    expect(joinServer(members, 0, 1)).toMatchObject({ code: 'Superseded' });
  });

  it('are no servers that the job does not have', () => {
    expect(joinServer(new Members(2), 2)).toMatchObject({ code: 'WrongJob' });
  });

  it('are told apart when a worker connects again: what the old connection says counts no more', () => {
    const members = new Members(1);
    const said: string[] = [];
    members.listen({ workerSaid: (_, { type }) => said.push(type), workerLeft: () => said.push('left') });
    const before = joinWorker(members, 0);
    const after = joinWorker(members, 0);
    expect(before.open).toBe(false);
    before.say({ type: 'evaluated', generation: 1, evaluation: 1, chunk: 0 });
    after.say({ type: 'holdings', generation: 1, states: [], coordinator: [], newest: 0 });
    expect(said).toEqual(['left', 'holdings']);
  });

  it('are of two workers with one index the one that started later, whichever connects again', () => {
    const members = new Members(1);
    const older = joinWorker(members, 0, true, 1_000);
    const younger = joinWorker(members, 0, true, 2_000);
    expect([older.open, younger.open]).toEqual([false, true]);
    expect(() => joinWorker(members, 0, true, 1_000)).toThrow('a worker 0 that was started later took over');
    younger.leave();
    expect(() => joinWorker(members, 0, true, 1_000)).toThrow('took over');
    expect(joinWorker(members, 0, true, 2_000).open).toBe(true);
    expect(joinWorker(members, 1, true, 1_000).open).toBe(true);
  });

  it('all hear the last words, also those who connect afterwards', async () => {
    const { members, workers } = everybody(2, 1);
    const outcome = { succeeded: true, reason: 'Trained', message: '' };
    const gone = members.farewell({ type: 'finish', outcome }, 5_000);
    const late = joinWorker(members, 7, false);
    for (const peer of [...workers, late]) {
      expect(peer.of('finish')).toEqual([{ type: 'finish', outcome }]);
      peer.leave();
    }
    joinServer(members, 1, 2);
    members.servers.find(({ index }) => index === 1)?.connection.destroy();
    await gone;
  });

  it('refuses payloads that no member sends', () => {
    const { workers } = everybody(1, 1);
    expect(() =>
      workers[0]?.receiver?.message({ type: 'evaluated', generation: 1, evaluation: 1, chunk: 0 }, 2 ** 30),
    ).toThrow(TransportError);
  });
});
