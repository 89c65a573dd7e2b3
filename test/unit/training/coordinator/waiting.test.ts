import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { breath, everybody } from '../../../../runtime/training/coordinator/waiting.ts';
import * as scripted from './scripted-members.ts';

const forMs = 60_000;

function waiting(servers: number, workers: number, lookForSuccessor = () => Promise.resolve()) {
  const all = scripted.everybody(servers, workers);
  const stop = new AbortController();
  const leaving = new Set<number>();
  const options = { members: all.members, leaving, signal: stop.signal, lookMs: 5, lookForSuccessor };
  return { ...all, stop, leaving, done: everybody(options) };
}

describe('waiting for everybody', () => {
  it('ends with the first worker that is ready', async () => {
    const { members, done } = waiting(2, 0);
    scripted.joinWorker(members, 0, false);
    scripted.joinWorker(members, 1);
    await done;
  });

  it('is interrupted by a server that wants to stop', async () => {
    const { servers, done } = waiting(2, 0);
    servers[1]?.say({ type: 'stopping' });
    await expect(done).rejects.toMatchObject({ code: 'Interrupted' });
  });

  it('looks for a successor again and again, and leaves to it', async () => {
    let looks = 0;
    const { done } = waiting(1, 0, () => (++looks < 3 ? Promise.resolve() : Promise.reject(new Error('replaced'))));
    await expect(done).rejects.toThrow('replaced');
  });

  it('does not look again while a look takes long, nor once it is over', async () => {
    let looks = 0;
    const look = Promise.withResolvers<undefined>();
    const { members, done } = waiting(1, 0, () => {
      looks++;
      return look.promise.then(() => undefined);
    });
    await delay(50);
    expect(looks).toBe(1);
    scripted.joinWorker(members, 0);
    await done;
    look.resolve(undefined);
    await delay(50);
    expect(looks).toBe(1);
  });
});

describe('a breath', () => {
  it.each(['passes', 'ends when a server wants to stop', 'ends when a worker joins'])('%s', async (how) => {
    const { members, servers } = scripted.everybody(1, 1);
    const over = breath(members, how === 'passes' ? 5 : forMs, new AbortController().signal);
    if (how.includes('server')) servers[0]?.say({ type: 'stopping' });
    if (how.includes('worker')) scripted.joinWorker(members, 1);
    await over;
  });

  it('is cut off with the job', async () => {
    const { members } = scripted.everybody(1, 1);
    const stop = new AbortController();
    const over = breath(members, forMs, stop.signal);
    stop.abort(new Error('over'));
    await expect(over).rejects.toThrow('over');
  });
});
