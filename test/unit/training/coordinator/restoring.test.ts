import { describe, expect, it } from '@jest/globals';
import { restore, type RestoringOptions } from '../../../../runtime/training/coordinator/restoring.ts';
import type { TrainingFault } from '../../../../runtime/training-contract.ts';
import { everybody } from './scripted-members.ts';

function restoring(servers: number, workers: number, changes: Partial<RestoringOptions> = {}) {
  const all = everybody(servers, workers);
  const stop = new AbortController();
  const faults: (TrainingFault | undefined)[] = [];
  const done = restore({
    members: all.members,
    generation: 5,
    signal: stop.signal,
    abort: (reason) => stop.abort(reason),
    incarnations: Array.from({ length: servers }, () => 1),
    reached: () => undefined,
    version: 8,
    sources: Array.from({ length: servers }, () => ({ kind: 'Held' as const })),
    onFault: (fault) => faults.push(fault),
    ...changes,
  });
  return { ...all, faults, done };
}

const troubled = (fault: TrainingFault) => ({ type: 'troubled', generation: 5, folder: 'f/', fault }) as const;

describe('restoring', () => {
  it('ends once every server has the version', async () => {
    const { servers, done } = restoring(2, 1);
    expect(servers[0]?.of('restore')).toEqual([{ type: 'restore', generation: 5, version: 8, from: { kind: 'Held' } }]);
    for (const server of servers) server.say({ type: 'restored', generation: 5, version: 8 });
    await done;
  });

  it('says what is the matter with storage while it is tried again, and ends with a fault that no trying mends', async () => {
    const { servers, faults, done } = restoring(1, 1);
    const passing = { reason: 'StorageUnavailable', message: 'no answer', retrying: true } as const;
    servers[0]?.say(troubled(passing));
    expect(faults).toEqual([passing]);
    const lasting = { reason: 'AccessDenied', message: 'the key was taken back', retrying: false } as const;
    servers[0]?.say(troubled(lasting));
    await expect(done).rejects.toMatchObject({ fault: lasting });
  });

  it('is interrupted where the worker that was to fill a server is not there any more', async () => {
    const { servers, done } = restoring(1, 1, {
      sources: [{ kind: 'Fill' }],
      fills: [{ server: 0, worker: 7 }],
    });
    servers[0]?.say({ type: 'expecting', generation: 5, version: 8 });
    await expect(done).rejects.toMatchObject({ code: 'Interrupted' });
  });
});
